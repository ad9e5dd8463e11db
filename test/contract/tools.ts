// Shorthands of the recorded cases; they run inside a Worker, too, so this file imports types only.
import type { D1Database, D1PreparedStatement, D1Result } from "@cloudflare/workers-types";

/** The rows of a statement as arrays. */
export function rows(db: D1Database, sql: string, ...values: unknown[]): Promise<unknown[][]> {
  return bound(db, sql, values).raw<unknown[]>();
}

/** The first cell of the first row. */
export async function cell(db: D1Database, sql: string, ...values: unknown[]): Promise<unknown> {
  const [row] = await rows(db, sql, ...values);
  return row?.[0];
}

export function run(db: D1Database, sql: string, ...values: unknown[]): Promise<D1Result<Record<string, unknown>>> {
  return bound(db, sql, values).run<Record<string, unknown>>();
}

/** Runs statements one after the other, each in a transaction of its own. */
export async function runAll(db: D1Database, ...statements: string[]): Promise<void> {
  for (const sql of statements) await db.prepare(sql).run();
}

/** The error that work ends in. Work that succeeds shows as such in the record. */
export async function failure(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    return { succeeded: await (typeof work === "function" ? work() : work) };
  } catch (error) {
    return error;
  }
}

/** The error of one statement. */
export function refusal(db: D1Database, sql: string, ...values: unknown[]): Promise<unknown> {
  return failure(() => rows(db, sql, ...values));
}

/** The part of meta that every home can tell exactly. */
export function counted(result: D1Result | undefined): unknown {
  const { changes, last_row_id, changed_db } = result?.meta ?? {};
  return { changes, last_row_id, changed_db };
}

function bound(db: D1Database, sql: string, values: unknown[]): D1PreparedStatement {
  const statement = db.prepare(sql);
  return values.length > 0 ? statement.bind(...values) : statement;
}
