// The D1 contract over a local SQLite file.
import type {
  D1Database,
  D1DatabaseSession,
  D1ExecResult,
  D1PreparedStatement,
  D1Result,
} from "@cloudflare/workers-types";
import { type Clock, systemClock } from "../clock.js";
import { syncFile } from "../disk.js";
import { codeOf, messageOf } from "../errors.js";
import type { Millis } from "../video.js";
import { BetterEngine } from "./better-engine.js";
import type { Database } from "./database.js";
import type { Engine } from "./engine.js";
import { LOCAL_PACING } from "./pacing.js";
import { BookmarkHolder, Bookmarks } from "./session.js";
import { describeSqliteError, isBusy, isReadFailure, readFailure } from "./sqlite-errors.js";
import { prepareFile } from "./sqlite-file.js";
import { ContractStatement, type Query, type RawRows, type Runner } from "./statement.js";
import { type Answer, Transactor } from "./transactor.js";

export interface SqliteOptions {
  /** The system's by default. */
  clock?: Clock;
  /** Creates the file and its folder when they are missing. */
  create?: boolean;
  /** Holds to every limit and prohibition of D1, so that what runs here runs there; slower. */
  strict?: boolean;
  /** `full` syncs at every commit; `normal` may lose the last commits in a power cut, never half of one: see `syncSoon`. */
  synchronous?: "normal" | "full";
  /** How long a statement waits for other writers before it fails with DATABASE_LOCKED. */
  patienceMs?: Millis;
  /** What runs the statements; by default a driver that opens the file. */
  engine?: Engine;
}

/**
 * Waits between two tries for the write lock, as SQLite's own busy handler has them, only with the event loop turning.
 * They grow so that a writer keeps its turn for some transactions: after each commit of somebody else SQLite forgets all
 * the pages it has cached. Naps of a tenth of a millisecond were a few per cent faster for groups of 50 and a third
 * slower for single settlements.
 */
const WAITS_MS = [1, 2, 5, 10, 15, 20, 25];

const SYNC_MS: Millis = 1000;

/** Opens a SQLite file; errors: DATABASE_MISSING, _UNREADABLE, _READ_ONLY, _CORRUPT, _LOCKED, _FULL, _DISK. */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<Database> {
  let { engine } = options;
  try {
    if (engine === undefined) prepareFile(file, options.create ?? false);
    engine ??= await openEngine(file, options.strict ?? false);
    const database = new SqliteDatabase(engine, file, options);
    await database.configure(options.synchronous ?? "normal");
    return database;
  } catch (error) {
    engine?.close();
    throw describeSqliteError(error, file);
  }
}

async function openEngine(file: string, strict: boolean): Promise<Engine> {
  if (!strict) return new BetterEngine(file);
  // Node's own SQLite is loaded only where it is asked for: older versions of Node lack parts of it.
  const { StrictEngine } = await import("./strict-engine.js");
  return new StrictEngine(file);
}

class SqliteDatabase implements D1Database, Runner {
  readonly pacing = LOCAL_PACING;
  readonly #engine: Engine;
  readonly #file: string;
  readonly #clock: Clock;
  readonly #patienceMs: Millis;
  readonly #transactor: Transactor;
  readonly #bookmarks: Bookmarks;
  /** Where a commit is that is not synced with itself; none for a database in memory, and none for `full`. */
  readonly #log: string | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  /** How many writes were on the disk when it was last looked after. */
  #synced = 0;

  constructor(engine: Engine, file: string, options: SqliteOptions) {
    this.#engine = engine;
    this.#file = file;
    this.#clock = options.clock ?? systemClock;
    this.#patienceMs = options.patienceMs ?? 10_000;
    this.#transactor = new Transactor(engine, this.#clock);
    this.#bookmarks = new Bookmarks(this.#clock);
    this.#log = file === ":memory:" || options.synchronous === "full" ? undefined : `${file}-wal`;
  }

