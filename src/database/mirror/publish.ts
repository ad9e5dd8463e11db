// Puts the gathered rows in the place of the local ones, in one transaction: indexes, triggers and views are made after
// the rows, and what has changed here since the last pull stays.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Database } from "../database.js";
import { keyText, rowOf, triggersOf } from "./outbox.js";
import { columnsOf, type MirrorTable, readSchema, type Schema, sortByParents } from "./schema.js";
import * as sql from "./statements.js";
import { ANYTHING, decode, quoteName, quoteText, type Row, readRow } from "./values.js";

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
}

export async function publish(local: Database, schema: Schema, options: PublishOptions) {
  const present = await readSchema(local);
  const conflicts = await settleConflicts(local, schema, present, options);
  const count = await local
    .prepare("SELECT coalesce(sum(json_array_length(rows)), 0) AS count FROM hidb_mirror_pages")
    .first<number>("count");
  if (!options.dryRun) {
    await local.batch(replaceAll(schema, present, options).map((text) => local.prepare(text)).concat(finish(local, schema, options)));
  }
  return { conflicts, rows: count ?? 0 };
}

function finish(local: Database, schema: Schema, { now }: PublishOptions): D1PreparedStatement[] {
  return [
    local.prepare(sql.FORGET_PAGES),
    local.prepare("DELETE FROM hidb_mirror_kept"),
    local.prepare(sql.FORGET).bind("pulling"),
    local.prepare(sql.SET).bind("pulled", String(now)),
    local.prepare(sql.SET).bind("tables", JSON.stringify(schema.tables)),
  ];
}

function replaceAll(schema: Schema, present: Schema, { pushed }: PublishOptions): string[] {
  const isNew = (name: string) => schema.tables.some((table) => table.name === name);
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
    for (const event of ["insert", "update", "delete"]) {
      statements.push(`DROP TRIGGER IF EXISTS ${quoteName(`hidb_mirror_${event}_${table.name}`)}`);
    }
  }
  for (const { name } of sorted.reverse()) {
    if (name !== "d1_migrations") statements.push(`DROP TABLE ${quoteName(name)}`);
  }
  for (const table of schema.tables) statements.push(...fill(table, present));
  for (const { name, sql: text } of schema.rebuilt) {
    statements.push(text, `INSERT INTO ${quoteName(name)} (${quoteName(name)}) VALUES ('rebuild')`);
  }
  statements.push(...schema.rest.map((one) => one.sql));
  for (const { sql: text } of present.rest.filter((one) => one.type === "view" && !schema.rest.some(({ name }) => name === one.name))) {
    statements.push(text);
  }
  const noted = schema.tables.filter(({ name }) => pushed.some((one) => one.toLowerCase() === name.toLowerCase()));
  return [...statements, ...noted.flatMap(triggersOf)];
}

function fill(table: MirrorTable, present: Schema): string[] {
  const name = quoteText(table.name);
  const values = table.columns.map((_, at) => decode(`(r.value ->> '$[${at}]')`));
  if (table.name === "d1_migrations" && present.tables.some((one) => one.name === table.name)) return mergeMigrations(table, values);
  const into = `INSERT INTO ${quoteName(table.name)} (${columnsOf(table)})`;
  const key = `json_array(${table.key.map((one) => `r.value ->> '$[${table.columns.indexOf(one)}]'`).join(", ")})`;
  return [
    table.sql,
    `${into} SELECT ${values.join(", ")} FROM hidb_mirror_pages p, json_each(p.rows) r WHERE p.name = ${name}
       AND ${key} NOT IN (SELECT key FROM hidb_mirror_kept WHERE name = ${name})`,
    `${into} SELECT ${values.join(", ")} FROM (SELECT row AS value FROM hidb_mirror_kept WHERE name = ${name} AND row IS NOT NULL) r`,
  ];
}

/** The local file's own migrations have been applied to tables that are not D1's: both records count. */
function mergeMigrations(table: MirrorTable, values: string[]): string[] {
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
}

/** Of what has changed here, what has changed there as well. */
async function settleConflicts(local: Database, schema: Schema, present: Schema, { prefer, dryRun }: PublishOptions) {
  const conflicts: Conflict[] = [];
  for (const table of present.tables) {
    const next = schema.tables.find(({ name }) => name === table.name);
    if (next === undefined) continue;
    const key = `json_array(${next.key.map((one) => `r.value ->> '$[${next.columns.indexOf(one)}]'`).join(", ")})`;
    const { results } = await local
      .prepare(`SELECT o.id, o.name, o.key, o.base,
         (SELECT r.value FROM hidb_mirror_pages p, json_each(p.rows) r WHERE p.name = o.name AND ${key} = o.key) AS remote,
         (SELECT ${rowOf(table)} FROM ${quoteName(table.name)} WHERE ${keyText(table)} = o.key) AS local
       FROM hidb_outbox o WHERE o.name = ?`)
      .bind(table.name)
      .all<Candidate & { remote: string | null; local: string | null }>();
    for (const { id, key, base: baseText, remote: remoteText, local: localText } of results) {
      const [base, remote, here] = [baseText, remoteText, localText].map((text) => (text === null ? null : readRow(text))) as [
        Row | null,
        Row | null,
        Row | null,
      ];
      if (matches(base, remote)) continue;
      const same = JSON.stringify(remote) === JSON.stringify(here);
      if (!same) conflicts.push({ table: table.name, key, base, local: here, remote });
      if (dryRun) continue;
      if (same || prefer === "remote") await local.prepare("DELETE FROM hidb_outbox WHERE id = ?").bind(id).run();
      else if (prefer === "local") await local.prepare(sql.NEW_BASE).bind(remoteText, id).run();
    }
  }
  return conflicts;
}

/** Whether a row is as it was. */
export function matches(base: Row | null, row: Row | null): boolean {
  if (base === null || row === null) return base === row;
  return base.every((cell, at) => cell === ANYTHING || cell === row[at]);
}
