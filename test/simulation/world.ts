// One run of one plan: hosts, PM2, people and faults around the shipped corridor, until all is settled and everybody has
// gone; the model looks on after every step.
import { mkdtempSync, rmSync } from "node:fs";
import { cancelVideos, retryVideos, setDraining, setPaused } from "../../src/catalogue/backlog.ts";
import { createBatches } from "../../src/claim/batches.ts";
import type { Database } from "../../src/database/database.ts";
import { openSqlite } from "../../src/database/sqlite.ts";
import { isPassing } from "../../src/errors.ts";
import type { PoolEvent } from "../../src/report/event.ts";
import { type JournalLine, toLine as journalLine } from "../../src/report/journal.ts";
import { judgeLines } from "../../src/report/journal-check.ts";
import { verifyDatabase } from "../../src/report/verify.ts";
import type { State } from "../../src/video.ts";
import { Cloud } from "./d1.ts";
import type { Store } from "./engine.ts";
import { CATALOGUE, live } from "./life.ts";
import { Broken, Model, PERSON } from "./model.ts";
import type { Event, Plan, PoolPlan } from "./plan.ts";
import { type Launched, Pm2 } from "./pool.ts";
import { EPOCH, Host, Process } from "./process.ts";
import { natureOf, type Run, type Workshop } from "./processor.ts";
import { Random } from "./random.ts";
import { type Millis, Scheduler } from "./scheduler.ts";
import type { Stage } from "./stage.ts";
import { Trace } from "./trace.ts";

const MINUTE: Millis = 60_000;
const LOOK_EVERY_MS: Millis = 20_000;
/** A run that takes more steps than this does not end by itself. */
const MOST_STEPS = 3_000_000;

export interface Result {
  seed: string;
  failure: { rule: string; message: string } | undefined;
  hash: string;
  steps: number;
  virtualMs: Millis;
  /** From the end of all faults until everything was settled, and how long that may take. */
  settledMs: Millis;
  boundMs: Millis;
  counts: Map<string, number>;
  trace: Trace;
}

