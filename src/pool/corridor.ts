// The corridor: claim -> process -> settle -> report, over and over, until the instance is told to drain.
import pLimit, { type LimitFunction } from "p-limit";
import type { Claimer } from "../claim/claimer.js";
import * as membership from "../claim/membership.js";
import { findLostClaims, reclaimVideos } from "../claim/reclaim.js";
import type { Config } from "../config.js";
import { EXIT, HidbError } from "../errors.js";
import type { Processor } from "../process/processor.js";
import type { PoolEvent } from "../report/event.js";
import { isPassing, type Settler } from "../settle/settler.js";
import type { Claim, Millis, Outcome } from "../video.js";
import { ABORT_GRACE_MS, Attempt } from "./attempt.js";
import { Bell } from "./bell.js";
import { Deadlines } from "./deadlines.js";
import { Pace } from "./pace.js";

/** What one instance is made of; main.ts wires it. */
export interface House {
  instance: membership.Instance;
  claimer: Claimer;
  processor: Processor;
  settler: Settler;
  report: (event: PoolEvent) => void;
  /** Brings in what is new in a catalogue that others fill; nothing to do for our own table. */
  findNewVideos: () => Promise<void>;
  config: Pick<
    Config,
    "concurrency" | "claimCount" | "drainMs" | "heartbeatMs" | "instanceMemoryMb" | "maxAttempts" | "timeoutMs"
  >;
}

interface Drain {
  because: string;
  exitCode: number;
}

export class Corridor {
  readonly #house: House;
  readonly #bell = new Bell();
  readonly #hand = new Map<number, Attempt>();
  readonly #limit: LimitFunction;
  readonly #pace: Pace;
  readonly #deadlines: Deadlines;
  readonly #figures = { completed: 0, retried: 0, failed: 0, released: 0, lost: 0, busyMs: 0 };
  #view: membership.PoolView = { rank: 0, count: 0 };
  #drain: Drain | undefined;
  #beatTimer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #tooBig = false;
  #unsettled = 0;

  constructor(house: House) {
    this.#house = house;
    this.#limit = pLimit(house.config.concurrency);
    this.#deadlines = new Deadlines(house.config.timeoutMs);
    this.#pace = new Pace(house.config.concurrency, house.config.claimCount);
  }

  /** The instance's rank as of its last heartbeat. */
  get rank(): number {
    return this.#view.rank;
  }

  /** Registers for work; from here on the instance has a rank. */
  async open(): Promise<void> {
    const { instance, config, claimer } = this.#house;
    this.#reportReclaimed(await reclaimVideos(instance, { maxAttempts: config.maxAttempts, thorough: true }));
    await claimer.prepare();
    await this.#house.findNewVideos();
    await membership.beginWork(instance);
    this.#view = await membership.viewPool(instance);
    this.#house.report({ type: "instance.working", ...this.#view });
    this.#scheduleBeat();
  }

  /** Works until drained; resolves to the exit code. */
  async run(): Promise<number> {
    while (this.#drain === undefined) {
      const claimed = this.#hasRoom() ? await this.#claim() : 0;
      if (claimed === 0) await this.#bell.wait();
      // Videos that are done at once would otherwise keep heartbeats and signals waiting for ever; and a group that is
      // being settled is looked at once, when all of it has left the hand.
      await this.#house.instance.clock.turn();
    }
    await this.#finish(this.#drain);
    return this.#drain.exitCode;
  }

