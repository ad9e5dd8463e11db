// Replaces the local rows by the gathered ones, in one transaction: indexes, triggers and views are made after
// the rows, and what has changed here since the last pull stays.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import { HidbError } from "../../errors.js";
import type { Database } from "../database.js";
import { EVENTS, keyText, rowOf, triggersOf } from "./outbox.js";
import { columnsOf, type MirrorTable, readSchema, type Schema, sortByParents } from "./schema.js";
import * as sql from "./statements.js";
import { ANYTHING, decode, encode, longText, quoteName, quoteText, type Row, readRow } from "./values.js";

export type Preference = "local" | "remote";

/** A row that has changed on both sides, in three versions; null is no row at all. */
export interface Conflict {
  table: string;
  key: string;
  base: Row | null;
  local: Row | null;
  remote: Row | null;
}

interface PublishOptions {
  now: number;
  pushed: string[];
  prefer?: Preference | undefined;
  dryRun?: boolean;
  partial?: boolean;
  /** Of AUTOINCREMENT. */
  sequences: { name: string; seq: number }[];
  /** Undoes all of it when another pull or push has come in between. */
  hold: D1PreparedStatement;
}

export async function publish(local: Database, schema: Schema, options: PublishOptions) {
  const present = await readSchema(local);
  const reshaped = await dropReshaped(local, schema, present, options);
  const own = await makeOwn(local, schema, present);
  const { conflicts, decided } = await settleConflicts(local, schema, present, options);
  const gone = options.partial ? new Set<string>() : await findGone(local, schema, present);
  const count = await local
    .prepare("SELECT coalesce(sum(json_array_length(rows)), 0) AS count FROM hidb_mirror_pages")
    .first<number>("count");
  if (!options.dryRun) {
    await local.batch([
      options.hold,
      ...reshaped,
      ...own,
      ...decided,
      ...replaceAll(schema, present, gone, options).map((text) => local.prepare(text)),
      ...finish(local, schema, options),
    ]);
  }
  return { conflicts, rows: count ?? 0 };
}

/** Rows of other columns cannot be kept: where there are some they go first, or are given up. Errors: DATABASE_FOREIGN. */
async function dropReshaped(local: Database, schema: Schema, present: Schema, { prefer }: PublishOptions) {
  const dropped: D1PreparedStatement[] = [];
  for (const { name, columns } of present.tables) {
    const next = schema.tables.find((table) => table.name === name);
    if (next === undefined || JSON.stringify(next.columns) === JSON.stringify(columns)) continue;
    const count = "SELECT count(*) AS count FROM";
    const changed = await local.prepare(`${count} hidb_outbox WHERE name = ?`).bind(name).first<number>("count");
    const running = name === "hidb_videos" && `${count} hidb_videos WHERE state = 'running'`;
    const claimed = running ? await local.prepare(running).first<number>("count") : 0;
    if (claimed) throw reshaped(name, `${claimed} videos that are running here`, "stop the pool, then pull again");
    if (changed && prefer !== "remote") {
      const fix = "run `hidb mirror push` first, or give them up with `hidb mirror pull --prefer remote`";
      throw reshaped(name, `${changed} rows that have changed here`, fix);
    }
    dropped.push(local.prepare("DELETE FROM hidb_outbox WHERE name = ?").bind(name));
  }
  return dropped;
}

/** The pool's tables whose rows stay where they are: missing ones are made, and those of an older hidb made anew. */
async function makeOwn(local: Database, schema: Schema, present: Schema): Promise<D1PreparedStatement[]> {
  const made: string[] = [];
  for (const { name, sql: text } of schema.own.filter(({ type }) => type === "table")) {
    const here = present.own.find((one) => one.name === name);
    if (here?.sql === text) continue;
    const live =
      here !== undefined && name === "hidb_instances" && "SELECT 1 AS yes FROM hidb_instances WHERE gone_at IS NULL";
    if (live && (await local.prepare(live).first()) !== null) {
      throw reshaped(name, "instances that are alive", "stop the pool, then pull again");
    }
    if (here !== undefined) made.push(`DROP TABLE ${quoteName(name)}`);
    made.push(text, ...schema.own.filter((one) => one.type !== "table" && one.table === name).map((one) => one.sql));
  }
  return made.map((text) => local.prepare(text));
}

function reshaped(name: string, got: string, fix: string): HidbError {
  const message = `expected no local changes in the table ${name}, which has other columns in D1 now, got ${got}`;
  return new HidbError({ code: "DATABASE_FOREIGN", message, fix });
}