export async function simulate(plan: Plan, store: Store): Promise<Result> {
  const world = new World(plan, store);
  // What nobody hears ends a real instance.
  const onUnheard = (error: unknown) => {
    world.failure ??= new Broken("unheard", error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  process.on("unhandledRejection", onUnheard);
  try {
    await world.run();
  } catch (error) {
    world.failure ??= error;
  } finally {
    process.off("unhandledRejection", onUnheard);
  }
  return world.result();
}

class World {
  failure: unknown;
  readonly #plan: Plan;
  readonly #store: Store;
  readonly #scheduler: Scheduler;
  readonly #trace = new Trace();
  readonly #model: Model;
  readonly #hosts = new Map<string, Host>();
  readonly #pools: Pm2[];
  readonly #random: Random;
  readonly #counts = new Map<string, number>();
  readonly #journal: JournalLine[] = [];
  readonly #begun = new Set<string>();
  readonly #spoolDir: string;
  readonly #workshop: Workshop;
  #stage: Stage | undefined;
  #person: Database | undefined;
  #lives = 0;
  #settledMs: Millis = 0;
  #killedBefore = 0;
  #ends = { locked: 0, full: 0, weather: 0, outage: 0, quota: 0 };

  constructor(plan: Plan, store: Store) {
    this.#plan = plan;
    this.#store = store;
    this.#scheduler = new Scheduler(this.#trace);
    this.#random = new Random(`world ${plan.seed}`);
    this.#model = new Model(store, { now: () => this.#scheduler.now, isDistant: plan.database === "d1" });
    for (const { name, aheadMs } of plan.hosts) {
      const host = new Host(name);
      host.aheadMs = aheadMs;
      this.#hosts.set(name, host);
    }
    this.#spoolDir = mkdtempSync("/dev/shm/hidb-simulation-");
    this.#workshop = {
      ...{ scheduler: this.#scheduler, temper: plan.temper, tame: false },
      onStart: (run) => this.#begin(run),
      onEnd: () => undefined,
      die: (process) => this.#kill(process, "processor: died"),
      count: (what) => this.#count(what),
    };
    const parts = {
      scheduler: this.#scheduler,
      launch: (pool: PoolPlan, processId: number) => this.#launch(pool, processId),
      count: (what: string) => this.#count(what),
    };
    this.#pools = plan.pools.map((pool) => new Pm2(pool, parts));
  }

  async run(): Promise<void> {
    const store = this.#store;
    store.clear();
    store.onWrite = (table, writer) => this.#model.capture(table, writer);
    store.onUndo = () => this.#model.forget();
    await this.#prepare();
    for (const pool of this.#pools)
      this.#scheduler.after(pool === this.#pools[0] ? 0 : 500, undefined, "start", () => pool.start());
    for (const event of this.#plan.events) {
      this.#scheduler.after(event.at, undefined, event.kind, () => this.#happen(event));
    }
    this.#scheduler.after(this.#plan.calmAt, undefined, "calm", () => this.#calm());
    let phase: "working" | "ending" | "over" = "working";
    this.#scheduler.onStep = () => {
      if (this.failure !== undefined) throw this.failure;
      this.#model.check();
      if (this.#scheduler.steps > MOST_STEPS) throw new Broken("bound", `no end after ${MOST_STEPS} steps`);
    };
    const look = () => {
      const now = this.#scheduler.now;
      if (phase === "working" && this.#isSettled()) {
        this.#settledMs = Math.max(0, now - this.#plan.calmAt);
        phase = "ending";
        this.#killedBefore = this.#counts.get("killed by PM2 after its drain") ?? 0;
        for (const pool of this.#pools) pool.stop();
      } else if (phase === "working" && now > this.#plan.calmAt + this.#boundMs) this.#complainUnsettled();
      if (phase === "ending" && this.#pools.every(({ entries }) => entries.length === 0)) phase = "over";
      else this.#scheduler.after(LOOK_EVERY_MS, undefined, "look", look);
    };
    this.#scheduler.after(this.#plan.calmAt + LOOK_EVERY_MS, undefined, "look", look);
    await this.#scheduler.run(() => phase === "over");
    await this.#judgeEnd();
  }

  result(): Result {
    const { failure } = this;
    rmSync(this.#spoolDir, { recursive: true, force: true });
    for (const [what, count] of this.#model.seen) this.#count(what, count);
    for (const [what, count] of this.#stage?.cloud.met ?? []) this.#count(`d1: ${what}`, count);
    for (const [what, count] of Object.entries(this.#store.suffered)) this.#count(`disk: ${what}`, count);
    const message = failure instanceof Error ? failure.message : String(failure);
    const rule = failure instanceof Broken ? failure.rule : "error";
    if (failure !== undefined && rule === "error" && failure instanceof Error) this.#say("world", failure.stack ?? "");
    return {
      failure: failure === undefined ? undefined : { rule, message },
      ...{
        seed: this.#plan.seed,
        hash: this.#trace.hash,
        steps: this.#scheduler.steps,
        virtualMs: this.#scheduler.now,
      },
      ...{ settledMs: this.#settledMs, boundMs: this.#boundMs, counts: this.#counts, trace: this.#trace },
    };
  }

  async #prepare(): Promise<void> {
    const { videos, temper } = this.#plan;
    const clock = new Process({
      ...{ label: PERSON, host: new Host("nowhere"), processId: -1, pid: 1 },
      ...{ random: this.#random.fork("person"), scheduler: this.#scheduler },
    }).clock;
    this.#person = await openSqlite("simulated", { clock, engine: this.#store.connect(PERSON) });
    const cloud = new Cloud(this.#person, this.#scheduler);
    this.#stage = {
      ...{ plan: this.#plan, store: this.#store, scheduler: this.#scheduler, cloud, model: this.#model },
      ...{ workshop: this.#workshop, spoolDir: this.#spoolDir },
      hear: (process, event, rank) => this.#hear(process, event, rank),
      fail: (error) => {
        this.failure ??= error;
      },
    };
    this.#addVideos(videos, temper.meanMs);
    if (this.#random.chance(0.5)) await createBatches(this.#person, { count: this.#random.whole(1, 5) });
  }

  #addVideos(ids: number[], meanMs: Millis): void {
    for (const id of ids) {
      const duration = this.#random.chance(0.1) ? "NULL" : String(meanMs / 1000);
      this.#store.engine.exec(`INSERT INTO videos (id, source, duration_s) VALUES (${id}, 'video ${id}', ${duration})`);
    }
  }

  #launch(pool: PoolPlan, processId: number): Launched {
    const stage = this.#stage as Stage;
    const host = this.#hosts.get(pool.host) as Host;
    const label = `i${++this.#lives}`;
    const process = new Process({
      ...{ label, host, processId, scheduler: this.#scheduler, random: new Random(`${this.#plan.seed} ${label}`) },
      pid: host.takePid({ again: this.#plan.reusesPids }),
    });
    const { settings } = pool;
    this.#model.lives.set(label, {
      ...{ process, leaseMs: settings.leaseMs, maxAttempts: settings.maxAttempts },
      ...{ heardAt: this.#scheduler.now, left: false },
    });
    const stopping = Promise.withResolvers<string>();
    const ready = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<number>();
    this.#say(label, `started as ${processId} of ${pool.name} on ${host.boot}, pid ${process.pid}`);
    // Starting takes a while.
    this.#scheduler.after(process.random.between(50, 400), process, "start", () => {
      live(stage, { process, settings, stopping: stopping.promise, onReady: ready.resolve }).then(
        (code) => {
          this.#say(label, `exits with ${code}`);
          process.alive = false;
          exited.resolve(code);
        },
        (error: unknown) => stage.fail(error),
      );
    });
    const stop = (because: string) => void this.#scheduler.after(0, process, "signal", () => stopping.resolve(because));
    return { process, stop, exited: exited.promise, ready: ready.promise };
  }

  get #live(): Process[] {
    return this.#pools.flatMap(({ live }) => live);
  }

  #victim(at: number): Process | undefined {
    const all = this.#live;
    return all[at % Math.max(1, all.length)];
  }

  #kill(process: Process, why: string): void {
    if (!process.alive) return;
    this.#count(why);
    this.#say(process.label, `killed (${why})`);
    process.alive = false;
    for (const pool of this.#pools) pool.noteDeath(process);
  }

  #freeze(process: Process, ms: Millis): void {
    const { leaseMs = 0 } = this.#model.lives.get(process.label) ?? {};
    this.#count(ms > leaseMs ? "frozen beyond its lease" : "frozen");
    this.#say(process.label, `frozen for ${ms.toFixed(0)} ms (lease ${leaseMs})`);
    process.frozenUntil = Math.max(process.frozenUntil, this.#scheduler.now + ms);
  }

  #happen(event: Event): void {
    if (this.#scheduler.now > this.#plan.calmAt) return;
    this.#say("world", JSON.stringify(event));
    const person = this.#person as Database;
    const pool = "pool" in event ? this.#pools[event.pool] : undefined;
    switch (event.kind) {
      case "ambush": {
        const process = this.#victim(event.victim);
        const { after, where, what, ms } = event;
        const strike = () => {
          if (process === undefined || this.#scheduler.now > this.#plan.calmAt) return;
          if (what === "kill") this.#kill(process, `killed ${where} a statement`);
          else this.#freeze(process, ms);
        };
        process?.ambushes.push({ after, where, strike });
        return;
      }
      case "kill": {
        const process = this.#victim(event.victim);
        if (process !== undefined) this.#kill(process, "killed");
        return;
      }
      case "freeze": {
        const process = this.#victim(event.victim);
        if (process !== undefined) this.#freeze(process, event.ms);
        return;
      }
      case "clock": {
        const isOne = this.#plan.database === "sqlite";
        for (const host of this.#hosts.values()) {
          if (!isOne && host.name !== event.host) continue;
          host.aheadMs += event.jumpMs;
          if (event.jumpMs > 0) host.steppedAt = this.#scheduler.now;
          else host.wasSetBack = true;
        }
        this.#count(event.jumpMs > 0 ? "clock forwards" : "clock back");
        return;
      }
      case "reboot": {
        const host = this.#hosts.get(event.host);
        const dead = this.#live.filter((process) => process.host === host);
        host?.reboot();
        this.#count("rebooted");
        for (const process of dead) for (const one of this.#pools) one.noteDeath(process);
        return;
      }
      case "scale":
        this.#count("scaled");
        pool?.scale(event.count);
        return;
      case "reload":
        this.#count("reloaded");
        pool?.reload();
        return;
      case "restart":
        this.#count("restarted");
        pool?.restart();
        return;
      case "grow": {
        const process = this.#victim(event.victim);
        if (process !== undefined) process.bytes *= 100_000;
        this.#count("memory");
        return;
      }
      case "pause":
      case "drain": {
        this.#count(event.kind === "pause" ? "paused" : "drained");
        const doing = event.kind === "pause" ? setPaused(person, true, { reason: "a test" }) : setDraining(person);
        this.#bear(doing);
        this.#scheduler.after(event.ms, undefined, "resume", () => this.#bear(setPaused(person, false)));
        return;
      }
      case "retry":
        this.#choose(event.share, ["failed", "quarantined", "cancelled", "pending", "completed"], "retry");
        return;
      case "cancel":
        this.#choose(event.share, ["pending", "running"], "cancel");
        return;
      case "again":
        this.#choose(event.share, ["running"], "cancel");
        this.#scheduler.after(event.ms, undefined, "again", () => this.#choose(1, ["cancelled"], "retry"));
        return;
      case "add": {
        const known = new Set([...this.#model.rows()].map(({ id }) => id).concat(this.#catalogue()));
        const ids: number[] = [];
        let next = this.#random.chance(0.7) ? Math.max(...known) + 1 : Math.min(...known) - 1 - event.count;
        while (ids.length < event.count && Number.isSafeInteger(next)) {
          if (!known.has(next)) ids.push(next);
          next++;
        }
        this.#count("videos added", ids.length);
        this.#addVideos(ids, this.#plan.temper.meanMs);
        return;
      }
      case "remove":
        for (const id of this.#catalogue()) {
          if (!this.#random.chance(event.share / 4)) continue;
          this.#count("videos removed");
          this.#store.engine.exec(`DELETE FROM videos WHERE id = ${id}`);
        }
        return;
      case "batches":
        this.#bear(createBatches(person, { count: event.count }));
        return;
      case "lock":
        this.#ail("locked", event.ms);
        return;
      case "full":
        this.#ail("full", event.ms);
        return;
      case "ioerror":
        this.#store.ailments.broken++;
        return;
      case "weather":
        this.#blow("weather", event.ms, { badness: event.badness, fates: event.fates }, { badness: 0, fates: [] });
        return;
      case "outage":
        this.#blow("outage", event.ms, { outage: true }, { outage: false });
        return;
      case "quota":
        this.#blow("quota", event.ms, { quota: true }, { quota: false });
        return;
      default:
        event satisfies never;
    }
  }

  #ail(what: "locked" | "full", ms: Millis): void {
    const until = this.#scheduler.now + ms;
    this.#ends[what] = Math.max(this.#ends[what], until);
    this.#store.ailments[what] = true;
    this.#scheduler.after(ms, undefined, "well", () => {
      if (this.#scheduler.now >= this.#ends[what]) this.#store.ailments[what] = false;
    });
  }

  #blow(what: "weather" | "outage" | "quota", ms: Millis, bad: object, good: object): void {
    const { cloud } = this.#stage as Stage;
    this.#ends[what] = Math.max(this.#ends[what], this.#scheduler.now + ms);
    cloud.weather = { ...cloud.weather, ...bad };
    this.#scheduler.after(ms, undefined, "well", () => {
      if (this.#scheduler.now >= this.#ends[what]) cloud.weather = { ...cloud.weather, ...good };
    });
  }

  /** A person tries again or cancels some of the videos in these states. */
  #choose(share: number, states: State[], what: "retry" | "cancel"): void {
    const rows = [...this.#model.rows()].filter(({ state }) => states.includes(state as State));
    const ids = rows.filter(() => this.#random.chance(share)).map(({ id }) => id);
    if (ids.length === 0) return;
    const person = this.#person as Database;
    const time = EPOCH + this.#scheduler.now;
    const doing = what === "retry" ? retryVideos(person, { ids, states }) : cancelVideos(person, { ids, states }, time);
    this.#bear(
      doing.then((done) => {
        this.#count(what === "retry" ? "retried by a person" : "cancelled", done.length);
        for (const video of done) {
          const person = { attempt: 0, instance: "hidb", pid: 0, rank: -1, done: EPOCH + this.#scheduler.now };
          this.#journal.push({ time, event: what, video, ...person });
        }
      }),
    );
  }

  /** A person whose command meets a locked database sees an error, and tries again some other time. */
  #bear(doing: Promise<unknown>): void {
    doing.catch((error: unknown) => {
      if (!isPassing(error) && !String(error).includes("DATABASE") && !/I\/O error/.test(String(error)))
        this.failure ??= error;
    });
  }

  /** All faults are over; somebody looks after what needs a person. */
  #calm(): void {
    this.#say("world", "calm");
    const { cloud } = this.#stage as Stage;
    cloud.calm();
    this.#store.ailments.locked = false;
    this.#store.ailments.full = false;
    this.#store.ailments.broken = 0;
    this.#workshop.tame = true;
    for (const process of this.#live) process.ambushes.length = 0;
    if (this.#pools.every(({ entries }) => entries.every(({ ending }) => ending))) this.#pools[0]?.scale(1);
    const care = () => {
      for (const pool of this.#pools) pool.revive();
      this.#bear(setPaused(this.#person as Database, false));
      this.#scheduler.after(MINUTE, undefined, "care", care);
    };
    care();
  }

  #begin(run: Run): void {
    this.#say(run.instance, `begins video ${run.video}, attempt ${run.attempt}`);
    this.#model.begin(run);
  }

  #hear(process: Process, event: PoolEvent, rank: number): void {
    const error = event.type === "instance.failed" ? event.error : undefined;
    if (error !== undefined && !(error instanceof Error && error.name === "HidbError")) {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
    }
    this.#count(`event: ${event.type}`);
    this.#say(process.label, tell(event));
    this.#tell(process, event);
    const now = () => EPOCH + this.#scheduler.now;
    const who = { instance: process.label, pid: process.pid, rank, boot: process.identity.boot, now };
    if (!this.#begun.has(process.label)) {
      this.#begun.add(process.label);
      this.#journal.push({
        time: now() - 1,
        event: "begin",
        instance: process.label,
        pid: process.pid,
        rank,
        boot: who.boot,
      });
    }
    const line = journalLine(event, who);
    if (line !== undefined) this.#journal.push(line);
  }

  /** After what the step has done is judged: the telling is a part of it. */
  #tell(process: Process, event: PoolEvent): void {
    try {
      this.#model.check();
      this.#model.hear(event, process.label);
    } catch (error) {
      this.failure ??= error;
    }
  }

  #catalogue(): number[] {
    return this.#store.engine.texts("SELECT id FROM videos ORDER BY id").map(Number);
  }

  #isSettled(): boolean {
    // Whoever has met a spent quota tries again after a minute.
    if (this.#plan.database === "d1" && this.#scheduler.now < this.#plan.calmAt + 2 * MINUTE) return false;
    const known = new Map([...this.#model.rows()].map(({ id, state }) => [id, state]));
    for (const id of this.#catalogue()) if (!known.has(id)) return false;
    for (const state of known.values()) if (state === "pending" || state === "running") return false;
    if (this.#live.some(({ frozenUntil }) => frozenUntil > this.#scheduler.now)) return false;
    // Nobody dead is still believed to work.
    return this.#model.openInstances.every((id) => this.#model.lives.get(id)?.process.alive === true);
  }

  #complainUnsettled(): never {
    const open = [...this.#model.rows()].filter(({ state }) => state === "pending" || state === "running");
    const known = new Set([...this.#model.rows()].map(({ id }) => id));
    const missing = this.#catalogue().filter((id) => !known.has(id));
    const ghosts = this.#model.openInstances.filter((id) => this.#model.lives.get(id)?.process.alive !== true);
    const what = open
      .map(({ id, state, attempt, instance }) => `${id} ${state} #${attempt} ${instance ?? ""}`)
      .join(", ");
    throw new Broken(
      "I4",
      `not settled ${(this.#boundMs / MINUTE).toFixed(0)} min after all faults: ${what}; not taken in: ${missing.join(", ")}; ghosts: ${ghosts.join(", ")}; live: ${this.#live.length}`,
    );
  }

  /** How long it may take from the end of all faults until everything is settled. */
  get #boundMs(): Millis {
    const { pools, temper, database } = this.#plan;
    const of = (get: (settings: PoolPlan["settings"]) => Millis) =>
      Math.max(...pools.map(({ settings }) => get(settings)));
    const timeoutMs = of(({ timeoutMs: ms }) => (ms === 0 ? Number.POSITIVE_INFINITY : ms));
    const attempts = of(({ maxAttempts }) => maxAttempts);
    let workMs = 0;
    for (const { id } of this.#model.rows()) {
      workMs += attempts * (Math.min(natureOf(id, 1, temper).durationMs, timeoutMs) + 30_000);
    }
    // One that hangs does so for the whole of its time.
    if ((temper.rates.hang ?? 0) + (temper.rates.deaf ?? 0) > 0) workMs += of(({ timeoutMs: ms }) => ms);
    const silentMs = 4 * of(({ leaseMs }) => leaseMs) + 3 * of(({ heartbeatMs }) => heartbeatMs);
    const waitsMs = attempts * of(({ backoffMaxMs }) => backoffMaxMs) + of(({ drainMs }) => drainMs);
    // What was put off until a moment comes later by as much as the clock was put back.
    const backMs = this.#plan.events.reduce(
      (sum, event) => sum - (event.kind === "clock" ? Math.min(0, event.jumpMs) : 0),
      0,
    );
    // Orphans of those who have left are looked for every half an hour; requests are few.
    return workMs + silentMs + waitsMs + backMs + (database === "d1" ? 90 : 20) * MINUTE;
  }

  async #judgeEnd(): Promise<void> {
    for (const run of this.#model.runs.values()) {
      if (run.active && run.process.alive) throw new Broken("end", `video ${run.video} still runs in ${run.instance}`);
    }
    const killed = this.#counts.get("killed by PM2 after its drain") ?? 0;
    if (killed > this.#killedBefore) throw new Broken("end", "an instance with nothing to do took too long to drain");
    for (const id of this.#model.openInstances)
      throw new Broken("end", `the row of ${id} is open after its process has ended`);
    const verified = await verifyDatabase(this.#person as Database, {
      ...{ catalogue: CATALOGUE, now: EPOCH + this.#scheduler.now, isDead: () => true },
    });
    // A person has taken some out of the catalogue.
    const [problem] = verified.problems.filter(({ message }) => !message.endsWith("but no longer in videos"));
    if (problem !== undefined) throw new Broken("verify", problem.message);
    this.#judgeJournal();
  }

  /**
   * Only where all lines were written by one clock that never jumped; and a life that was frozen between a claim and its
   * line writes that line when the claim may be long lost.
   */
  #judgeJournal(): void {
    if ([...this.#counts.keys()].some((what) => what.startsWith("frozen") || what === "processor: block")) return;
    if (this.#plan.events.some(({ kind }) => kind === "clock") || this.#plan.hosts.some(({ aheadMs }) => aheadMs !== 0))
      return;
    const lines = this.#journal.toSorted((one, other) => one.time - other.time);
    const { problems } = judgeLines(lines);
    const [problem] = problems;
    this.#count("journals judged");
    if (problem !== undefined) throw new Broken("journal", problem.message);
  }

  #count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  #say(who: string, what: string): void {
    this.#trace.say(this.#scheduler.now, who, what);
  }
}

function tell(event: PoolEvent): string {
  switch (event.type) {
    case "video.claimed":
      return `claimed video ${event.claim.video.id}, attempt ${event.claim.attempt} (${event.claim.claimedAt - EPOCH})`;
    case "attempt.finished":
      return `settled video ${event.claim.video.id}, attempt ${event.claim.attempt}: ${event.outcome.kind}${event.heirOf === undefined ? "" : ` for ${event.heirOf}`}`;
    case "claim.lost":
      return `lost its claim of video ${event.claim.video.id}`;
    case "video.reclaimed":
      return `took back video ${event.videoId}, attempt ${event.attempt}: ${event.state}`;
    case "attempt.hung":
      return `gave up the attempt at video ${event.claim.video.id}`;
    case "instance.failed":
      return `failed: ${event.error instanceof Error ? event.error.message : String(event.error)}`;
    case "database.trouble":
      return `trouble: ${event.error.message}`;
    default:
      return JSON.stringify(event);
  }
}
