// What a Worker's KV namespaces and R2 buckets keep between events: one SQLite file for what is small or asked for by key,
// and files beside it for large values. Any number of processes may have it open at once.
import { createRequire } from "node:module";
import { join } from "node:path";
import type BetterSqlite3 from "better-sqlite3";
import { makeFolder } from "../../disk.js";
import { codeOf, HidbError, messageOf } from "../../errors.js";
import { type Blobs, FileBlobs, MemoryBlobs } from "./state-blobs.js";
import { SCHEMA } from "./state-statements.js";

export interface State {
  /** Runs a statement and gives its rows; those that change something give what they RETURN. */
  all<Row>(sql: string, ...params: readonly SqlValue[]): Row[];
  get<Row>(sql: string, ...params: readonly SqlValue[]): Row | undefined;
  run(sql: string, ...params: readonly SqlValue[]): void;
  /** All or nothing, and nobody else writes meanwhile. `work` may not wait. */
  atomically<T>(work: () => T): T;
  readonly blobs: Blobs;
  close(): void;
}

export type SqlValue = string | number | null | Uint8Array;

/** How long a process waits for another one's write; a write takes a few milliseconds. */
const BUSY_MS = 10_000;

/**
 * Opens the state in `<folder>/state.sqlite`, or in memory. Has to be called while Node's own globals are still in place,
 * which the driver looks at when it opens a file; errors: FILE_UNWRITABLE.
 */
export function openState(folder: string | null): State {
  if (folder === null) return new SqliteState(openDriver(":memory:"), new MemoryBlobs());
  try {
    makeFolder(folder);
    return new SqliteState(openDriver(join(folder, "state.sqlite")), new FileBlobs(join(folder, "values")));
  } catch (cause) {
    throw new HidbError({
      code: "FILE_UNWRITABLE",
      message: `expected to keep the Worker's KV and R2 in ${folder}, got ${codeOf(cause) || messageOf(cause)}`,
      fix: "give this user write permission on the folder, or name another one",
      cause,
    });
  }
}

class SqliteState implements State {
  readonly #driver: BetterSqlite3.Database;
  readonly #statements = new Map<string, BetterSqlite3.Statement>();
  readonly blobs: Blobs;

  constructor(driver: BetterSqlite3.Database, blobs: Blobs) {
    this.#driver = driver;
    this.blobs = blobs;
  }

  all<Row>(sql: string, ...params: readonly SqlValue[]): Row[] {
    return this.#prepare(sql).all(...params) as Row[];
  }

  get<Row>(sql: string, ...params: readonly SqlValue[]): Row | undefined {
    return this.#prepare(sql).get(...params) as Row | undefined;
  }

  run(sql: string, ...params: readonly SqlValue[]): void {
    this.#prepare(sql).run(...params);
  }

  atomically<T>(work: () => T): T {
    return this.#driver.transaction(work).immediate();
  }

  close(): void {
    this.#driver.close();
  }

  #prepare(sql: string): BetterSqlite3.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#driver.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function openDriver(file: string): BetterSqlite3.Database {
  const Driver = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3;
  const driver = new Driver(file, { timeout: BUSY_MS });
  // SQLite does not wait for others while a new file becomes a WAL one: several processes that start together try again.
  patiently(() => driver.pragma("journal_mode = WAL"));
  driver.pragma("synchronous = NORMAL");
  patiently(() => driver.transaction(() => driver.exec(SCHEMA)).immediate());
  return driver;
}

function patiently(work: () => void): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 1; ; tries++) {
    try {
      work();
      return;
    } catch (error) {
      if (!codeOf(error).startsWith("SQLITE_BUSY") || tries === 200) throw error;
      Atomics.wait(pause, 0, 0, 25);
    }
  }
}
