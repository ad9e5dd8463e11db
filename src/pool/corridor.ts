// The corridor: claim -> process -> settle -> report, over and over, until the instance is told to drain.
import pLimit, { type LimitFunction } from "p-limit";
import { endFarWaits } from "../claim/ahead.js";
import type { Claimer } from "../claim/claimer.js";
import * as membership from "../claim/membership.js";
import { findLostClaims, reclaimVideos } from "../claim/reclaim.js";
import type { Timer } from "../clock.js";
import type { Config } from "../config/settings.js";
import { retryIdempotent } from "../database/retry-idempotent.js";
import { EXIT, isPassing } from "../errors.js";
import type { Processor } from "../process/processor.js";
import type { PoolEvent } from "../report/event.js";
import type { Settlement, Settler } from "../settle/settler.js";
import type { Claim, Millis, Outcome } from "../video.js";
import { ABORT_GRACE_MS, Attempt } from "./attempt.js";
import { Bell } from "./bell.js";
import { Deadlines } from "./deadlines.js";
import { Hold } from "./hold.js";
import { Memory, type MemoryParts } from "./memory.js";
import { Pace } from "./pace.js";

/** What one instance is made of; main.ts wires it. */
export interface House {
  instance: membership.Instance;
  claimer: Claimer;
  processor: Processor;
  settler: Settler;
  report: (event: PoolEvent) => void;
  /** Brings in what is new in the catalogue, whoever has inserted it. */
  findNewVideos: () => Promise<void>;
  /** Settles what dead instances of this host have left finished; all of the dead, or these. */
  inherit?: (dead?: string[]) => Promise<void>;
  /** Counts what has ended, for HIDB_HALT and HIDB_NOTIFY. */
  runs?: { beat(): Promise<void>; close(): Promise<void> };
  /** Where finished work waits for a distant database. */
  spool?: { close(): void };
  /** Where memory is read; the system's otherwise. */
  box?: NonNullable<MemoryParts["box"]>;
  footprint?: NonNullable<MemoryParts["footprint"]>;
  config: Pick<
    Config,
    "concurrency" | "claimCount" | "drainMs" | "heartbeatMs" | "instanceMemoryMb" | "maxAttempts" | "timeoutMs"
  > &
    Partial<Pick<Config, "memoryMb" | "staggerMs" | "force">>;
}

/** How often orphans are searched for when nobody has died, and the share of the time that this may take. */
const SEARCH_EVERY_MS = 5000;
const SEARCH_SHARE = 1 / 200;
/** On a distant database the search costs a row read for each open video, and orphans are as good as impossible. */
const DISTANT_SEARCH_EVERY_MS = 1_800_000;
/** After this part of its lease an instance that is busy on a distant database renews it, whatever else it says. */
const RENEW_AFTER = 1 / 3;
/** Early, so that the shares of the requests are put right soon after an instance has come. */
const FIRST_BEAT_MS = 2000;
/** A clock that has gained more than this between two heartbeats was set. */
const STEP_MS = 1000;
/** How often the neighbours' processes are looked at between two heartbeats. */
const HERE_EVERY_MS = 1000;
/** How often memory is looked at: idle; with videos in hand; and so often where these can fill the box within a second. */
const IDLE_LOOK_MS = 1000;
const BUSY_LOOK_MS = 250;
const NARROW_LOOK_MS = 50;
/** So soon, and so often, an idle instance looks again for a video that it has given back for another attempt. */
const LOOK_AGAIN_MS = 5000;
const LOOKS_AGAIN = 3;
/** So often an instance looks whether the pool that is being started is complete. */
const STARTING_BEAT_MS = 50;

interface Drain {
  because: string;
  exitCode: number;
  /** What runs is not waited for: there is no memory left to do so. */
  atOnce: boolean;
}

/** An outcome that is settled once the others are out of the way: the attempt was given up, or the database failed. */
interface Late {
  attempt: Attempt;
  outcome: Outcome;
  durMs: Millis;
}

