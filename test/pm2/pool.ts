// A pool of its own for a test: a folder with a database, a PM2 home, and an environment free of PM2's variables.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { expect } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { migrate } from "../../src/database/migrate.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { type Answer, findProcesses, kill, run } from "../support/process.js";
import { type JournalLine, type JudgeOptions, judge, readJournal } from "./judge.js";

export const ROOT = resolve(import.meta.dirname, "../..");
export const CONFIG_FILE = join(ROOT, "ecosystem.cluster.config.cjs");
const PM2_FOLDER = join(ROOT, "node_modules/pm2/bin");
const CLI = join(ROOT, "dist/cli/hidb.cjs");

/** Machines differ and neighbours make noise: limits are wide, and met long before. */
const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 15;

/** One line of `pm2 jlist`. */
export interface Listed {
  name: string;
  pid: number;
  pm_id: number;
  pm2_env: { status: string; restart_time: number; exit_code?: number; NODE_APP_INSTANCE?: number };
}

/** One life of an instance, as the database tells it. */
export interface Life {
  id: string;
  pid: number;
  processId: number;
  state: "starting" | "working" | "draining" | "gone";
  startedAt: number;
  goneAt: number | null;
  because: string | null;
}

export interface PoolOptions {
  videos?: number;
  /** How long `rehearse` takes for each. */
  videoMs?: number;
  settings?: Record<string, string>;
  /** Works on the database and the journal of this one, under a PM2 home of its own. */
  beside?: TestPool;
  /** A database that is there already, with hidb's tables in it; `settings` say how instances reach it. */
  file?: string;
  /** What every command is typed behind, to run it on another host. */
  within?: string[];
}

export class TestPool {
  readonly folder: string;
  readonly home: string;
  readonly file: string;
  readonly journal: string;
  readonly settings: Record<string, string>;
  readonly #videoMs: number;
  readonly #within: string[];
  #database: BetterSqlite3.Database | undefined;
  #feeding: NodeJS.Timeout | undefined;

