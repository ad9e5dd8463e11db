// One instance: it joins the pool, claims videos while there is room, and drains when it is told to.
import type { InstanceFigures, PoolView } from "../claim/membership.js";
import { EXIT } from "../errors.js";
import { applyBeat } from "./apply-beat.js";
import { Attempt } from "./attempt.js";
import { drainInstance } from "./drain.js";
import { Heartbeat } from "./heartbeat.js";
import { processVideo } from "./journey.js";
import { Lanes } from "./lanes.js";
import { type LoopParts, makeLoopParts } from "./loop-parts.js";
import type { InstanceParts } from "./parts.js";

export class InstanceLoop {
  readonly #parts: LoopParts;
  readonly #heartbeat: Heartbeat;
  readonly #lanes: Lanes;

  constructor(given: InstanceParts) {
    this.#parts = makeLoopParts(given);
    this.#heartbeat = new Heartbeat({ ...this.#parts, apply: (beat) => applyBeat(beat, this.#parts) });
    this.#lanes = new Lanes(given.config.concurrency, () => this.#work());
  }

  /** The instance's rank as of its last heartbeat. */
  get rank(): number {
    return this.#parts.pool.view.rank;
  }

  /** As the next heartbeat would tell them. */
  get figures(): InstanceFigures & PoolView {
    const { figures, inHand, memory, pool } = this.#parts;
    return { ...figures, inHand: inHand.size, ...memory.figures, ...pool.view };
  }

  /** Joins the pool; from here on the instance has a rank. */
  async open(): Promise<void> {
    const { store, pool, memory, memoryWatch, inHand, ending, report } = this.#parts;
    const isDraining = () => ending.requested !== undefined;
    await store.join({ isDraining, requestBeat: (options) => this.#heartbeat.beatNow(options) });
    if (isDraining()) return;
    const { begun, view, suspect } = await store.beginWork(memory.admission());
    memory.noteBegun(begun);
    pool.view = view;
    inHand.suspect = suspect;
    if (begun) report({ type: "instance.working", ...view });
    this.#heartbeat.start();
    memoryWatch.start();
  }

  /** Works until drained; resolves to the exit code. */
  async run(): Promise<number> {
    const { ending, instance, signal, memoryWatch } = this.#parts;
    while (ending.requested === undefined) {
      const room = this.#room();
      const claimed = room > 0 ? await this.#claim(room) : 0;
      if (claimed === 0) await signal.wait();
      // Videos that are done at once would otherwise keep heartbeats and signals waiting for ever; and a group that is
      // being settled is looked at once, when all of it has left the hand.
      await instance.clock.turn();
    }
    memoryWatch.stop();
    await drainInstance(ending.requested, { ...this.#parts, heartbeat: this.#heartbeat });
    return ending.requested.exitCode;
  }

  /** Claims no more, finishes or releases what is in hand, and ends `run`. Any number of calls count as one. */
  drain(because: string, exitCode: number = EXIT.completed): void {
    this.#parts.ending.request(because, exitCode);
  }

  #room(): number {
    const { memory, inHand } = this.#parts;
    return memory.heldBack === null ? inHand.room(this.#lanes) : 0;
  }

  async #claim(limit: number): Promise<number> {
    const { inHand, memory, memoryWatch, store, ending, instance, report, processor, deadlines } = this.#parts;
    const { database, clock } = instance;
    const alone = inHand.size === 0 && inHand.suspect !== "none";
    try {
      if (!(await memoryWatch.reserve())) return 0;
      const claims = await store.claim({ limit, alone });
      const at = clock.nowFine();
      if (inHand.size === 0) memory.noteRest();
      for (const claim of claims) inHand.add(new Attempt({ claim, processor, database, clock, deadlines }));
      for (const claim of claims) report({ type: "video.claimed", claim, at });
      if (claims.length > 0) memoryWatch.noteClaims();
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
}
