// What PM2 does to a pool, as facts/pm2.md has it: starts, restarts, scales, reloads and stops processes.
import { EXIT } from "../../src/errors.ts";
import type { PoolPlan } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Millis, Scheduler } from "./scheduler.ts";

/** PM2 waits so long for a message that an instance is ready, and goes on without it. */
const LISTEN_MS = 10_000;
/** How much later than the drain PM2 kills. */
const AFTER_DRAIN_MS = 15_000;
const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 15_000;

/** One entry of PM2's list. */
export interface Entry {
  processId: number;
  process: Process | undefined;
  stop: ((because: string) => void) | undefined;
  /** PM2 was told to end it: no restart. */
  ending: boolean;
  /** It has ended with 42. */
  errored: boolean;
  restartMs: Millis;
  ready: boolean;
}

export interface Launched {
  process: Process;
  stop: (because: string) => void;
  /** Never resolves for one that is killed. */
  exited: Promise<number>;
  ready: Promise<void>;
}

export class Pm2 {
  readonly plan: PoolPlan;
  entries: Entry[] = [];
  readonly #scheduler: Scheduler;
  readonly #launch: (pool: PoolPlan, processId: number) => Launched;
  readonly #count: (what: string) => void;

  constructor(
    plan: PoolPlan,
    parts: {
      scheduler: Scheduler;
      launch: (pool: PoolPlan, processId: number) => Launched;
      count: (what: string) => void;
    },
  ) {
    this.plan = plan;
    this.#scheduler = parts.scheduler;
    this.#launch = parts.launch;
    this.#count = parts.count;
  }

  get live(): Process[] {
    return this.entries.flatMap(({ process }) => (process?.alive === true ? [process] : []));
  }

  start(): void {
    this.scale(this.plan.count);
  }

  /** New ones take the lowest free numbers; the oldest go first. */
  scale(count: number): void {
    const staying = this.entries.filter(({ ending }) => !ending);
    for (const entry of staying.slice(0, Math.max(0, staying.length - count))) this.#end(entry);
    for (let more = count - staying.length; more > 0; more--) this.#add();
  }

  /** The new one works before the old one is told to stop, both under one number. */
  reload(): void {
    for (const old of this.entries.filter(({ ending }) => !ending)) {
      const fresh = this.#add(old.processId);
      const take = () => {
        if (!old.ending) this.#end(old);
      };
      this.#scheduler.after(LISTEN_MS, undefined, "pm2 listens", take);
      void fresh.promise.then(take);
    }
  }

  /** `pm2 restart`: the old one is gone before the new one comes. */
  restart(): void {
    const old = this.entries.filter(({ ending }) => !ending);
    for (const entry of old) {
      this.#end(entry);
      this.#whenGone(entry, () => void this.#add(entry.processId));
    }
  }

  stop(): void {
    for (const entry of this.entries) if (!entry.ending) this.#end(entry);
  }

  /** A person looks after what has ended with 42. */
  revive(): void {
    for (const entry of this.entries) {
      if (!entry.errored || entry.ending) continue;
      entry.errored = false;
      this.#spawn(entry);
    }
  }

  /** Called for a process that was killed from outside. */
  noteDeath(process: Process): void {
    const entry = this.entries.find((one) => one.process === process);
    if (entry !== undefined) this.#noteExit(entry, 0);
  }

  #add(processId?: number): { promise: Promise<void> } {
    const taken = new Set(this.entries.map((entry) => entry.processId));
    let free = 0;
    while (taken.has(free)) free++;
    const entry: Entry = {
      ...{ processId: processId ?? free, process: undefined, stop: undefined },
      ...{ ending: false, errored: false, restartMs: FIRST_RESTART_MS, ready: false },
    };
    this.entries.push(entry);
    return { promise: this.#spawn(entry) };
  }

  #spawn(entry: Entry): Promise<void> {
    const launched = this.#launch(this.plan, entry.processId);
    entry.process = launched.process;
    entry.stop = launched.stop;
    entry.ready = false;
    void launched.exited.then((code) => {
      launched.process.alive = false;
      if (entry.process === launched.process) this.#noteExit(entry, code);
    });
    void launched.ready.then(() => {
      entry.ready = true;
      // Only starts that fail make the next one wait.
      entry.restartMs = FIRST_RESTART_MS;
    });
    return launched.ready;
  }

  #noteExit(entry: Entry, code: number): void {
    entry.process = undefined;
    entry.stop = undefined;
    this.#count(`exit ${code}`);
    if (entry.ending) {
      this.entries = this.entries.filter((one) => one !== entry);
      return;
    }
    if (code === EXIT.doNotRestart) {
      entry.errored = true;
      return;
    }
    const delay = entry.restartMs;
    entry.restartMs = Math.min(LONGEST_RESTART_MS, entry.restartMs * 2);
    this.#scheduler.after(delay, undefined, "pm2 restarts", () => {
      if (!entry.ending && entry.process === undefined && this.entries.includes(entry)) this.#spawn(entry);
    });
  }

  #end(entry: Entry): void {
    entry.ending = true;
    const { process } = entry;
    if (process?.alive !== true) {
      this.entries = this.entries.filter((one) => one !== entry);
      return;
    }
    entry.stop?.("SIGINT");
    this.#scheduler.after(this.plan.settings.drainMs + AFTER_DRAIN_MS, undefined, "pm2 kills", () => {
      if (!process.alive) return;
      this.#count("killed by PM2 after its drain");
      process.alive = false;
      if (entry.process === process) this.#noteExit(entry, 0);
    });
  }

  #whenGone(entry: Entry, then: () => void): void {
    const { process } = entry;
    if (process?.alive !== true) then();
    else this.#scheduler.after(100, undefined, "pm2 waits", () => this.#whenGone(entry, then));
  }
}
