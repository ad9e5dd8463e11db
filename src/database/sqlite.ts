// The D1 contract over a local SQLite file. Everything above speaks D1Database and cannot tell.
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type {
  D1Database,
  D1DatabaseSession,
  D1ExecResult,
  D1Meta,
  D1PreparedStatement,
  D1Result,
} from "@cloudflare/workers-types";
import BetterSqlite3 from "better-sqlite3";
import { type Clock, systemClock } from "../clock.js";
import { HidbError, messageOf } from "../errors.js";
import type { Millis } from "../video.js";
import type { Database } from "./database.js";
import { describeSqliteError, isBusy, sqlError } from "./sqlite-errors.js";
import { fromSqlite, toSqlite } from "./values.js";

export interface SqliteOptions {
  /** The system's by default. */
  clock?: Clock;
  /** Creates the file and its folder when they are missing. */
  create?: boolean;
  /** `full` syncs at every commit; `normal` may lose the last commits in a power cut, never half of one. */
  synchronous?: "normal" | "full";
  /** How long a statement waits for other writers before it fails with DATABASE_LOCKED. */
  patienceMs?: Millis;
}

/**
 * Waits between two tries for the write lock, as SQLite's own busy handler has them, only with the event loop turning.
 * They grow so that a writer keeps its turn for some transactions: after each commit of somebody else SQLite forgets all
 * the pages it has cached. Naps of a tenth of a millisecond were a few per cent faster for groups of 50 and a third
 * slower for single settlements.
 */
const WAITS_MS = [1, 2, 5, 10, 15, 20, 25];
const STATEMENTS_KEPT = 200;

/** A transaction that a caller left open would swallow what everybody else writes. */
const TRANSACTION = /^(\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b/i;
const USE_BATCH =
  "To execute a transaction, please use the batch() method instead of the SQL BEGIN or SAVEPOINT statements.";
const LAST_ROW_ID = "SELECT last_insert_rowid()";

/** Opens a SQLite file; errors: DATABASE_MISSING, _UNREADABLE, _READ_ONLY, _CORRUPT, _LOCKED, _FULL. */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<Database> {
  prepareFile(file, options.create ?? false);
  try {
    const driver = new BetterSqlite3(file, { timeout: 0 });
    const database = new SqliteDatabase(driver, file, options);
    await database.configure(options.synchronous ?? "normal");
    return database;
  } catch (error) {
    throw describeSqliteError(error, file);
  }
}

function prepareFile(file: string, create: boolean): void {
  if (file === ":memory:") return;
  if (!existsSync(file)) {
    if (!create) {
      throw new HidbError({
        code: "DATABASE_MISSING",
        message: `expected a database at ${file}, found nothing`,
        fix: "run `hidb add <folder or list>` to make one, or correct HIDB_SQLITE_FILE",
      });
    }
    try {
      mkdirSync(dirname(file), { recursive: true });
      accessSync(dirname(file), constants.W_OK);
    } catch (cause) {
      throw new HidbError({
        code: "DATABASE_READ_ONLY",
        message: `expected to create ${file}, but its folder cannot be written`,
        fix: "give the folder write permission or set HIDB_SQLITE_FILE to another place",
        cause,
      });
    }
    return;
  }
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new HidbError({
      code: "DATABASE_UNREADABLE",
      message: `expected to read ${file}, but permission is denied`,
      fix: "give this user read and write permission on the file and its folder",
      cause,
    });
  }
}

class SqliteDatabase implements D1Database {
  readonly #driver: BetterSqlite3.Database;
  readonly #file: string;
  readonly #clock: Clock;
  readonly #patienceMs: Millis;
  /** D1 tells the connection's last row id even of a statement that has inserted nothing. */
  #lastRowId = 0;
  readonly #prepared = new Map<string, BetterSqlite3.Statement<unknown[]>>();
  readonly #begin: BetterSqlite3.Statement;
  readonly #commit: BetterSqlite3.Statement;
  readonly #rollback: BetterSqlite3.Statement;

  constructor(driver: BetterSqlite3.Database, file: string, options: SqliteOptions) {
    this.#driver = driver;
    this.#file = file;
    this.#clock = options.clock ?? systemClock;
    this.#patienceMs = options.patienceMs ?? 10_000;
    this.#begin = driver.prepare("BEGIN IMMEDIATE");
    this.#commit = driver.prepare("COMMIT");
    this.#rollback = driver.prepare("ROLLBACK");
  }

