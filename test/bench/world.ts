// A world of its own for each figure: a folder, a database, a PM2 home; all gone afterwards.
import { type ChildProcess, execFile, execFileSync, fork } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import BetterSqlite3 from "better-sqlite3";
import { systemClock } from "../../dist/clock.js";
import { migrate } from "../../dist/database/migrate.js";
import { openSqlite } from "../../dist/database/sqlite.js";

export const ROOT = resolve(import.meta.dirname, "../..");
const PM2 = join(ROOT, "node_modules", "pm2", "bin", "pm2");

export interface Entry {
  durationS: number | null;
  /** Where the video is really read. */
  source?: string;
}

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), "hidb-bench-"));
  readonly file = join(this.folder, "hidb.sqlite");
  readonly journal = join(this.folder, "journal.ndjson");
  readonly #settings: Record<string, string>;

  private constructor(settings: Record<string, string>) {
    this.#settings = settings;
  }

  static async create(videos: Entry[], settings: Record<string, string>): Promise<World> {
    const world = new World(settings);
    const database = await openSqlite(world.file, { clock: systemClock, create: true });
    await migrate(database, { folder: join(ROOT, "data", "migrations"), withCatalogue: true });
    await database.close();
    world.query((raw) => {
      const video = raw.prepare("INSERT INTO videos (id, source, duration_s) VALUES (?, ?, ?)");
      const entry = raw.prepare("INSERT INTO hidb_videos (video_id, priority) VALUES (?, ?)");
      raw.transaction(() => {
        for (const [at, { durationS, source }] of videos.entries()) {
          video.run(at + 1, source ?? `/bench/${at + 1}.mp4`, durationS);
          entry.run(at + 1, -(durationS ?? 0));
        }
      })();
      raw.pragma("wal_checkpoint(TRUNCATE)");
    });
    return world;
  }

  query<T>(work: (database: BetterSqlite3.Database) => T): T {
    const database = new BetterSqlite3(this.file, { timeout: 60_000 });
    try {
      return work(database);
    } finally {
      database.close();
    }
  }

  pm2(...args: string[]): string {
    const { env, cwd } = this.#shell();
    return execFileSync(process.execPath, [PM2, ...args], {
      ...{ cwd, env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** For a pool that needs this very process while it starts or ends: its database is served here. */
  async pm2Beside(...args: string[]): Promise<void> {
    await promisify(execFile)(process.execPath, [PM2, ...args], this.#shell());
  }

  /** What an instance of this world is given. */
  environment(): NodeJS.ProcessEnv {
    return this.#shell().env;
  }

  #shell(): { cwd: string; env: NodeJS.ProcessEnv } {
    const env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      PM2_HOME: join(this.folder, "pm2"),
      PM2_DISCRETE_MODE: "true",
      HIDB_SQLITE_FILE: this.file,
      HIDB_SPOOL_DIR: join(this.folder, "spool"),
      HIDB_LOG_DIR: join(this.folder, "logs"),
      HIDB_LOG_LEVEL: "warn",
      HIDB_PROCESSOR: "rehearse",
      HIDB_FORCE: "1",
      HIDB_PORT: "0",
      ...this.#settings,
    };
    return { cwd: ROOT, env };
  }

  start(instances: number): void {
    this.pm2("start", "ecosystem.cluster.config.cjs", "-i", String(instances));
  }

  /** Keeps instances from claiming until all of them stand ready. */
  pause(): void {
    this.query((database) => database.exec("INSERT INTO hidb_pool VALUES ('paused', '1')"));
  }

  resume(): void {
    this.query((database) => database.exec("DELETE FROM hidb_pool WHERE key = 'paused'"));
  }

  counts(): Record<string, number> {
    const rows = this.query((database) =>
      database
        .prepare<[], { state: string; n: number }>("SELECT state, count(*) AS n FROM hidb_videos GROUP BY state")
        .all(),
    );
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  }

  async untilDone(everyMs = 250): Promise<void> {
    const open = () =>
      this.query(
        (database) =>
          database.prepare("SELECT 1 FROM hidb_videos WHERE finished_at IS NULL LIMIT 1").get() !== undefined,
      );
    while (open()) await systemClock.sleep(everyMs);
  }

  /** Milliseconds from the first claim to the last settlement. */
  makespanMs(): number {
    return this.query(
      (database) =>
        database.prepare<[], { ms: number }>("SELECT max(finished_at) - min(claimed_at) AS ms FROM hidb_videos").get()
          ?.ms ?? 0,
    );
  }

  daemonPid(): number {
    return Number(readFileSync(join(this.folder, "pm2", "pm2.pid"), "utf8"));
  }

  instancePids(): number[] {
    return this.query((database) =>
      database
        .prepare<[], { pid: number }>("SELECT pid FROM hidb_instances WHERE gone_at IS NULL ORDER BY started_at")
        .all()
        .map((row) => row.pid),
    );
  }

  /** Proportional memory of the daemon and everything it has started, in MB. */
  pssMb(): number {
    return familyPssMb(this.daemonPid());
  }

  end(): void {
    try {
      this.pm2("kill");
    } finally {
      this.remove();
    }
  }

  /** For a world in which PM2 was never started. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Proportional memory of a process and all its descendants, in MB. */
export function familyPssMb(pid: number): number {
  return withDescendants(pid).reduce((sum, member) => sum + pssMbOf(member), 0);
}

export function pssMbOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // It has ended in the meantime.
  }
}

function withDescendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has ended in the meantime.
    }
  }
  const family = [root];
  for (const member of family) {
    for (const [pid, parent] of parents) if (parent === member) family.push(pid);
  }
  return family;
}

export interface RawOptions {
  videos: number;
  processes: number;
  group: number;
  synchronous: "NORMAL" | "FULL";
}

/** Videos a second of better-sqlite3 alone. */
export async function measureRaw({ videos, processes, group, synchronous }: RawOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "hidb-raw-"));
  const file = join(folder, "raw.sqlite");
  const database = new BetterSqlite3(file);
  database.pragma("journal_mode = WAL");
  database.exec(`
    CREATE TABLE raw (id INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, owner INTEGER);
    CREATE INDEX pending ON raw (id) WHERE state = 0;
    CREATE TABLE result (id INTEGER PRIMARY KEY, output TEXT);
    INSERT INTO raw (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${videos}) SELECT i FROM n;`);
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
  const children = Array.from({ length: processes }, () =>
    fork(join(import.meta.dirname, "raw.ts"), [file, String(group), synchronous]),
  );
  await Promise.all(children.map((child) => nextMessage(child)));
  const ends = children.map((child) => nextMessage(child) as Promise<{ started: number; ended: number }>);
  for (const child of children) child.send("go");
  const times = await Promise.all(ends);
  rmSync(folder, { recursive: true, force: true });
  const seconds = (Math.max(...times.map((t) => t.ended)) - Math.min(...times.map((t) => t.started))) / 1000;
  return videos / seconds;
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("error", reject);
  });
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