  /** Claims no more, finishes or releases what is in hand, and ends `run`. Any number of calls count as one. */
  drain(because: string, exitCode: number = EXIT.completed): void {
    if (this.#drain !== undefined) return;
    this.#drain = { because, exitCode };
    this.#bell.ring();
  }

  #hasRoom(): boolean {
    if (this.#tooBig) return false;
    const wanted = this.#pace.wanted;
    const busy = this.#hand.size;
    // A suspect may kill its instance: it gets it to itself, so that nobody innocent dies with it.
    if (busy > 0 && this.#holdsSuspect()) return false;
    // Half empty is soon enough: claims of many videos cost little more than claims of one.
    return busy <= wanted / 2 || (busy < wanted && this.#limit.activeCount < this.#house.config.concurrency);
  }

  #holdsSuspect(): boolean {
    const [first] = this.#hand.values();
    return first !== undefined && first.claim.deaths > 0;
  }

  async #claim(): Promise<number> {
    const { claimer, instance, report } = this.#house;
    const alone = this.#hand.size === 0;
    try {
      const claims = await claimer.claimVideos({ limit: this.#pace.wanted - this.#hand.size, alone });
      const at = instance.clock.nowFine();
      for (const claim of claims) {
        report({ type: "video.claimed", claim, at });
        this.#take(claim);
      }
      return claims.length;
    } catch (error) {
      this.#bear(error);
      return 0;
    }
  }

  #take(claim: Claim): void {
    const { processor, instance } = this.#house;
    const { database, clock } = instance;
    const attempt = new Attempt({ claim, processor, database, clock, deadlines: this.#deadlines });
    this.#hand.set(claim.video.id, attempt);
    void this.#limit(() => this.#process(attempt));
  }

  /** Occupies one of the instance's places; the settlement that follows does not. */
  async #process(attempt: Attempt): Promise<void> {
    if (attempt.withdrawn) return; // A drain has released it already.
    const outcome = await attempt.run();
    const durMs = attempt.ageMs;
    this.#figures.busyMs += durMs;
    if (attempt.hung) this.#endHung(attempt);
    void this.#settle(attempt, outcome, durMs);
    if (outcome.kind === "completed") this.#pace.note(durMs);
    // Nobody is coming to keep the last settlements company.
    if (this.#unsettled === this.#hand.size) void this.#house.settler.flush();
  }

  async #settle(attempt: Attempt, outcome: Outcome, durMs: Millis): Promise<void> {
    const { settler, report } = this.#house;
    const { claim } = attempt;
    try {
      this.#unsettled++;
      if (attempt.lost) return this.#noteLost(claim);
      const settlement = await settler.settleOutcome(claim, outcome, durMs);
      if (!settlement.held) return this.#noteLost(claim);
      this.#count(settlement.outcome);
      report({ type: "attempt.finished", claim, outcome: settlement.outcome, durMs, at: settlement.settledAt });
    } catch (error) {
      this.#bear(error);
    } finally {
      this.#unsettled--;
      this.#hand.delete(claim.video.id);
      this.#bell.ring();
    }
  }

  #noteLost(claim: Claim): void {
    this.#figures.lost++;
    this.#house.report({ type: "claim.lost", claim, heldMs: this.#house.instance.clock.now() - claim.claimedAt });
  }

  #count(outcome: Outcome): void {
    switch (outcome.kind) {
      case "completed":
        this.#figures.completed++;
        return;
      case "retry":
        this.#figures.retried++;
        return;
      case "failed":
        this.#figures.failed++;
        return;
      case "released":
        this.#figures.released++;
        return;
      default:
        outcome satisfies never;
    }
  }

  /** Its code still runs somewhere in this process: settle what is known and start a fresh one. */
  #endHung(attempt: Attempt): void {
    this.#house.report({ type: "attempt.hung", claim: attempt.claim, afterMs: attempt.ageMs });
    this.drain("an attempt ignored its signal", EXIT.recycle);
  }

  #scheduleBeat(): void {
    this.#beatTimer = setTimeout(() => {
      this.#beating = this.#beat()
        .catch((error: unknown) => this.#bear(error))
        .finally(() => {
          if (this.#beatTimer !== undefined) this.#scheduleBeat();
          this.#bell.ring();
        });
    }, this.#house.config.heartbeatMs);
  }

