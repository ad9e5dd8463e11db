// A program as data, so that the fuzzer can send the same one through the wall of workerd and to a home in this process.
import type { D1Database, D1PreparedStatement } from "@cloudflare/workers-types";
import { outcomeOf, serialise } from "./serialise.ts";

/** A value as JSON can carry it: what JSON does not know comes as a kind with its content. */
export type Value =
  | null
  | boolean
  | number
  | string
  | { kind: "NaN" | "Infinity" | "-0" | "undefined" }
  | { kind: "bytes" | "u16" | "list"; of: number[] };

export interface Statement {
  sql: string;
  values: Value[];
}

export type Step =
  | { op: "all" | "raw" | "names" | "first"; statement: Statement }
  | { op: "batch"; statements: Statement[] }
  | { op: "exec"; sql: string };

export type Program = Step[];

/** Runs before a program, so that both sides start from the same last row id: that of a connection outlives its tables. */
export const START = [
  "CREATE TABLE start (id INTEGER PRIMARY KEY)",
  "INSERT INTO start VALUES (1)",
  "DROP TABLE start",
];

/** Runs a program to its end, over its errors, and gives the outcome of each step. */
export async function runProgram(db: D1Database, program: Program): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const step of program) outcomes.push(await outcomeOf(() => runStep(db, step)));
  return outcomes;
}

async function runStep(db: D1Database, step: Step): Promise<unknown> {
  switch (step.op) {
    case "all":
      return exact(await prepare(db, step.statement).all());
    case "raw":
      return prepare(db, step.statement).raw();
    case "names":
      return prepare(db, step.statement).raw({ columnNames: true });
    case "first":
      return prepare(db, step.statement).first();
    case "batch":
      return (await db.batch(step.statements.map((statement) => prepare(db, statement)))).map(exact);
    case "exec":
      return (await db.exec(step.sql)).count;
  }
}

/** An answer without the fields of meta that no home can tell exactly. */
function exact({
  results,
  success,
  meta,
}: {
  results: unknown;
  success: boolean;
  meta: Record<string, unknown>;
}): unknown {
  return serialise({
    results,
    success,
    changes: meta.changes,
    lastRowId: meta.last_row_id,
    changed: meta.changed_db,
  });
}

function prepare(db: D1Database, { sql, values }: Statement): D1PreparedStatement {
  const statement = db.prepare(sql);
  return values.length === 0 ? statement : statement.bind(...values.map(decode));
}

function decode(value: Value): unknown {
  if (typeof value !== "object" || value === null) return value;
  switch (value.kind) {
    case "NaN":
      return Number.NaN;
    case "Infinity":
      return Number.POSITIVE_INFINITY;
    case "-0":
      return -0;
    case "undefined":
      return undefined;
    case "bytes":
      return new Uint8Array(value.of);
    case "u16":
      return new Uint16Array(value.of);
    case "list":
      return value.of;
  }
}