  constructor({ videoMs = 50, settings = {}, beside, file, within = [] }: PoolOptions) {
    // PM2 keeps unix sockets in its home, and their paths may have 107 bytes.
    this.folder = mkdtempSync(join(tmpdir(), "hp-"));
    this.home = join(this.folder, "pm2");
    this.file = file ?? beside?.file ?? join(this.folder, "hidb.sqlite");
    this.journal = beside?.journal ?? join(this.folder, "journal.ndjson");
    this.#videoMs = videoMs;
    this.#within = within;
    this.settings = {
      HIDB_SQLITE_FILE: this.file,
      HIDB_JOURNAL: this.journal,
      HIDB_LOG_DIR: join(this.folder, "logs"),
      HIDB_SPOOL_DIR: join(this.folder, "spool"),
      HIDB_PROCESSOR: "rehearse",
      HIDB_HEARTBEAT_MS: "200",
      HIDB_BACKOFF_MS: "50",
      HIDB_FORCE: "1",
      HIDB_PORT: "0",
      ...settings,
    };
    process.once("exit", this.#killAll);
  }

  get environment(): Record<string, string> {
    const { PATH = "", HOME = "", LANG = "C.UTF-8" } = process.env;
    const quiet = { PM2_DISCRETE_MODE: "true", PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
    return { PATH, HOME, LANG, PM2_HOME: this.home, ...quiet, ...this.settings };
  }

  /** Types a `pm2` command in a shell with these variables besides the pool's own. */
  pm2(args: string[], environment: Record<string, string> = {}): Promise<Answer> {
    return this.#run([join(PM2_FOLDER, "pm2"), ...args], { ...this.environment, ...environment });
  }

  /** `pm2 start ecosystem.cluster.config.cjs ...`; fails the test when PM2 does. */
  async start(args: string[] = [], environment: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.pm2(["start", CONFIG_FILE, ...args], environment);
    expect(answer, "pm2 start").toMatchObject({ code: 0 });
    return answer;
  }

  /** Starts `pm2-runtime`, which stays in the foreground as in a container. */
  runtime(args: string[]): ChildProcess {
    const child = spawn(process.execPath, [join(PM2_FOLDER, "pm2-runtime"), ...args], {
      env: this.environment,
      stdio: "ignore",
    });
    return child;
  }

  /** As `pm2`, and fails the test unless it answers with exit code 0. */
  async ok(...args: string[]): Promise<Answer> {
    const answer = await this.pm2(args);
    expect(answer, `pm2 ${args.join(" ")}`).toMatchObject({ code: 0 });
    return answer;
  }

  hidb(args: string[]): Promise<Answer> {
    return this.#run([CLI, ...args], this.environment);
  }

  #run(args: string[], environment: Record<string, string>): Promise<Answer> {
    const [file, ...words] = [...this.#within, process.execPath, ...args];
    return run(file as string, words, environment);
  }

  async jlist(): Promise<Listed[]> {
    const { stdout } = await this.pm2(["jlist"]);
    return JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as Listed[];
  }

  get daemonPid(): number {
    return Number(readFileSync(join(this.home, "pm2.pid"), "utf8"));
  }

  get database(): BetterSqlite3.Database {
    this.#database ??= new BetterSqlite3(this.file, { timeout: 10_000 });
    return this.#database;
  }

  /** Rows as a person's own program would insert them: into the catalogue, not into the pool's tables. */
  addVideos(count: number, videoMs = this.#videoMs): void {
    const insert = this.database.prepare(
      "INSERT INTO videos (id, source, duration_s) SELECT m, '/v/' || m, ? FROM (SELECT coalesce(max(id), 0) + 1 AS m FROM videos)",
    );
    this.database.transaction(() => {
      for (let n = 0; n < count; n++) insert.run(videoMs / 1000);
    })();
  }

  /** Adds videos whenever the backlog runs low, until `finish`. */
  keepBusy(): void {
    this.#feeding = setInterval(() => {
      if (this.count("pending") < 40) this.addVideos(60);
    }, 50);
  }

  count(...states: string[]): number {
    const places = states.map(() => "?").join(", ");
    const sql = `SELECT count(*) FROM hidb_videos WHERE state IN (${places})`;
    return this.database.prepare(sql).pluck().get(states) as number;
  }

  lives(): Life[] {
    return this.database
      .prepare<[], Life>(
        `SELECT id, pid, process_id AS processId, state, started_at AS startedAt, gone_at AS goneAt, gone_because AS because
           FROM hidb_instances ORDER BY started_at, id`,
      )
      .all();
  }

  working(): Life[] {
    return this.lives().filter((life) => life.state === "working");
  }

  /** Waits until exactly `count` instances work, and no other life drains or starts. */
  async waitForInstances(count: number): Promise<Life[]> {
    await this.waitFor(`${count} working instances`, () => {
      const open = this.lives().filter((life) => life.state !== "gone");
      return open.length === count && open.every((life) => life.state === "working");
    });
    return this.working();
  }

  /** Waits for further videos to be completed; adds some where a busy machine has let the pool finish too many before. */
  async waitForProgress(count = 20): Promise<void> {
    if (this.count("pending", "running") < count) this.addVideos(count);
    const from = this.count("completed");
    await this.waitFor(`${count} more videos`, () => this.count("completed") >= from + count);
  }

  /** Attempts that did not complete and were not given back. */
  spentAttempts(): number {
    return this.database.prepare("SELECT count(*) FROM hidb_attempts").pluck().get() as number;
  }

  /** Waits for a value. */
  async find<T>(what: string, look: () => T | undefined): Promise<T> {
    let found = look();
    await this.waitFor(what, () => {
      found ??= look();
      return found !== undefined;
    });
    return found as T;
  }

  async waitFor(what: string, condition: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
    const until = clock.monotonic() + patienceMs;
    while (!(await condition())) {
      if (clock.monotonic() > until) throw new Error(`waited ${patienceMs / 1000} s for ${what}\n${this.#situation()}`);
      await delay(LOOK_EVERY_MS);
    }
  }

