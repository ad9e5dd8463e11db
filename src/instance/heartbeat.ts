// The heartbeat of an instance: a timer of its own around one question to the store. What a beat found is a value, which
// the loop applies.
import type { Timer } from "../clock.js";
import { STOP_KEYS } from "../database/statements.js";
import type { Beat } from "../store/store.js";
import type { Millis } from "../video.js";
import type { Ending } from "./ending.js";
import type { Figures } from "./figures.js";
import type { InHand } from "./in-hand.js";
import type { Memory } from "./memory.js";
import type { InstanceParts } from "./parts.js";
import type { Signal } from "./signal.js";

/** An idle instance looks so soon, and so often, for a video that it has given back for another attempt. */
const RETRY_LOOK_MS: Millis = 5000;
const RETRY_LOOKS = 3;
/** How often an instance looks whether the pool that is being started is complete. */
const STARTING_BEAT_MS: Millis = 50;

export interface HeartbeatParts extends Pick<InstanceParts, "instance" | "store" | "runs" | "config"> {
  inHand: InHand;
  figures: Figures;
  memory: Memory;
  ending: Ending;
  signal: Signal;
  apply: (beat: Beat) => Promise<void>;
}

export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #timer: Timer | undefined;
  #stopped = true;
  #beating: Promise<void> | undefined;
  /** Heartbeats that still look for a video that was given back for another attempt. */
  #retryLooks = 0;
  #retriedSeen = 0;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
    this.#schedule(Math.min(this.#parts.store.firstBeatMs, this.#pauseMs()));
  }

  /** Resolves when no beat is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#beating;
  }

  /** Beats now, unless a beat is under way. `busy`: the instance has videos in hand, or is about to. */
  beatNow({ busy = this.#parts.inHand.size > 0 } = {}): void {
    if (this.#beating !== undefined) return;
    const { ending, signal, apply } = this.#parts;
    this.#beating = this.#beatOnce(busy)
      .then(apply)
      .catch((error: unknown) => ending.noteError(error))
      .finally(() => {
        this.#beating = undefined;
        signal.notify();
        if (!this.#stopped) this.#schedule(this.#pauseMs());
      });
  }

  async #beatOnce(busy: boolean): Promise<Beat> {
    const { store, inHand, figures, memory, ending, runs, config } = this.#parts;
    const isDraining = ending.requested !== undefined;
    return store.beat({
      figures: { ...figures, inHand: inHand.size, ...memory.figures, busy },
      checkClaims: inHand.runningLongerThan(config.heartbeatMs),
      isDraining,
      admission: !isDraining && memory.heldBack === "admission" ? memory.admission() : undefined,
      alongside: isDraining || runs === undefined ? undefined : () => runs.beat(),
    });
  }

  #schedule(afterMs: Millis): void {
    const { store, inHand, instance } = this.#parts;
    this.#timer?.cancel();
    this.#timer = instance.clock.timer(afterMs, () => {
      if (store.isBeatDue(inHand.size > 0)) this.beatNow();
      else this.#schedule(this.#pauseMs());
    });
  }

  #pauseMs(): Millis {
    const { config, inHand, figures, instance } = this.#parts;
    const { clock, stops } = instance;
    const start = stops.find(({ key }) => key === STOP_KEYS.start);
    // At the moment itself: whoever looked later would find that another instance has taken a short run's videos.
    const leftMs = (start?.until ?? 0) - clock.now();
    if (leftMs > 0) return Math.min(config.heartbeatMs, STARTING_BEAT_MS, leftMs);
    if (figures.retried > this.#retriedSeen) this.#retryLooks = RETRY_LOOKS;
    this.#retriedSeen = figures.retried;
    if (inHand.size > 0 || this.#retryLooks === 0) return config.heartbeatMs;
    this.#retryLooks--;
    return Math.min(config.heartbeatMs, RETRY_LOOK_MS);
  }
}