  async configure(synchronous: "normal" | "full"): Promise<void> {
    await this.#patiently(() => {
      this.#engine.exec(`
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = ${synchronous};
        PRAGMA foreign_keys = ON;
        -- A checkpoint that lets the log grow a while keeps short transactions short.
        PRAGMA wal_autocheckpoint = 4000;
        PRAGMA cache_size = -4000`);
      this.#engine.probe("SELECT count(*) FROM sqlite_schema").get();
    });
  }

  prepare(sql: string): D1PreparedStatement {
    return new ContractStatement(this, sql, []);
  }

  batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    return this.#answer(statements as unknown as Query[]) as Promise<D1Result<T>[]>;
  }

  async exec(query: string): Promise<D1ExecResult> {
    const lines = query.trim().split("\n");
    try {
      const queries = lines.map((statement) => ({ statement, params: [] }));
      const answers = await this.#answer(queries);
      return { count: answers.length, duration: answers.reduce((sum, { meta }) => sum + meta.duration, 0) };
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("D1_ERROR: ")) throw error;
      // D1 names the first line, whichever failed.
      const text = `Error in line 1: ${lines[0]}: ${messageOf(error.cause)}`;
      throw new Error(`D1_EXEC_ERROR: ${text}`, { cause: new Error(text, { cause: error }) });
    }
  }

  withSession(constraintOrBookmark?: string | null): D1DatabaseSession {
    const trimmed = constraintOrBookmark?.trim();
    const holder = new BookmarkHolder(trimmed || "first-unconstrained");
    const answered = <T>(answer: T): T => {
      holder.advance(this.#bookmarks.next());
      return answer;
    };
    const runner: Runner = {
      objects: <T>(query: Query) => this.objects<T>(query).then((answer) => answered(answer)),
      rows: (query: Query) => this.rows(query).then(answered),
    };
    return {
      prepare: (sql: string) => new ContractStatement(runner, sql, []) as D1PreparedStatement,
      batch: async <T = unknown>(statements: D1PreparedStatement[]) => answered(await this.batch<T>(statements)),
      getBookmark: () => holder.get(),
    };
  }

  async dump(): Promise<ArrayBuffer> {
    throw new Error("D1_DUMP_ERROR: Status + 404", { cause: new Error("Status 404") });
  }

  /**
   * With `synchronous=NORMAL` SQLite syncs its log only at a checkpoint, every 4000 pages: that is seconds of short videos
   * and a quarter of an hour of long ones. A sync beside it, off the event loop, costs one write of the disk a second.
   */
  readonly syncSoon = (): void => {
    if (this.#log === undefined) return;
    // It fails where the disk does; then the next write fails at its checkpoint with the reason.
    this.#syncTimer ??= setTimeout(() => void this.#sync().catch(() => undefined), SYNC_MS).unref();
  };

  /** What one process syncs is synced for all. */
  async #sync(): Promise<void> {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    this.#synced = this.#transactor.writes;
    if (this.#log !== undefined) await syncFile(this.#log);
  }

  /** What a command has done before it ends well is done, though others have the database open: their end would sync it. */
  async close(): Promise<void> {
    this.#transactor.end();
    try {
      if (this.#transactor.writes > this.#synced) await this.#sync();
    } catch (error) {
      throw describeSqliteError(error, this.#file);
    } finally {
      clearTimeout(this.#syncTimer);
      this.#engine.close();
    }
  }

  objects<T>(query: Query): Promise<D1Result<T>> {
    return this.#patiently(() => this.#transactor.one(query, "objects") as D1Result<T>);
  }

  rows(query: Query): Promise<RawRows> {
    return this.#patiently(() => this.#transactor.rows(query));
  }

  #answer(statements: readonly Query[]): Promise<Answer[]> {
    return this.#patiently(() => this.#transactor.answer(statements, "objects"));
  }

  /** Tries again while another process writes, and lets the event loop turn in between. */
  async #patiently<T>(work: () => T): Promise<T> {
    let started: Millis | undefined;
    for (let tries = 1; ; tries++) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw describeSqliteError(this.#judge(error), this.#file);
        started ??= this.#clock.monotonic();
        if (this.#clock.monotonic() - started >= this.#patienceMs) throw describeSqliteError(error, this.#file);
        await this.#clock.sleep(WAITS_MS[Math.min(tries, WAITS_MS.length) - 1] as Millis);
      }
    }
  }

  /** SQLite calls a page that could not be read a database that is corrupt. One that is finds so in its pages, too. */
  #judge(error: unknown): unknown {
    if (codeOf(error) !== "SQLITE_CORRUPT" || this.#transactor.writes === 0) return error;
    try {
      const [finding] = this.#engine.texts("PRAGMA quick_check(1)");
      return finding === "ok" || isReadFailure(String(finding)) ? readFailure(error) : error;
    } catch {
      // Not even the first page: it was sound when something was written.
      return readFailure(error);
    }
  }
}