  async #beat(): Promise<void> {
    const { instance, claimer, config, report } = this.#house;
    if (!(await membership.renewLease(instance, this.#figuresNow()))) return this.#endExpelled();
    this.#reportReclaimed(await reclaimVideos(instance, { maxAttempts: config.maxAttempts, thorough: false }));
    await this.#stopLostAttempts();
    const view = await membership.viewPool(instance);
    if (view.count !== this.#view.count || view.rank !== this.#view.rank) report({ type: "pool.changed", ...view });
    this.#view = view;
    if (this.#drain !== undefined) return;
    await this.#watchMemory();
    await this.#house.findNewVideos();
    claimer.rewind();
  }

  /** Another host believed this instance dead. Its videos are somebody else's now; a new life starts clean. */
  #endExpelled(): void {
    for (const attempt of this.#hand.values()) attempt.stop("lost");
    this.drain("its lease was taken for expired", EXIT.recycle);
  }

  /** A person may cancel a running video, and a catalogue may lose it: no reason to work on. */
  async #stopLostAttempts(): Promise<void> {
    const { heartbeatMs } = this.#house.config;
    const long = [...this.#hand.values()].filter((attempt) => attempt.ageMs > heartbeatMs);
    const lost = await findLostClaims(
      this.#house.instance,
      long.map((attempt) => attempt.claim.video.id),
    );
    for (const videoId of lost) this.#hand.get(videoId)?.stop("lost");
  }

  async #watchMemory(): Promise<void> {
    const { instance, config, report } = this.#house;
    const rssBytes = process.memoryUsage.rss();
    const limitBytes = config.instanceMemoryMb * 1048576;
    if (rssBytes <= limitBytes) {
      this.#tooBig = false;
      return;
    }
    if (!this.#tooBig) report({ type: "memory.high", rssBytes, limitBytes });
    this.#tooBig = true;
    if (await membership.beginRecycle(instance)) this.drain("memory above HIDB_INSTANCE_MEMORY_MB", EXIT.recycle);
  }

  async #finish({ because, exitCode }: Drain): Promise<void> {
    const { instance, settler, processor, report, config } = this.#house;
    report({ type: "instance.draining", because });
    await membership.beginDrain(instance).catch((error: unknown) => this.#bear(error));
    for (const attempt of this.#hand.values()) {
      if (attempt.withdraw()) void this.#settle(attempt, { kind: "released" }, 0);
    }
    void settler.flush();
    await this.#emptyHand(config.drainMs);
    for (const attempt of this.#hand.values()) attempt.stop("drain");
    await this.#emptyHand(2 * ABORT_GRACE_MS);
    await settler.flush();
    clearTimeout(this.#beatTimer);
    this.#beatTimer = undefined;
    await this.#beating;
    await membership.leave(instance, this.#figuresNow(), because).catch((error: unknown) => this.#bear(error));
    await processor.close();
    report({ type: "instance.gone", because, exitCode });
  }

  /** Waits until nothing is in hand, for `ms` at most. */
  async #emptyHand(ms: Millis): Promise<void> {
    const { clock } = this.#house.instance;
    const until = clock.monotonic() + ms;
    const timer = setTimeout(() => this.#bell.ring(), ms);
    while (this.#hand.size > 0 && clock.monotonic() < until) await this.#bell.wait();
    clearTimeout(timer);
  }

  #figuresNow(): membership.InstanceFigures {
    return { ...this.#figures, inHand: this.#hand.size, rssBytes: process.memoryUsage.rss() };
  }

  #reportReclaimed(reclaimed: Awaited<ReturnType<typeof reclaimVideos>>): void {
    for (const one of reclaimed) this.#house.report({ type: "video.reclaimed", ...one });
  }

  /** A database that is busy or full will do again; anything else ends the instance with one clear line. */
  #bear(error: unknown): void {
    if (isPassing(error)) {
      this.#house.report({ type: "database.trouble", error });
      return;
    }
    this.#house.report({ type: "instance.failed", error });
    this.drain("an error that it cannot mend", error instanceof HidbError ? EXIT.doNotRestart : 1);
  }
}