/** What an earlier pull has brought and D1 has no more. Tables with local changes stay, and so do those of hidb. */
async function findGone(local: Database, schema: Schema, present: Schema): Promise<Set<string>> {
  const [tables = [], rest = []] = await Promise.all(
    ["tables", "rest"].map(async (key): Promise<{ name: string }[]> => {
      const text = await local.prepare(sql.GET).bind(key).first<string>("value");
      return text === null ? [] : JSON.parse(text);
    }),
  );
  const { results } = await local.prepare("SELECT DISTINCT name FROM hidb_outbox").all<{ name: string }>();
  const kept = new Set([...schema.tables, ...schema.rest, ...results].map(({ name }) => name));
  const goes = [...tables, ...rest].map(({ name }) => name).filter((name) => !kept.has(name) && !/^hidb_/i.test(name));
  const here = new Set([...present.tables, ...present.rest].map(({ name }) => name));
  return new Set(goes.filter((name) => here.has(name)));
}

function finish(local: Database, schema: Schema, { now, sequences }: PublishOptions): D1PreparedStatement[] {
  return [
    ...sequences.flatMap(({ name, seq }) => [
      local
        .prepare(
          "INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
        )
        .bind(name, name),
      local
        .prepare("UPDATE sqlite_sequence SET seq = max(seq, CAST(? AS INTEGER)) WHERE name = ?")
        .bind(String(seq), name),
    ]),
    local.prepare(sql.FORGET_PAGES),
    local.prepare("DELETE FROM hidb_mirror_kept"),
    local.prepare(sql.FORGET).bind("pulling"),
    local.prepare(sql.SET).bind("pulled", String(now)),
    local.prepare(sql.SET).bind("tables", JSON.stringify(schema.tables)),
    local.prepare(sql.SET).bind("rest", JSON.stringify(schema.rest.map(({ name }) => ({ name })))),
  ];
}

function replaceAll(schema: Schema, present: Schema, gone: Set<string>, { pushed }: PublishOptions): string[] {
  const isNew = (name: string) => gone.has(name) || schema.tables.some((table) => table.name === name);
  const before = present.tables.filter(({ name }) => isNew(name));
  const sorted = sortByParents(before);
  const statements = ["PRAGMA defer_foreign_keys = on", "DELETE FROM hidb_mirror_kept"];
  for (const table of before) {
    const claims = table.name === "hidb_videos" ? " OR state = 'running'" : "";
    statements.push(`INSERT INTO hidb_mirror_kept SELECT ${quoteText(table.name)}, ${keyText(table)}, ${rowOf(table)}
      FROM ${quoteName(table.name)}
     WHERE ${keyText(table)} IN (SELECT key FROM hidb_outbox WHERE name = ${quoteText(table.name)})${claims}`);
  }
  // Rows that are gone here, and shall be gone there.
  statements.push(`INSERT OR IGNORE INTO hidb_mirror_kept SELECT name, key, NULL FROM hidb_outbox`);
  for (const { type, name, table } of [...present.rest].reverse()) {
    if (isNew(table) || type === "view") statements.push(`DROP ${type} IF EXISTS ${quoteName(name)}`);
  }
  for (const { name } of present.rebuilt) statements.push(`DROP TABLE IF EXISTS ${quoteName(name)}`);
  for (const table of before) {
    for (const event of EVENTS) {
      statements.push(`DROP TRIGGER IF EXISTS ${quoteName(`hidb_mirror_${event}_${table.name}`)}`);
    }
  }
  for (const { name } of sorted.reverse()) {
    if (name !== "d1_migrations") statements.push(`DROP TABLE ${quoteName(name)}`);
  }
  const merged = present.tables.some(({ name }) => name === "d1_migrations") ? "d1_migrations" : undefined;
  // All tables before the first row: a foreign key looks for its table at once.
  statements.push(...schema.tables.filter(({ name }) => name !== merged).map((table) => table.sql));
  for (const table of schema.tables) statements.push(...(table.name === merged ? mergeMigrations(table) : fill(table)));
  for (const { name, sql: text } of schema.rebuilt) {
    statements.push(text, `INSERT INTO ${quoteName(name)} (${quoteName(name)}) VALUES ('rebuild')`);
  }
  statements.push(...schema.rest.map((one) => one.sql));
  for (const { sql: text } of present.rest.filter(
    (one) => one.type === "view" && !gone.has(one.name) && !schema.rest.some(({ name }) => name === one.name),
  )) {
    statements.push(text);
  }
  const noted = schema.tables.filter(({ name }) => pushed.some((one) => one.toLowerCase() === name.toLowerCase()));
  return [...statements, ...noted.flatMap(triggersOf)];
}

