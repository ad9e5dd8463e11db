// A real PM2 pool with a home of its own, for hours of being harmed: nothing here holds up the event loop for long.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { systemClock as clock } from "../../dist/clock.js";
import { migrate } from "../../dist/database/migrate.js";
import { openSqlite } from "../../dist/database/sqlite.js";
import { type Answer, allPids, findProcesses, isRunning, kill } from "../support/process.ts";
import { type Group, makeGroup } from "./group.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PM2 = join(ROOT, "node_modules/pm2/bin/pm2");
const CLI = join(ROOT, "dist/cli/hidb.cjs");
/** A command that PM2's daemon does not answer any more, for example because it was just killed. */
const COMMAND_TIMEOUT_MS = 120_000;
const DISK_MB = 160;
/** Enough for eight instances and eight more during a reload. */
const BOX_MB = 3000;

/** One life of an instance, as the database tells it. */
export interface Life {
  id: string;
  pid: number;
  state: string;
  startedAt: number;
  goneAt: number | null;
  because: string | null;
  inHand: number;
}

export class SoakPool {
  readonly folder = mkdtempSync(join(tmpdir(), "hs-"));
  readonly home = join(this.folder, "pm2");
  readonly journal = join(this.folder, "journal.ndjson");
  readonly file: string;
  /** The disk of the database alone; undefined where mounting is not permitted. */
  readonly disk: string | undefined;
  readonly group: Group | string = makeGroup(BOX_MB);
  readonly #settings: Record<string, string>;
  #database: BetterSqlite3.Database | undefined;

  private constructor(settings: Record<string, string>) {
    const disk = join(this.folder, "disk");
    mkdirSync(disk);
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "tmpfs", disk]);
    this.disk = status === 0 ? disk : undefined;
    this.file = join(disk, "hidb.sqlite");
    this.#settings = settings;
  }

  /** A pool with a catalogue; nothing runs yet. */
  static async create(durationsS: number[], settings: Record<string, string>): Promise<SoakPool> {
    const pool = new SoakPool(settings);
    const database = await openSqlite(pool.file, { clock, create: true });
    await migrate(database, { folder: join(ROOT, "data/migrations"), withCatalogue: true });
    await database.close();
    const insert = pool.database.prepare("INSERT INTO videos (id, source, duration_s) VALUES (?, ?, ?)");
    pool.database.transaction(() => {
      for (const [at, durationS] of durationsS.entries()) insert.run(at + 1, `/soak/${at + 1}.mp4`, durationS);
    })();
    return pool;
  }

  get environment(): Record<string, string> {
    const { PATH = "" } = process.env;
    const quiet = { PM2_DISCRETE_MODE: "true", PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
    return {
      ...{ PATH, HOME: this.folder, LANG: "C.UTF-8", PM2_HOME: this.home, ...quiet },
      HIDB_SQLITE_FILE: this.file,
      HIDB_JOURNAL: this.journal,
      HIDB_LOG_DIR: join(this.folder, "logs"),
      HIDB_LOG_LEVEL: "warn",
      HIDB_PROCESSOR: "rehearse",
      HIDB_PORT: "0",
      ...this.#settings,
    };
  }

  pm2(...args: string[]): Promise<Answer> {
    return this.#run([PM2, ...args], { inBox: true });
  }

  start(instances: number): Promise<Answer> {
    return this.pm2("start", join(ROOT, "ecosystem.cluster.config.cjs"), "-i", String(instances));
  }

  hidb(...args: string[]): Promise<Answer> {
    return this.#run([CLI, ...args]);
  }

  #run(args: string[], { inBox = false } = {}): Promise<Answer> {
    const within = inBox && typeof this.group !== "string" ? this.group.within : [];
    const [file, ...words] = [...within, process.execPath, ...args];
    const options = { env: this.environment, cwd: this.folder, timeout: COMMAND_TIMEOUT_MS, maxBuffer: 1 << 26 };
    return new Promise((done) => {
      execFile(file as string, words, options, (error, stdout, stderr) => {
        done({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, stdout, stderr });
      });
    });
  }

  get database(): BetterSqlite3.Database {
    // Short: while it waits for a lock nothing else of the soak happens.
    this.#database ??= new BetterSqlite3(this.file, { timeout: 2000 });
    return this.#database;
  }

  counts(): Record<string, number> {
    const rows = this.database
      .prepare<[], { state: string; n: number }>("SELECT state, count(*) AS n FROM hidb_videos GROUP BY 1")
      .all();
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  }

  /** Videos of the catalogue that have not come to an end. */
  left(): number {
    return this.database
      .prepare("SELECT count(*) FROM videos LEFT JOIN hidb_videos ON video_id = id WHERE finished_at IS NULL")
      .pluck()
      .get() as number;
  }

  lives(): Life[] {
    return this.database
      .prepare<[], Life>(
        `SELECT id, pid, state, started_at AS startedAt, gone_at AS goneAt, gone_because AS because, in_hand AS inHand
           FROM hidb_instances ORDER BY started_at, id`,
      )
      .all();
  }

  /** Lives whose processes are there, whatever they do. */
  present(): Life[] {
    return this.lives().filter((life) => life.goneAt === null && isRunning(life.pid));
  }

  get daemonPid(): number | undefined {
    try {
      return Number(readFileSync(join(this.home, "pm2.pid"), "utf8"));
    } catch {
      return undefined;
    }
  }

  /**
   * What is killed in the middle of a reload PM2 starts again under a name that it then forgets: such a process works on, in
   * no list, until the daemon ends. It leaves in good order when it is told to; resolves to how many there were.
   */
  async endForgotten(): Promise<number> {
    const { stdout } = await this.pm2("jlist");
    const listed = JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as { pid: number }[];
    const forgotten = this.present().filter((life) => !listed.some(({ pid }) => pid === life.pid));
    for (const { pid } of forgotten) kill(pid, "SIGINT");
    await this.until("the forgotten to leave", () => forgotten.every(({ pid }) => !isRunning(pid)), 30_000);
    return forgotten.length;
  }

  async until(what: string, condition: () => boolean, patienceMs: number): Promise<void> {
    const giveUp = clock.monotonic() + patienceMs;
    while (!condition()) {
      if (clock.monotonic() > giveUp) throw new Error(`waited ${patienceMs / 1000} s for ${what}`);
      await clock.sleep(200);
    }
  }

  /** Ends everything that runs; the folder stays if it is to be looked at. */
  async end({ keep }: { keep: boolean }): Promise<void> {
    this.killAll();
    this.#database?.close();
    if (typeof this.group !== "string") await this.group.remove();
    if (keep && this.disk !== undefined) {
      const kept = join(this.folder, "database");
      mkdirSync(kept);
      execFileSync("sh", ["-c", 'cp "$0"/hidb.sqlite* "$1"', this.disk, kept]);
    }
    if (this.disk !== undefined) execFileSync("umount", ["--lazy", this.disk]);
    if (!keep) rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /** The daemon first, so that it starts nothing anew; twice, for those that were just being started. */
  killAll(): void {
    for (let round = 0; round < 2; round++) {
      const pids = findProcesses((environ) => environ.split("\0").includes(`PM2_HOME=${this.home}`));
      const daemon = this.daemonPid;
      for (const pid of pids.toSorted((a, b) => Number(b === daemon) - Number(a === daemon))) kill(pid, "SIGKILL");
    }
  }
}

export function childrenOf(parent: number): number[] {
  return allPids().filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
    } catch {
      return false;
    }
  });
}
