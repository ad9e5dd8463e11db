// One prepared statement, as D1 shows it: its text and its values are public, and binding makes another one.
import type { D1PreparedStatement, D1Result } from "@cloudflare/workers-types";
import { toParameter } from "./values.js";

/** A statement's text and values; a batch takes whatever has the two. */
export interface Query {
  readonly statement: string;
  readonly params: readonly unknown[];
}

export interface RawRows {
  columns: string[];
  rows: unknown[][];
}

/** Where a statement is run: the database, or a session with it. */
export interface Runner {
  objects<T>(query: Query): Promise<D1Result<T>>;
  rows(query: Query): Promise<RawRows>;
}

export class ContractStatement implements Query {
  readonly #runner: Runner;
  readonly statement: string;
  readonly params: unknown[];

  constructor(runner: Runner, statement: string, params: unknown[]) {
    this.#runner = runner;
    this.statement = statement;
    this.params = params;
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new ContractStatement(this.#runner, this.statement, values.map(toParameter));
  }

  async first<T = unknown>(column?: string): Promise<T | null> {
    const { results } = await this.#runner.objects<Record<string, unknown>>(this);
    const row = results[0];
    if (row === undefined) return null;
    if (column === undefined) return row as T;
    // Like D1, this finds what every object inherits, such as `toString`.
    const value = row[column];
    if (value !== undefined) return value as T;
    throw new Error(`D1_COLUMN_NOTFOUND: Column not found (${column})`, { cause: new Error("Column not found") });
  }

  run<T = Record<string, unknown>>(): Promise<D1Result<T>> {
    return this.#runner.objects<T>(this);
  }

  all<T = Record<string, unknown>>(): Promise<D1Result<T>> {
    return this.#runner.objects<T>(this);
  }

  // The contract types this as two overloads, with and without names; one body serves both.
  // biome-ignore lint/suspicious/noExplicitAny: the rows of either overload
  async raw(options?: { columnNames?: boolean }): Promise<any> {
    const { columns, rows } = await this.#runner.rows(this);
    return options?.columnNames ? [columns, ...rows] : rows;
  }
}