function fill(table: MirrorTable): string[] {
  const name = quoteText(table.name);
  const values = valuesOf(table);
  const into = `INSERT INTO ${quoteName(table.name)} (${columnsOf(table)})`;
  const key = gatheredKey(table);
  return [
    `${into} SELECT ${values.join(", ")} FROM hidb_mirror_pages p, json_each(p.rows) r WHERE p.name = ${name}
       AND ${key} NOT IN (SELECT key FROM hidb_mirror_kept WHERE name = ${name})`,
    `${into} SELECT ${values.join(", ")} FROM (SELECT row AS value FROM hidb_mirror_kept WHERE name = ${name} AND row IS NOT NULL) r`,
  ];
}

function valuesOf(table: MirrorTable): string[] {
  return table.columns.map((_, at) => decode(`(r.value ->> '$[${at}]')`));
}

/** As the triggers write it: JavaScript has other ways with reals. */
function gatheredKey(table: MirrorTable): string {
  const parts = table.key.map((name) => {
    const cell = `(r.value ->> '$[${table.columns.indexOf(name)}]')`;
    const written = `(SELECT ${encode("v")} FROM (SELECT ${decode(cell)} AS v))`;
    return `CASE WHEN substr(${cell}, 1, 1) = 'r' THEN ${written} ELSE ${cell} END`;
  });
  return `json_array(${parts.join(", ")})`;
}

/** The local file's own migrations have been applied to tables that are not D1's: both records count. */
function mergeMigrations(table: MirrorTable): string[] {
  const values = valuesOf(table);
  const of = (name: string) => values[table.columns.indexOf(name)];
  return [
    `INSERT OR IGNORE INTO d1_migrations (name, applied_at) SELECT ${of("name")}, ${of("applied_at")}
       FROM hidb_mirror_pages p, json_each(p.rows) r WHERE p.name = 'd1_migrations'`,
  ];
}

interface Candidate {
  id: number;
  name: string;
  key: string;
  base: string | null;
  version: number;
}

/** Of what has changed here, what has changed there as well. */
async function settleConflicts(local: Database, schema: Schema, present: Schema, { prefer }: PublishOptions) {
  const conflicts: Conflict[] = [];
  const decided: D1PreparedStatement[] = [];
  for (const table of present.tables) {
    const next = schema.tables.find(({ name }) => name === table.name);
    if (next === undefined || JSON.stringify(next.columns) !== JSON.stringify(table.columns)) continue;
    const key = gatheredKey(next);
    const { results } = await local
      .prepare(`SELECT o.id, o.name, o.key, o.base, o.version,
         (SELECT r.value FROM hidb_mirror_pages p, json_each(p.rows) r WHERE p.name = o.name AND ${key} = o.key) AS remote,
         (SELECT ${rowOf(table)} FROM ${quoteName(table.name)} WHERE ${keyText(table)} = o.key) AS local
       FROM hidb_outbox o WHERE o.name = ?`)
      .bind(table.name)
      .all<Candidate & { remote: string | null; local: string | null }>();
    for (const { id, key, version, base: baseText, remote: remoteText, local: localText } of results) {
      const [base, remote, here] = [baseText, remoteText, localText].map((text) =>
        text === null ? null : readRow(text),
      ) as [Row | null, Row | null, Row | null];
      if (matches(base, remote)) continue;
      // A row that is as it was, or as it is in D1, is no change any more.
      const same = JSON.stringify(remote) === JSON.stringify(here) || matches(base, here);
      if (!same) conflicts.push({ table: table.name, key, base, local: here, remote });
      const long = longText(remoteText);
      if (same || prefer === "remote") decided.push(local.prepare(sql.DROP_ENTRY).bind(id, version));
      else if (prefer === "local") decided.push(local.prepare(sql.newBase(long.sql)).bind(...long.params, id));
    }
  }
  return { conflicts, decided };
}

/** Whether a row is as it was. */
export function matches(base: Row | null, row: Row | null): boolean {
  if (base === null || row === null) return base === row;
  return base.every((cell, at) => cell === ANYTHING || cell === row[at]);
}
