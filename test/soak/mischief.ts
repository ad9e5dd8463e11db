// What happens to the pool of a soak: three hands at once, each one thing after the other, all by seed.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { systemClock as clock } from "../../dist/clock.js";
import { type Answer, isRunning, kill } from "../support/process.ts";
import { childrenOf, type SoakPool } from "./pool.ts";
import { Chance } from "./random.ts";

/** A process that we have ended, or whose daemon we have. */
export interface Kill {
  pid: number;
  at: number;
}

export interface MischiefOptions {
  pool: SoakPool;
  seed: number;
  videos: number;
  instances: { least: number; most: number };
  /** 1: something happens every few seconds; 3: three times as often. */
  pace: number;
  say: (line: string) => void;
}

/** Longest that an instance, a lock or a full disk is left alone with: well below PM2's kill_timeout. */
const LONGEST_S = 6;

export class Mischief {
  readonly kills: Kill[] = [];
  /** How often each thing was done. */
  readonly events = new Map<string, number>();
  /** Commands of a person that were refused, most likely for want of the lock or of room. */
  readonly refused: string[] = [];
  readonly skipped: string[] = [];
  readonly #options: MischiefOptions;
  readonly #over = new AbortController();
  readonly #undo = new Set<() => void>();
  #instances: number;
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(options: MischiefOptions) {
    this.#options = options;
    this.#instances = options.instances.least;
    const { pool } = options;
    if (pool.disk === undefined) this.skipped.push("full disk: a tmpfs may not be mounted here");
    if (typeof pool.group === "string") this.skipped.push(`memory pressure: ${pool.group}`);
  }