  /** Stops feeding and waits until every video of the catalogue has come to its end. */
  async finish(patienceMs = PATIENCE_MS): Promise<void> {
    clearInterval(this.#feeding);
    const left = this.database
      .prepare(
        `SELECT count(*) FROM videos WHERE id NOT IN (SELECT video_id FROM hidb_videos WHERE finished_at IS NOT NULL)`,
      )
      .pluck();
    await this.waitFor("every video to end", () => left.get() === 0, patienceMs);
    // The line of the last settlement follows its commit, and on D1 also the answer to a question, if that to the commit
    // was lost. Who was killed owes it for ever.
    await this.waitFor("the journal's last lines", () => this.#owedLines() === 0);
  }

  /** Completions of living instances that the journal does not tell yet. */
  #owedLines(): number {
    const told = new Set(this.readJournal().map((line) => (line.event === "settle" ? line.video : undefined)));
    const living = this.lives().filter(({ state, pid }) => state !== "gone" && existsSync(`/proc/${pid}`));
    const mine = this.database
      .prepare("SELECT video_id FROM hidb_videos WHERE state = 'completed' AND instance = ?")
      .pluck();
    return living.flatMap(({ id }) => mine.all(id) as number[]).filter((video) => !told.has(video)).length;
  }

  readJournal(): JournalLine[] {
    return existsSync(this.journal) ? readJournal(this.journal) : [];
  }

  /** The end of every scenario: `hidb verify` is clean, and so is our own look at the same run. */
  async verify(options: JudgeOptions = {}): Promise<void> {
    expect(judge(this.database, this.readJournal(), options)).toEqual([]);
    const answer = await this.hidb(["verify", "--json", "--journal", this.journal]);
    expect(answer, "hidb verify").toMatchObject({ code: 0 });
    const videos = this.database.prepare("SELECT count(*) FROM videos").pluck().get();
    expect(JSON.parse(answer.stdout)).toMatchObject({ ok: true, videos, problems: [] });
  }

  /** Everything that instances said through PM2. */
  output(): string {
    const folder = join(this.home, "logs");
    if (!existsSync(folder)) return "";
    return readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("");
  }

  /** Ends the daemon and whatever it has started, whether or not the test got that far. */
  async end(): Promise<void> {
    clearInterval(this.#feeding);
    this.#killAll();
    process.off("exit", this.#killAll);
    this.#database?.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /** The daemon first, so that it starts nothing anew; twice, for those that were just being started. */
  readonly #killAll = (): void => {
    if (!existsSync(this.home)) return;
    for (let round = 0; round < 2; round++) {
      const pids = findProcesses((environ) => environ.split("\0").includes(`PM2_HOME=${this.home}`));
      const daemon = readPid(join(this.home, "pm2.pid"));
      for (const pid of daemon === undefined ? pids : [daemon, ...pids]) {
        if (pid !== daemon || pids.includes(pid)) kill(pid);
      }
    }
  };

  #situation(): string {
    const counts = this.database.prepare("SELECT state, count(*) AS n FROM hidb_videos GROUP BY 1").all();
    return `videos ${JSON.stringify(counts)}\nlives ${JSON.stringify(this.lives())}\n${this.output().slice(-2000)}`;
  }
}

/** A pool with a database of pending videos; nothing runs yet. */
export async function createPool(options: PoolOptions = {}): Promise<TestPool> {
  const pool = new TestPool(options);
  if (options.beside === undefined && options.file === undefined) {
    const database = await openSqlite(pool.file, { clock, create: true });
    await migrate(database, { folder: join(ROOT, "data/migrations"), withCatalogue: true });
    await database.close();
  }
  if (options.videos !== undefined) pool.addVideos(options.videos);
  return pool;
}

/** The value below which `share` of the figures lie. */
export function percentile(figures: number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

function readPid(file: string): number | undefined {
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined;
}
