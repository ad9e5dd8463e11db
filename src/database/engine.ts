// What the D1 contract asks of a SQLite driver. Two give it: better-sqlite3, and Node's own for the strict level.
import type { SqliteValue } from "./values.js";

export interface Compiled {
  /** Whether it gives rows at all. */
  readonly reader: boolean;
  /** Whether it changes nothing. */
  readonly readonly: boolean;
  columns(): string[];
  /** Runs it to its end; the rows' cells are as D1 gives them. */
  objects(values: SqliteValue[]): Record<string, unknown>[];
  rows(values: SqliteValue[]): unknown[][];
  run(values: SqliteValue[]): RunInfo | undefined;
}

/** What a driver tells of a write by itself: rows that triggers and cascades have changed are not among the changes. */
export interface RunInfo {
  changes: number;
  lastInsertRowid: number | bigint;
}

/** The one value of a statement of our own. */
export interface Probe {
  get(): number;
}

/** A statement of our own without answer. */
export interface Command {
  run(): unknown;
}

export interface Engine {
  /** Compiles one statement; throws the driver's error, whose `code` is SQLite's extended one. */
  compile(sql: string): Compiled;
  /**
   * A statement of our own, which no rule of D1's holds for. It is compiled when it is first asked: compiling reads the
   * schema, and a file that others open at the same time may be locked.
   */
  probe(sql: string): Probe;
  /** The first column of a question of our own. */
  texts(sql: string): unknown[];
  command(sql: string): Command;
  /** Runs statements of our own, once. */
  exec(sql: string): void;
  readonly inTransaction: boolean;
  close(): void;
}
