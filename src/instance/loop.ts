// One instance: it joins the pool, claims videos while there is room, and drains when it is told to.
import type { InstanceFigures, PoolView } from "../claim/membership.js";
import { EXIT } from "../errors.js";
import type { Beat } from "../store/store.js";
import { Attempt } from "./attempt.js";
import { Deadlines } from "./deadlines.js";
import { drainInstance } from "./drain.js";
import { Ending } from "./ending.js";
import { Figures } from "./figures.js";
import { Heartbeat } from "./heartbeat.js";
import { InHand } from "./in-hand.js";
import { processVideo, releaseUnstarted } from "./journey.js";
import { Lanes } from "./lanes.js";
import { Memory } from "./memory.js";
import { MemoryWatch } from "./memory-watch.js";
import { Pace } from "./pace.js";
import type { InstanceParts } from "./parts.js";
import { PoolStops } from "./pool-stops.js";
import { Signal } from "./signal.js";

export class InstanceLoop {
  readonly #signal = new Signal();
  readonly #parts;
  readonly #heartbeat: Heartbeat;
  readonly #memoryWatch: MemoryWatch;
  readonly #lanes: Lanes;
  #view: PoolView = { rank: 0, count: 0 };

  constructor(given: InstanceParts) {
    const { instance, store, config, report } = given;
    const pace = new Pace({ ...config, aheadMs: store.claimAheadMs });
    const inHand = new InHand({ pace, signal: this.#signal, claimsBeforeSettled: store.claimsBeforeSettled });
    const stops = new PoolStops(given);
    const memory = new Memory(given);
    const ending = new Ending({ report, onRequest: () => this.#beginEnd() });
    const deadlines = new Deadlines(config.timeoutMs, instance.clock);
    this.#parts = {
      ...given,
      signal: this.#signal,
      figures: new Figures(),
      pace,
      inHand,
      stops,
      memory,
      ending,
      deadlines,
    };
    this.#heartbeat = new Heartbeat({ ...this.#parts, apply: (beat) => this.#applyBeat(beat) });
    this.#memoryWatch = new MemoryWatch(this.#parts);
    this.#lanes = new Lanes(config.concurrency, () => this.#work());
  }

  /** The instance's rank as of its last heartbeat. */
  get rank(): number {
    return this.#view.rank;
  }

  /** As the next heartbeat would tell them. */
  get figures(): InstanceFigures & PoolView {
    const { figures, inHand, memory } = this.#parts;
    return { ...figures, inHand: inHand.size, ...memory.figures, ...this.#view };
  }

  /** Joins the pool; from here on the instance has a rank. */
  async open(): Promise<void> {
    const { store, memory, ending, report } = this.#parts;
    const isDraining = () => ending.requested !== undefined;
    await store.join({ isDraining, requestBeat: (options) => this.#heartbeat.beatNow(options) });
    if (isDraining()) return;
    const { begun, view, suspect } = await store.beginWork(memory.admission());
    memory.noteBegun(begun);
    this.#view = view;
    this.#parts.inHand.suspect = suspect;
    if (begun) report({ type: "instance.working", ...view });
    this.#heartbeat.start();
    this.#memoryWatch.start();
  }

  /** Works until drained; resolves to the exit code. */
  async run(): Promise<number> {
    const { ending, instance } = this.#parts;
    while (ending.requested === undefined) {
      const room = this.#room();
      const claimed = room > 0 ? await this.#claim(room) : 0;
      if (claimed === 0) await this.#signal.wait();
      // Videos that are done at once would otherwise keep heartbeats and signals waiting for ever; and a group that is
      // being settled is looked at once, when all of it has left the hand.
      await instance.clock.turn();
    }
    this.#memoryWatch.stop();
    await drainInstance(ending.requested, { ...this.#parts, heartbeat: this.#heartbeat });
    return ending.requested.exitCode;
  }

  /** Claims no more, finishes or releases what is in hand, and ends `run`. Any number of calls count as one. */
  drain(because: string, exitCode: number = EXIT.completed): void {
    this.#parts.ending.request(because, exitCode);
  }

  #beginEnd(): void {
    this.#parts.store.endClaims();
    this.#signal.notify();
  }

  #room(): number {
    const { memory, inHand } = this.#parts;
    return memory.heldBack === null ? inHand.room(this.#lanes) : 0;
  }

  async #claim(limit: number): Promise<number> {
    const { inHand, memory, store, ending, instance, report, processor, deadlines } = this.#parts;
    const { database, clock } = instance;
    const alone = inHand.size === 0 && inHand.suspect !== "none";
    try {
      if (!(await this.#memoryWatch.reserve())) return 0;
      const claims = await store.claim({ limit, alone });
      const at = clock.nowFine();
      if (inHand.size === 0) memory.noteRest();
      for (const claim of claims) inHand.add(new Attempt({ claim, processor, database, clock, deadlines }));
      for (const claim of claims) report({ type: "video.claimed", claim, at });
      if (claims.length > 0) this.#memoryWatch.noteClaims();
      this.#lanes.start(claims.length);
      return claims.length;
    } catch (error) {
      ending.noteError(error);
      return 0;
    }
  }

  async #work(): Promise<void> {
    const { inHand } = this.#parts;
    for (let attempt = inHand.next(); attempt !== undefined; attempt = inHand.next()) {
      await processVideo(attempt, this.#parts);
    }
  }

  async #applyBeat(beat: Beat): Promise<void> {
    const { inHand, memory, stops, ending, report } = this.#parts;
    if (!beat.renewed) {
      // Another host took this instance for dead: its videos are somebody else's by now, and a new life starts clean.
      inHand.stopAll("lost");
      return ending.request("its lease was taken for expired", EXIT.recycle);
    }
    inHand.stop(beat.lost, "lost");
    report({ type: "lease.renewed", at: beat.at, until: beat.leaseUntil });
    const changed = beat.view.count !== this.#view.count || beat.view.rank !== this.#view.rank;
    this.#view = beat.view;
    if (changed) report({ type: "pool.changed", ...beat.view });
    memory.noteOthers(beat.memory);
    memory.noteBegun(beat.begun);
    if (beat.begun) report({ type: "instance.working", ...beat.view });
    if (beat.suspect !== undefined) inHand.suspect = beat.suspect;
    if (stops.update()) releaseUnstarted(this.#parts);
    await this.#memoryWatch.look();
  }
}
