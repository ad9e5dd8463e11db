// D1 itself, a local file, and a way to tell whether they hold the same.

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { D1Database, D1PreparedStatement } from "@cloudflare/workers-types";
import type { Database } from "../../src/database/database.js";
import { REMOTE_PACING } from "../../src/database/pacing.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { HidbError } from "../../src/errors.js";
import { makeFolder } from "../catalogue/world.js";
import { type D1Server, startD1Server } from "../d1/server.ts";

let server: D1Server | undefined;

export async function startRemote(): Promise<void> {
  server = await startD1Server({ slots: 40 });
}

export async function stopRemote(): Promise<void> {
  await server?.close();
}

export async function setup() {
  if (server === undefined) throw new Error("expected startRemote() first");
  const id = await server.addDatabase(`mirror-${Math.random()}`);
  const file = join(makeFolder(), "mirror.sqlite");
  const local = await openSqlite(file, { create: true });
  return { remote: asDatabase(await server.binding(id)), local, file };
}

export function asDatabase(binding: D1Database): Database {
  return {
    prepare: (sql) => binding.prepare(sql),
    batch: (statements) => binding.batch(statements),
    exec: (sql) => binding.exec(sql),
    withSession: (bookmark) => binding.withSession(bookmark),
    dump: () => binding.dump(),
    close: async () => undefined,
    pacing: REMOTE_PACING,
  };
}

export type Fault = "before" | "after" | undefined;

/** Counts the calls, and lets some of them fail before or after they have been applied. */
export function observed(database: Database, faultOf: (call: number) => Fault = () => undefined) {
  let calls = 0;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    const fault = faultOf(++calls);
    if (fault === "before") throw lost("DATABASE_UNREACHABLE");
    const result = await work();
    if (fault === "after") throw lost("DATABASE_OUTCOME_UNKNOWN");
    return result;
  };
  const inner = new Map<unknown, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      run: () => guarded(() => statement.run()),
      all: () => guarded(() => statement.all()),
      first: (column: string) => guarded(() => statement.first(column)),
    } as unknown as D1PreparedStatement;
    inner.set(wrapped, statement);
    return wrapped;
  };
  const observer: Database = {
    prepare: (sql) => wrap(database.prepare(sql)),
    batch: (statements) => guarded(() => database.batch(statements.map((one) => inner.get(one) ?? one))),
    exec: (sql) => database.exec(sql),
    withSession: (bookmark) => database.withSession(bookmark),
    dump: () => database.dump(),
    close: () => database.close(),
    pacing: database.pacing,
  };
  return { database: observer, calls: () => calls };
}

function lost(code: "DATABASE_UNREACHABLE" | "DATABASE_OUTCOME_UNKNOWN"): HidbError {
  return new HidbError({ code, message: "expected an answer, got none", fix: "try again" });
}

export async function run(database: Database, ...statements: string[]): Promise<void> {
  await database.batch(statements.map((sql) => database.prepare(sql)));
}

/** Of every value of a database with its type; computed by the database itself, so by neither side's own ways. */
export async function contentHash(database: Database): Promise<string> {
  const { results: tables } = await database
    .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') ORDER BY name")
    .all<{ name: string }>();
  const hash = createHash("sha256");
  for (const { name } of tables.filter((one) => !/^(sqlite_|_cf_|hidb_(mirror|outbox))/.test(one.name))) {
    const { results: columns } = await database
      .prepare("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid")
      .bind(name)
      .all<{ name: string }>();
    const cells = columns.map(({ name: column }) => {
      const c = quote(column);
      // Reals as they are: SQLite does not always write the digits that they have.
      const value = `CASE typeof(${c}) WHEN 'text' THEN hex(${c}) WHEN 'real' THEN ${c} ELSE quote(${c}) END`;
      return `typeof(${c}) || (${c} > 0), ${value}`;
    });
    const rows: unknown[][] = await database.prepare(`SELECT ${cells.join(", ")} FROM ${quote(name)}`).raw();
    hash.update(JSON.stringify([name, rows.map((row) => JSON.stringify(row)).sort()]));
  }
  const { results: schema } = await database
    .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
    .all<{ name: string }>();
  hash.update(JSON.stringify(schema.filter(({ name }) => !/^(sqlite_|_cf_|hidb_(mirror|outbox))/.test(name))));
  return hash.digest("hex");
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