export class Corridor {
  readonly #house: House;
  readonly #bell = new Bell();
  readonly #hand = new Map<number, Attempt>();
  readonly #late: Late[] = [];
  /** Claimed, not started; a part of the hand. */
  readonly #waiting: Attempt[] = [];
  readonly #limit: LimitFunction;
  readonly #pace: Pace;
  readonly #deadlines: Deadlines;
  readonly #hold: Hold;
  readonly #figures = { completed: 0, retried: 0, failed: 0, released: 0, lost: 0, busyMs: 0 };
  #view: membership.PoolView = { rank: 0, count: 0 };
  #drain: Drain | undefined;
  #failure: unknown;
  #beatTimer: Timer | undefined;
  #beating: Promise<void> = Promise.resolve();
  readonly #memory: Memory;
  #memoryTimer: Timer | undefined;
  #lookedAt: Millis = Number.NEGATIVE_INFINITY;
  #looksLazily = false;
  #unsettled = 0;
  /** An outcome waits in the spool for an heir. */
  #owes = false;
  #suspect: Awaited<ReturnType<Claimer["seesSuspect"]>> = "none";
  #searchAt: Millis;
  #beatAt: Millis = Number.NEGATIVE_INFINITY;
  #inTouchSince: Millis | undefined;
  readonly #begunAt: Millis;
  /** By how much the time of day is ahead of the durations, and when that has grown at once. */
  #ahead: Millis = Number.POSITIVE_INFINITY;
  /** Waits written by an earlier clock may last for ever; looked for at first, and when the clock has been set back. */
  #wasSetBack = true;
  #steppedAt: Millis | undefined;
  #hereTimer: Timer | undefined;
  #beatUnderWay = false;
  #looksAgain = 0;
  /** As the last heartbeat has told the pool. */
  #idle = false;

  constructor(house: House) {
    this.#house = house;
    this.#begunAt = house.instance.clock.monotonic();
    this.#searchAt = this.#isDistant
      ? house.instance.clock.monotonic() + DISTANT_SEARCH_EVERY_MS
      : Number.NEGATIVE_INFINITY;
    this.#limit = pLimit(house.config.concurrency);
    this.#deadlines = new Deadlines(house.config.timeoutMs, house.instance.clock);
    this.#hold = new Hold(house.instance, house.report);
    const { distant = false } = house.instance.database;
    this.#pace = new Pace({ ...house.config, distant });
    this.#memory = new Memory(house);
  }

  /** The instance's rank as of its last heartbeat. */
  get rank(): number {
    return this.#view.rank;
  }

