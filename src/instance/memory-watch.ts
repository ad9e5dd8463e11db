// Looks at memory several times a second, and ends the instance when it takes too much of it.
import type { Timer } from "../clock.js";
import { EXIT } from "../errors.js";
import type { Millis } from "../video.js";
import type { Ending } from "./ending.js";
import type { InHand } from "./in-hand.js";
import type { Memory } from "./memory.js";
import type { InstanceParts } from "./parts.js";
import type { Signal } from "./signal.js";

/** How often memory is looked at: idle; with videos in hand; and where these can fill the box within a second. */
const IDLE_LOOK_MS: Millis = 1000;
const BUSY_LOOK_MS: Millis = 250;
const NARROW_LOOK_MS: Millis = 50;

interface WatchParts extends Pick<InstanceParts, "instance" | "store"> {
  memory: Memory;
  inHand: InHand;
  ending: Ending;
  signal: Signal;
}

export class MemoryWatch {
  readonly #parts: WatchParts;
  #timer: Timer | undefined;
  #pauseMs: Millis = IDLE_LOOK_MS;
  #lookedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Also after a claim: what is in hand decides how often. Heartbeats look as well, so idle instances sleep longer. */
  start(): void {
    this.#timer?.cancel();
    const { instance, ending } = this.#parts;
    if (ending.requested !== undefined) return;
    this.#pauseMs = this.#choosePauseMs();
    this.#timer = instance.clock.timer(this.#pauseMs, () => {
      const isDue = instance.clock.monotonic() - this.#lookedAt >= this.#pauseMs;
      if (isDue) this.look().catch((error: unknown) => ending.noteError(error));
      this.start();
    });
  }

  noteClaims(): void {
    if (this.#pauseMs === IDLE_LOOK_MS) this.start();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Requests the drain where there is no other way. */
  async look(): Promise<void> {
    const { instance, memory, inHand, ending, signal, store } = this.#parts;
    if (ending.requested !== undefined) return;
    this.#lookedAt = instance.clock.monotonic();
    const held = memory.heldBack;
    const decision = memory.look(inHand.size);
    if (held !== null && memory.heldBack === null) signal.notify();
    if (decision === "stay" || !(await store.beginRecycle())) return;
    const atOnce = decision === "yield";
    ending.request(atOnce ? "the box is full" : "memory above HIDB_INSTANCE_MEMORY_MB", EXIT.recycle, { atOnce });
  }

  /** Before a claim: true when the memory that an attempt may take is there. Videos in hand have it reserved already. */
  async reserve(): Promise<boolean> {
    const { memory, inHand, store } = this.#parts;
    const wanted = inHand.size > 0 ? undefined : memory.reservation();
    return wanted === undefined || memory.noteReserved(await store.reserveMemory(wanted));
  }

  #choosePauseMs(): Millis {
    if (this.#parts.inHand.size === 0) return IDLE_LOOK_MS;
    return this.#parts.memory.isNarrow ? NARROW_LOOK_MS : BUSY_LOOK_MS;
  }
}