  async configure(synchronous: "normal" | "full"): Promise<void> {
    await this.#patiently(() => {
      if (this.#driver.pragma("journal_mode", { simple: true }) !== "wal") this.#driver.pragma("journal_mode = WAL");
      this.#driver.pragma(`synchronous = ${synchronous}`);
      this.#driver.pragma("foreign_keys = ON");
      // A checkpoint that lets the log grow a while keeps short transactions short.
      this.#driver.pragma("wal_autocheckpoint = 4000");
      this.#driver.pragma("cache_size = -4000");
      this.#driver.prepare("SELECT count(*) FROM sqlite_schema").get();
    });
  }

  prepare(sql: string): D1PreparedStatement {
    return new SqliteStatement(this, sql, []);
  }

  async batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    if (statements.length === 0) throw sqlError("No SQL statements detected.");
    // One statement is a transaction by itself.
    if (statements.length === 1) return [await this.answer<T>(ownStatement(statements[0] as D1PreparedStatement))];
    return this.#patiently(() => {
      // IMMEDIATE takes the write lock at once: a deferred transaction that reads first could fail half-way.
      this.#begin.run();
      try {
        const results = statements.map((statement) => this.execute<T>(ownStatement(statement)));
        this.#commit.run();
        return results;
      } catch (error) {
        // A full disk or an I/O error has rolled back by itself.
        if (this.#driver.inTransaction) this.#rollback.run();
        throw error;
      }
    });
  }

  async exec(sql: string): Promise<D1ExecResult> {
    const lines = sql.split("\n").filter((line) => line.trim() !== "");
    const started = this.#clock.monotonic();
    try {
      await this.batch(lines.map((line) => this.prepare(line)));
    } catch (error) {
      if (error instanceof HidbError) throw error;
      // D1 names the first line, whichever failed.
      const text = messageOf(error).replace(/^D1_ERROR: /, "");
      throw new Error(`D1_EXEC_ERROR: Error in line 1: ${lines[0] ?? ""}: ${text}`, { cause: error });
    }
    return { count: lines.length, duration: this.#clock.monotonic() - started };
  }

  withSession(): D1DatabaseSession {
    return {
      prepare: (sql: string) => this.prepare(sql),
      batch: <T = unknown>(statements: D1PreparedStatement[]) => this.batch<T>(statements),
      getBookmark: () => null,
    };
  }

  async dump(): Promise<ArrayBuffer> {
    throw new Error("D1_DUMP_ERROR: Status + 404");
  }

  async close(): Promise<void> {
    this.#prepared.clear();
    this.#driver.close();
  }

  /** Runs one bound statement outside of any batch, waiting for other writers. */
  answer<T>(statement: SqliteStatement): Promise<D1Result<T>> {
    return this.#patiently(() => this.execute<T>(statement));
  }

  rows(statement: SqliteStatement, columnNames: boolean): Promise<unknown[][]> {
    return this.#patiently(() => {
      const prepared = this.#prepare(statement.sql);
      if (!prepared.reader) {
        prepared.run(...statement.params);
        return columnNames ? [[]] : [];
      }
      const rows = fromSqlite(prepared.raw(true).all(...statement.params) as unknown[][]);
      return columnNames ? [prepared.columns().map((column) => column.name), ...rows] : rows;
    });
  }

  execute<T>(statement: SqliteStatement): D1Result<T> {
    const prepared = this.#prepare(statement.sql);
    if (prepared.reader) {
      const results = fromSqlite(prepared.raw(false).all(...statement.params) as Record<string, unknown>[]) as T[];
      if (prepared.readonly) return { success: true, meta: metaOf(0, this.#lastRowId), results };
      this.#lastRowId = this.#prepare(LAST_ROW_ID).pluck(true).get() as number;
      return {
        success: true,
        meta: metaOf(results.length, this.#lastRowId),
        results,
      };
    }
    const info = prepared.run(...statement.params);
    this.#lastRowId = Number(info.lastInsertRowid);
    return {
      success: true,
      meta: metaOf(info.changes, this.#lastRowId),
      results: [],
    };
  }

  #prepare(sql: string): BetterSqlite3.Statement<unknown[]> {
    let prepared = this.#prepared.get(sql);
    if (prepared === undefined) {
      if (TRANSACTION.test(sql)) throw sqlError(USE_BATCH);
      prepared = this.#driver.prepare<unknown[]>(sql);
      if (this.#prepared.size >= STATEMENTS_KEPT) this.#prepared.clear();
      this.#prepared.set(sql, prepared);
    }
    return prepared;
  }

  /** Tries again while another process writes, and lets the event loop turn in between. */
  async #patiently<T>(work: () => T): Promise<T> {
    let started: Millis | undefined;
    for (let tries = 1; ; tries++) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error)) throw describeSqliteError(error, this.#file);
        started ??= this.#clock.monotonic();
        if (this.#clock.monotonic() - started >= this.#patienceMs) throw describeSqliteError(error, this.#file);
        await this.#clock.sleep(WAITS_MS[Math.min(tries, WAITS_MS.length) - 1] as Millis);
      }
    }
  }
}

class SqliteStatement {
  readonly #database: SqliteDatabase;
  readonly sql: string;
  readonly params: unknown[];

  constructor(database: SqliteDatabase, sql: string, params: unknown[]) {
    this.#database = database;
    this.sql = sql;
    this.params = params;
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new SqliteStatement(this.#database, this.sql, values.map(toSqlite));
  }

  async first<T = unknown>(column?: string): Promise<T | null> {
    const { results } = await this.all<Record<string, unknown>>();
    const row = results[0];
    if (row === undefined) return null;
    if (column === undefined) return row as T;
    if (!Object.hasOwn(row, column)) throw new Error(`D1_COLUMN_NOTFOUND: Column not found (${column})`);
    return row[column] as T;
  }

  run<T = Record<string, unknown>>(): Promise<D1Result<T>> {
    return this.all<T>();
  }

  all<T = Record<string, unknown>>(): Promise<D1Result<T>> {
    return this.#database.answer<T>(this);
  }

  // The contract types this as two overloads, with and without names; one body serves both.
  // biome-ignore lint/suspicious/noExplicitAny: the rows of either overload
  raw(options?: { columnNames?: boolean }): Promise<any> {
    return this.#database.rows(this, options?.columnNames ?? false);
  }
}

function ownStatement(statement: D1PreparedStatement): SqliteStatement {
  if (statement instanceof SqliteStatement) return statement;
  throw new TypeError("expected statements that this database has prepared");
}

function metaOf(changes: number, lastRowId: number): D1Meta & Record<string, unknown> {
  return {
    duration: 0,
    size_after: 0,
    rows_read: 0,
    rows_written: 0,
    last_row_id: lastRowId,
    changed_db: changes > 0,
    changes,
  };
}