  /** As the next heartbeat would tell them. */
  get figures(): membership.InstanceFigures & membership.PoolView {
    return { ...this.#figuresNow(), ...this.#view };
  }

  /** Registers for work; from here on the instance has a rank. */
  async open(): Promise<void> {
    const { instance, claimer } = this.#house;
    await this.#house.inherit?.();
    if (this.#drain !== undefined) return;
    const reclaiming = this.#reclaim();
    if (!this.#isDistant) await reclaiming;
    await Promise.all([reclaiming, this.#house.findNewVideos()]);
    // Told to stop already: what requests there are on a distant database are for the farewell.
    if (this.#drain !== undefined) return;
    await claimer.prepare();
    if (this.#drain !== undefined) return;
    const beginning = this.#memory.begin();
    if (!this.#isDistant) await beginning;
    // What travels with a write is left without an answer together with it.
    const seeing = retryIdempotent(() => Promise.all([membership.viewPool(instance), claimer.seesSuspect()]));
    const [[view, suspect], begun] = await Promise.all([seeing, beginning]);
    [this.#view, this.#suspect] = [view, suspect];
    if (begun) this.#house.report({ type: "instance.working", ...this.#view });
    this.#beatAt = instance.clock.monotonic();
    this.#scheduleBeat(this.#isDistant ? Math.min(FIRST_BEAT_MS, this.#house.config.heartbeatMs) : undefined);
    if (this.#isDistant) this.#watchHere();
    this.#scheduleLook();
  }

  /** Heartbeats look as well: an idle instance is not woken for this alone. */
  #scheduleLook(): void {
    this.#memoryTimer?.cancel();
    if (this.#drain !== undefined) return;
    const pauseMs = this.#lookPauseMs;
    this.#looksLazily = pauseMs === IDLE_LOOK_MS;
    const { clock } = this.#house.instance;
    this.#memoryTimer = clock.timer(pauseMs, () => {
      const due = clock.monotonic() - this.#lookedAt >= pauseMs;
      if (due) this.#watchMemory().catch((error: unknown) => this.#bear(error));
      this.#scheduleLook();
    });
  }

  get #lookPauseMs(): Millis {
    if (this.#hand.size === 0) return IDLE_LOOK_MS;
    return this.#memory.narrow ? NARROW_LOOK_MS : BUSY_LOOK_MS;
  }

  get #isDistant(): boolean {
    return this.#house.instance.database.distant ?? false;
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
  drain(because: string, exitCode: number = EXIT.completed, { atOnce = false } = {}): void {
    if (this.#drain !== undefined) return;
    this.#drain = { because, exitCode, atOnce };
    this.#house.claimer.end();
    // At once: a claim under way may be waiting for a request that this instance's share allows only in half a minute.
    this.#house.instance.budget?.useReserve();
    this.#bell.ring();
  }

  #hasRoom(): boolean {
    if (this.#memory.heldBack !== null) return false;
    const wanted = this.#pace.wanted;
    const busy = this.#busy;
    // A suspect may kill its instance: it gets it to itself, so that nobody innocent dies with it.
    if (this.#hand.size > 0 && (this.#suspect === "mine" || this.#holdsSuspect())) return false;
    // Half empty is soon enough: claims of many videos cost little more than claims of one.
    return busy <= wanted / 2 || (busy < wanted && this.#limit.activeCount < this.#house.config.concurrency);
  }

  /** Where a settlement is a journey, nobody waits for it with the next claim: the two travel together. */
  get #busy(): number {
    return this.#isDistant ? this.#hand.size - this.#unsettled : this.#hand.size;
  }

  #holdsSuspect(): boolean {
    const [first] = this.#hand.values();
    return first !== undefined && first.claim.deaths > 0;
  }

  async #claim(): Promise<number> {
    const { claimer, instance, report } = this.#house;
    const alone = this.#hand.size === 0 && this.#suspect !== "none";
    try {
      if (!(await this.#reserveMemory())) return 0;
      const claiming = claimer.claimVideos({ limit: this.#pace.wanted - this.#busy, alone });
      if (this.#isDistant && (alone || claimer.isCurious)) this.#rideAlong();
      const claims = await claiming;
      const at = instance.clock.nowFine();
      if (this.#hand.size === 0) this.#memory.noteRest();
      for (const claim of claims) {
        report({ type: "video.claimed", claim, at });
        this.#take(claim);
      }
      if (claims.length > 0 && this.#looksLazily) this.#scheduleLook();
      this.#startLanes(claims.length);
      return claims.length;
    } catch (error) {
      this.#bear(error);
      return 0;
    }
  }

  /** A request that goes anyway takes along what has been settled, and the heartbeat if it is due. */
  #rideAlong(): void {
    void this.#house.settler.flush();
    const { clock } = this.#house.instance;
    // An idle instance has handed most of its requests back: it asks for them with the first claim.
    if (this.#idle || clock.monotonic() - this.#beatAt >= this.#house.config.heartbeatMs) this.#beatNow({ busy: true });
  }

  #take(claim: Claim): void {
    const { processor, instance } = this.#house;
    const { database, clock } = instance;
    const attempt = new Attempt({ claim, processor, database, clock, deadlines: this.#deadlines });
    // Still in hand from an earlier claim: that one was cancelled and retried meanwhile.
    this.#hand.get(claim.video.id)?.stop("lost");
    this.#hand.set(claim.video.id, attempt);
    this.#waiting.push(attempt);
  }

  /** A lane works through what waits, one after the other; p-limit keeps them to HIDB_CONCURRENCY. */
  #startLanes(claims: number): void {
    const { concurrency } = this.#house.config;
    // One that finds nothing ends at once; as many again stand by for claims that come in while a lane is ending.
    for (let more = Math.min(claims, concurrency - this.#limit.pendingCount); more > 0; more--) {
      void this.#limit(() => this.#workLane());
    }
  }

  async #workLane(): Promise<void> {
    for (let attempt = this.#waiting.shift(); attempt !== undefined; attempt = this.#waiting.shift()) {
      this.#conclude(attempt, await attempt.run());
    }
  }

  #conclude(attempt: Attempt, outcome: Outcome): void {
    const durMs = attempt.ageMs;
    this.#figures.busyMs += durMs;
    if (attempt.hung) {
      this.#endHung({ attempt, outcome, durMs });
      return;
    }
    if (outcome.kind === "retry" && outcome.quota === true) {
      this.#holdPool(attempt, outcome, durMs);
      return;
    }
    this.#settle(attempt, outcome, durMs);
    if (outcome.kind === "completed") this.#pace.note(durMs);
    // Nobody is coming to keep the last settlements company.
    if (this.#unsettled === this.#hand.size) void this.#house.settler.flush();
  }

  /** The next one would only meet the same quota: what has not begun goes back with it. */
  #holdPool(attempt: Attempt, outcome: Extract<Outcome, { kind: "retry" }>, durMs: Millis): void {
    const unstarted = this.#waiting.splice(0);
    this.#hold
      .raise(attempt.claim, outcome)
      .catch((error: unknown) => {
        this.#bear(error);
        return outcome;
      })
      .then((judged) => {
        for (const one of unstarted) this.#settle(one, { kind: "released" }, 0);
        this.#settle(attempt, judged, durMs);
        void this.#house.settler.flush();
      });
  }

  /** The lane goes on meanwhile. */
  #settle(attempt: Attempt, outcome: Outcome, durMs: Millis): void {
    const { claim } = attempt;
    this.#unsettled++;
    this.#house.settler
      .settleOutcome(claim, outcome, durMs)
      .then((settlement) => this.#noteSettled(claim, settlement, durMs))
      .catch((error: unknown) => {
        // Once more before the end, for the trouble may have passed: left as it is it would count as a death of the
        // video's making. What has a spool waits there for an heir.
        if (this.#house.spool === undefined) this.#late.push({ attempt, outcome, durMs });
        else this.#owes = true;
        this.#bear(error);
      })
      .then(() => {
        this.#unsettled--;
        this.#letGo(attempt);
      });
  }

  #letGo(attempt: Attempt): void {
    const { id } = attempt.claim.video;
    if (this.#hand.get(id) === attempt) this.#hand.delete(id);
    this.#bell.ring();
  }

  #noteSettled(claim: Claim, { held, outcome, settledAt: at }: Settlement, durMs: Millis): void {
    if (!held) {
      this.#noteLost(claim);
      return;
    }
    this.#count(outcome);
    this.#house.report({ type: "attempt.finished", claim, outcome, durMs, at });
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
        this.#looksAgain = LOOKS_AGAIN;
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

  /** Its code still runs somewhere in this process: only the end of the process makes the video anybody else's. */
  #endHung(hung: Late): void {
    const { claim } = hung.attempt;
    this.#house.report({ type: "attempt.hung", claim, afterMs: hung.durMs });
    this.#late.push(hung);
    // Not the next attempt at the same video: cancelled and tried again, it may have come back here meanwhile.
    this.#letGo(hung.attempt);
    this.drain("an attempt ignored its signal", EXIT.recycle);
  }

  #scheduleBeat(afterMs: Millis = this.#pauseMs()): void {
    this.#beatTimer?.cancel();
    this.#beatTimer = this.#house.instance.clock.timer(afterMs, () => {
      if (this.#isBeatDue()) this.#beatNow();
      else this.#scheduleBeat();
    });
  }

  /** While an instance is busy on a distant database, other requests take its heartbeat along. */
  #isBeatDue(): boolean {
    if (!this.#isDistant || this.#hand.size === 0 || this.#inTouchSince === undefined) return true;
    return this.#house.instance.clock.monotonic() - this.#beatAt >= this.#house.instance.leaseMs * RENEW_AFTER;
  }

  #pauseMs(): Millis {
    const { heartbeatMs } = this.#house.config;
    const { clock, stops } = this.#house.instance;
    const start = this.#isDistant ? undefined : stops.find(({ key }) => key === "paused.start");
    // At the moment itself: whoever looked later would find that another instance has taken a short run's videos.
    const leftMs = (start?.until ?? 0) - clock.now();
    if (leftMs > 0) return Math.min(heartbeatMs, STARTING_BEAT_MS, leftMs);
    if (this.#hand.size > 0 || this.#looksAgain === 0) return heartbeatMs;
    this.#looksAgain--;
    return Math.min(heartbeatMs, LOOK_AGAIN_MS);
  }

  #beatNow({ busy = this.#hand.size > 0 } = {}): void {
    if (this.#beatUnderWay) return;
    this.#beatUnderWay = true;
    this.#idle = !busy;
    const started = this.#house.instance.clock.monotonic();
    this.#beatAt = started;
    this.#beating = this.#beat(busy)
      .then(() => {
        this.#inTouchSince ??= started;
      })
      .catch((error: unknown) => {
        this.#inTouchSince = undefined;
        this.#bear(error);
      })
      .finally(() => {
        this.#beatUnderWay = false;
        if (this.#beatTimer !== undefined) this.#scheduleBeat();
        this.#bell.ring();
      });
  }

  async #beat(busy: boolean): Promise<void> {
    const { instance, claimer, report } = this.#house;
    const distant = this.#isDistant;
    const [at, until] = [instance.clock.nowFine(), instance.clock.now() + instance.leaseMs];
    const wasStopped = instance.stops.length > 0;
    const renewing = membership.renewLease(instance, { ...this.#figuresNow(), busy });
    // One after the other where that costs nothing, so that each sees what the one before has done; else all at once.
    if (!distant && !(await renewing)) return this.#endExpelled();
    const reclaiming = this.#reclaim();
    if (!distant) await reclaiming;
    const losing = this.#stopLostAttempts();
    const beginning = this.#waitsForMemory ? this.#memory.begin() : false;
    if (!distant) await beginning;
    const viewing = membership.viewPool(instance);
    const remembering = this.#memory.see();
    const looking = this.#drain === undefined ? this.#look() : undefined;
    const keeping = this.#drain === undefined ? this.#house.runs?.beat() : undefined;
    const asking = [renewing, reclaiming, viewing, beginning, losing, looking, remembering, keeping] as const;
    const [renewed, reclaimed, seen, begun] = await Promise.all(asking);
    if (!renewed) return this.#endExpelled();
    report({ type: "lease.renewed", at, until });
    const view = distant && reclaimed > 0 ? await this.#lookAgain() : seen;
    const changed = view.count !== this.#view.count || view.rank !== this.#view.rank;
    if (changed) report({ type: "pool.changed", ...view });
    this.#view = view;
    if (begun) report({ type: "instance.working", ...view });
    claimer.noteView(view);
    if (this.#hold.look()) this.#giveBackUnstarted();
    if (this.#drain !== undefined) return;
    await this.#watchMemory();
    const waits = (await looking) ?? true;
    // While the pool was stopped a look at the backlog could find nothing, whatever waits there.
    const resumed = wasStopped && instance.stops.length === 0;
    if (waits || reclaimed > 0) claimer.rewind({ news: changed || resumed || reclaimed > 0 });
  }

  /** Looks for new videos and suspects; resolves to whether anything waits to be claimed, as far as that was asked. */
  async #look(): Promise<boolean> {
    const { claimer, findNewVideos } = this.#house;
    const finding = findNewVideos();
    if (!this.#isDistant) await finding;
    const seeing = claimer.seesSuspect();
    // A claim that finds nothing is several journeys: asked first, it is none.
    const waiting = this.#isDistant ? claimer.seesWork() : true;
    const [suspect, waits] = await Promise.all([seeing, waiting, finding]);
    this.#suspect = suspect;
    return waits;
  }

  /** What was asked in one breath with the reclaim did not see what it has changed. */
  async #lookAgain(): Promise<membership.PoolView> {
    const { instance, claimer } = this.#house;
    const [view, suspect] = await Promise.all([membership.viewPool(instance), claimer.seesSuspect()]);
    this.#suspect = suspect;
    return view;
  }

  /** What needs no database is looked at every second, though the next heartbeat may be far away. */
  #watchHere(): void {
    const { instance } = this.#house;
    this.#hereTimer = instance.clock.every(HERE_EVERY_MS, () => {
      if (this.#drain !== undefined) return;
      if (instance.neighbours.every((other) => instance.isAlive(other))) return;
      instance.neighbours = [];
      this.#beatNow();
    });
  }

  /** Resolves to how many videos may be claimed that could not before. */
  async #reclaim(): Promise<number> {
    const { instance, config, inherit } = this.#house;
    const started = instance.clock.monotonic();
    const steppedAt = this.#isDistant ? undefined : this.#findStep();
    const ending = this.#wasSetBack ? endFarWaits(instance) : 0;
    if (!this.#isDistant) await ending;
    this.#wasSetBack = false;
    const thorough = started >= this.#searchAt;
    const reclaiming = reclaimVideos(instance, {
      maxAttempts: config.maxAttempts,
      thorough,
      // Whoever has only just begun cannot know whether the clock was put forward a moment ago.
      inTouchSince: this.#isDistant ? (this.#inTouchSince ?? started) : this.#begunAt,
      ...(steppedAt === undefined ? {} : { steppedAt }),
      ...(inherit === undefined ? {} : { inherit }),
    });
    const [due, reclaimed] = await Promise.all([ending, reclaiming]);
    for (const one of reclaimed) this.#house.report({ type: "video.reclaimed", ...one });
    if (thorough) {
      const ended = instance.clock.monotonic();
      const pauseMs = this.#isDistant ? DISTANT_SEARCH_EVERY_MS : SEARCH_EVERY_MS;
      this.#searchAt = ended + Math.max(pauseMs, (ended - started) / SEARCH_SHARE);
    }
    return reclaimed.length + due;
  }

  /**
   * When this machine's clock was put forward for the last time, or it slept: until they have beaten again, the leases of
   * other containers seem to have run out.
   */
  #findStep(): Millis | undefined {
    const { clock } = this.#house.instance;
    const ahead = clock.now() - clock.monotonic();
    if (ahead > this.#ahead + STEP_MS) this.#steppedAt = clock.monotonic();
    if (ahead < this.#ahead - STEP_MS) this.#wasSetBack = true;
    this.#ahead = ahead;
    return this.#steppedAt;
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
    for (const attempt of long) if (lost.includes(attempt.claim.video.id)) attempt.stop("lost");
  }

  async #watchMemory(): Promise<void> {
    const { instance } = this.#house;
    if (this.#drain !== undefined) return;
    this.#lookedAt = instance.clock.monotonic();
    const held = this.#memory.heldBack;
    const verdict = this.#memory.look(this.#hand.size);
    if (held !== null && this.#memory.heldBack === null) this.#bell.ring();
    if (verdict === "stay" || !(await membership.beginRecycle(instance))) return;
    const atOnce = verdict === "yield";
    this.drain(atOnce ? "the box is full" : "memory above HIDB_INSTANCE_MEMORY_MB", EXIT.recycle, { atOnce });
  }

  /** With videos in hand memory has been kept already; the queue of a distant database is not to be waited for. */
  async #reserveMemory(): Promise<boolean> {
    return this.#hand.size > 0 || this.#isDistant || (await this.#memory.reserve());
  }

  get #waitsForMemory(): boolean {
    return this.#drain === undefined && this.#memory.heldBack === "admission";
  }

  async #finish({ because, exitCode, atOnce }: Drain): Promise<void> {
    const { instance, claimer, settler, processor, report, config, spool } = this.#house;
    report({ type: "instance.draining", because });
    // What the drain was given has gone to those who had waited before it.
    instance.budget?.useReserve();
    this.#hereTimer?.cancel();
    this.#memoryTimer?.cancel();
    const beginning = membership.beginDrain(instance).catch((error: unknown) => this.#bear(error));
    if (!this.#isDistant) await beginning;
    this.#giveBackUnstarted();
    await beginning;
    await this.#emptyHand(atOnce ? 0 : config.drainMs);
    for (const attempt of this.#hand.values()) attempt.stop("drain");
    await this.#emptyHand(2 * ABORT_GRACE_MS);
    // Before the hung ones are settled: what the processor can end is over when somebody else takes their videos.
    await Promise.race([processor.close(), instance.clock.sleep(ABORT_GRACE_MS)]);
    for (const { attempt, outcome, durMs } of this.#late) this.#settle(attempt, outcome, durMs);
    await settler.flush();
    this.#beatTimer?.cancel();
    this.#beatTimer = undefined;
    // The last looks, and the farewell.
    instance.budget?.useReserve();
    await this.#beating;
    await this.#house.runs?.close().catch((error: unknown) => this.#bear(error));
    // Who could not undo a claim, or has left an outcome in the spool, does not say goodbye: only who takes it for dead
    // finds what it holds, and settles what is in the spool before.
    await claimer
      .settleDebts()
      .then(() => (this.#owes ? undefined : membership.leave(instance, this.#figuresNow(), because)))
      .catch((error: unknown) => this.#bear(error));
    spool?.close();
    report({ type: "instance.gone", because, exitCode });
  }

  #giveBackUnstarted(): void {
    for (const attempt of this.#waiting.splice(0)) this.#settle(attempt, { kind: "released" }, 0);
    void this.#house.settler.flush();
  }

  /** Waits until nothing is in hand, for `ms` at most. */
  async #emptyHand(ms: Millis): Promise<void> {
    const { clock } = this.#house.instance;
    const until = clock.monotonic() + ms;
    const timer = clock.timer(ms, () => this.#bell.ring());
    while (this.#hand.size > 0 && clock.monotonic() < until) await this.#bell.wait();
    timer.cancel();
  }

  #figuresNow(): membership.InstanceFigures {
    return { ...this.#figures, inHand: this.#hand.size, ...this.#memory.figures };
  }

  /** A database that is busy or full will do again; anything else ends the instance with one clear line. */
  #bear(error: unknown): void {
    if (isPassing(error)) {
      this.#house.report({ type: "database.trouble", error });
      return;
    }
    // All settlements of a group have one error: it is said once.
    if (error !== this.#failure) this.#house.report({ type: "instance.failed", error });
    this.#failure = error;
    // The next life finds out whether it lasts: what cannot be mended by starting anew ends there with 42.
    this.drain("an error that it cannot mend", EXIT.unfinished);
  }
}