  begin(): void {
    this.#lanes = Promise.all([
      this.#lane("pm2", [4, 14], { scale: 6, reload: 3, "daemon killed": 2 }),
      this.#lane("faults", [1, 6], {
        ...{ "kill -9": 6, "kill -9 of several": 3, "stopped for a while": 3, "database locked": 2 },
        ...(this.#options.pool.disk === undefined ? {} : { "disk full": 2 }),
        ...(typeof this.#options.pool.group === "string" ? {} : { "memory eaten": 1 }),
      }),
      this.#lane("person", [2, 10], { pause: 2, cancel: 4, retry: 3, "retry completed": 2 }),
    ]);
  }

  /** Ends all of it and puts everything right. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#lanes;
    for (const undo of this.#undo) undo();
  }

  get #signal(): AbortSignal {
    return this.#over.signal;
  }

  async #lane(name: string, [least, most]: [number, number], weights: Record<string, number>): Promise<void> {
    const chance = new Chance(this.#options.seed, name);
    // However short the soak, somebody dies in it.
    let first = "kill -9" in weights ? "kill -9" : undefined;
    for (;;) {
      await clock.sleep((chance.between(least, most) * 1000) / this.#options.pace, this.#signal);
      if (this.#signal.aborted) return;
      const what = first ?? chance.choose(weights);
      first = undefined;
      const started = clock.monotonic();
      const detail = await this.#do(what, chance).catch((error: unknown) => `FAILED: ${error}`);
      if (detail === undefined) continue;
      this.events.set(what, (this.events.get(what) ?? 0) + 1);
      this.#options.say(`${what} ${detail} (${((clock.monotonic() - started) / 1000).toFixed(1)} s)`);
    }
  }

  /** What was done to whom; undefined when there was nobody to do it to. */
  async #do(what: string, chance: Chance): Promise<string | undefined> {
    switch (what) {
      case "scale":
        return this.#scale(chance);
      case "reload":
        return this.#command(this.#options.pool.pm2("reload", "hidb"));
      case "daemon killed":
        return this.#killDaemon(chance);
      case "kill -9":
        return this.#kill(chance.sample(this.#pids(), 1));
      case "kill -9 of several": {
        const pids = this.#pids();
        return this.#kill(chance.sample(pids, chance.whole(2, Math.max(2, pids.length))));
      }
      case "stopped for a while":
        return this.#stop(chance);
      case "database locked":
        return this.#lock(chance);
      case "disk full":
        return this.#fill(chance);
      case "memory eaten":
        return this.#eat(chance);
      case "pause":
        return this.#pause(chance);
      case "cancel":
        return this.#cancel(chance);
      case "retry":
        return this.#person("retry", "--failed", "--quarantined", "--cancelled");
      default:
        return this.#retryCompleted(chance);
    }
  }

  /** Lives that have begun, in an order that does not depend on pids. */
  #pids(): number[] {
    return this.#options.pool.present().map((life) => life.pid);
  }

  async #command(running: Promise<Answer>): Promise<string> {
    const { code, stderr } = await running;
    return code === 0 ? "" : `exit ${code}: ${stderr.trim().split("\n").at(-1)}`;
  }

  async #scale(chance: Chance): Promise<string> {
    const { pool, instances } = this.#options;
    const count = chance.whole(instances.least, instances.most);
    this.#instances = count;
    const said = await this.#command(pool.pm2("scale", "hidb", String(count)));
    // Nothing to scale: whatever has ended the pool, a person would start it again.
    if (said !== "" && this.#pids().length === 0) return `${count} ${await this.#command(pool.start(count))}`;
    return `${count} ${said}`;
  }

  /** Its instances end with it, those in a blocking call a little later. */
  async #killDaemon(chance: Chance): Promise<string | undefined> {
    const { pool } = this.#options;
    const resurrect = chance.next() < 0.5;
    const pauseMs = chance.between(0, 2000);
    if (resurrect) await pool.pm2("save", "--force");
    const daemon = pool.daemonPid;
    if (daemon === undefined) return undefined;
    // All that it has started, whether or not they have come so far as to register.
    const ended = childrenOf(daemon);
    const at = clock.now();
    kill(daemon, "SIGKILL");
    for (const pid of ended) this.kills.push({ pid, at });
    await clock.sleep(pauseMs);
    const said = await this.#command(resurrect ? pool.pm2("resurrect") : pool.start(this.#instances));
    return `${ended.length} instances with it, then ${resurrect ? "resurrect" : `start -i ${this.#instances}`} ${said}`;
  }

  #kill(pids: number[]): string | undefined {
    const ended = pids.filter((pid) => {
      const at = clock.now();
      const killed = isRunning(pid) && kill(pid, "SIGKILL");
      if (killed) this.kills.push({ pid, at });
      return killed;
    });
    return ended.length === 0 ? undefined : ended.join(" ");
  }

  async #stop(chance: Chance): Promise<string | undefined> {
    const [pid] = chance.sample(this.#pids(), 1);
    const ms = chance.between(0.5, LONGEST_S) * 1000;
    if (pid === undefined || !kill(pid, "SIGSTOP")) return undefined;
    await this.#during(ms, () => kill(pid, "SIGCONT"));
    return String(pid);
  }

  async #lock(chance: Chance): Promise<string | undefined> {
    const ms = chance.between(0.5, LONGEST_S) * 1000;
    const database = new BetterSqlite3(this.#options.pool.file, { timeout: 1000 });
    try {
      database.exec("BEGIN IMMEDIATE");
    } catch {
      database.close();
      return undefined; // Somebody else has it: a full disk, or a busy pool.
    }
    await this.#during(ms, () => database.close());
    return "";
  }

  async #fill(chance: Chance): Promise<string> {
    const { pool } = this.#options;
    const ms = chance.between(1, LONGEST_S) * 1000;
    const ballast = join(pool.disk as string, "ballast");
    // An empty log of the database has to grow again with the next write.
    pool.database.pragma("wal_checkpoint(TRUNCATE)");
    fillUp(ballast);
    await this.#during(ms, () => rmSync(ballast, { force: true }));
    return "";
  }

  /** Up to nearly all of the box: instances make room, and nobody is to be ended by the kernel. */
  async #eat(chance: Chance): Promise<string | undefined> {
    const { group } = this.#options.pool;
    if (typeof group === "string") return undefined;
    const ms = chance.between(2, LONGEST_S) * 1000;
    const freeMb = group.limitMb - group.usedMb();
    const megabytes = Math.floor(freeMb - group.limitMb * 0.06);
    if (megabytes <= 0) return undefined;
    const eater = spawnEater(megabytes, group.within);
    await this.#during(ms, () => eater.kill("SIGKILL"));
    return `${megabytes} MB`;
  }

  async #pause(chance: Chance): Promise<string> {
    const ms = chance.between(0.5, LONGEST_S) * 1000;
    const word = chance.next() < 0.3 ? "drain" : "pause";
    const paused = await this.#person(word);
    await clock.sleep(ms, this.#signal);
    return `${word} ${paused}, resume ${await this.#person("resume")}`;
  }

  /** Any, and some that run. */
  #cancel(chance: Chance): Promise<string> {
    const { pool, videos } = this.#options;
    const running = pool.database
      .prepare("SELECT video_id FROM hidb_videos INDEXED BY hidb_open WHERE finished_at IS NULL AND state = 'running'")
      .pluck()
      .all() as number[];
    const any = Array.from({ length: chance.whole(1, 4) }, () => chance.whole(1, videos));
    const ids = [...new Set([...any, ...chance.sample(running, chance.whole(0, 3))])];
    return this.#person("cancel", ...ids.map(String));
  }

  async #retryCompleted(chance: Chance): Promise<string | undefined> {
    const { pool, videos } = this.#options;
    const isCompleted = pool.database.prepare("SELECT 1 FROM hidb_videos WHERE video_id = ? AND state = 'completed'");
    const ids = Array.from({ length: 12 }, () => chance.whole(1, videos)).filter((id) => isCompleted.get(id));
    if (ids.length === 0) return undefined;
    return this.#person("retry", "--completed", ...[...new Set(ids)].slice(0, 3).map(String));
  }

  async #person(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#options.pool.hidb(...args);
    if (code === 0) return `${args.slice(1).join(" ")}: ${stdout.trim()}`;
    this.refused.push(`hidb ${args.join(" ")}: exit ${code}, ${stderr.trim()}`);
    return `${args.slice(1).join(" ")}: exit ${code}`;
  }

  /** Lets it last, and ends it whatever happens. */
  async #during(ms: number, undo: () => void): Promise<void> {
    this.#undo.add(undo);
    await clock.sleep(ms, this.#signal);
    undo();
    this.#undo.delete(undo);
  }
}

function fillUp(file: string): void {
  const descriptor = openSync(file, "w");
  try {
    for (const piece of [Buffer.alloc(1 << 20), Buffer.alloc(4096)]) {
      try {
        while (writeSync(descriptor, piece) > 0);
      } catch {
        // Full to within a piece of this size.
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Takes it within half a second, in steps, so that the pool can see it coming. */
function spawnEater(megabytes: number, within: string[]): ChildProcess {
  const script = `
    const kept = [];
    const step = Math.ceil(${megabytes} / 20);
    for (let at = 0; at < 20; at++) setTimeout(() => kept.push(Buffer.alloc(step * 1048576, 1)), at * 25);
    setTimeout(() => process.exit(), 60000);`;
  const [file, ...args] = [...within, process.execPath, "-e", script];
  return spawn(file as string, args, { stdio: "ignore" });
}
