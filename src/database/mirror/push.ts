// Takes what has changed here back to D1. A batch is applied as a whole or not at all: its first statement records its
// sequence, and each row has a guard that undoes everything when the row is not what it was at the last pull. So a batch
// whose answer was lost is asked about, never sent twice; and a row that somebody else has changed is never overwritten.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import { HidbError, isOutcomeUnknown, messageOf } from "../../errors.js";
import type { Database } from "../database.js";
import { rowOf } from "./outbox.js";
import { isKey, readRows } from "./pages.js";
import { type Conflict, matches, type Preference } from "./publish.js";
import { columnsOf, keyOf, type MirrorTable } from "./schema.js";
import * as sql from "./statements.js";
import { ANYTHING, decode, longText, quoteName, type Row, readRow, Text } from "./values.js";

export interface PushOptions {
  /** A name for this file that no other has; kept from the first push on. */
  uniqueId: () => string;
  prefer?: Preference | undefined;
  dryRun?: boolean;
  onProgress?: (progress: { rows: number; requests: number }) => void;
}

export interface Pushed {
  rows: number;
  requests: number;
  conflicts: Conflict[];
  /** Rows that D1 does not take, with its reason. */
  refused: { table: string; key: string; reason: string }[];
}

interface Entry {
  id: number;
  name: string;
  key: string;
  base: string | null;
  version: number;
  sequence: number | null;
}

interface Change {
  entry: Entry;
  table: MirrorTable;
  base: Row | null;
  row: Row | null;
}

const ROWS_IN_BATCH = 100;
const BATCH_SIZE = 500_000;

export async function pushMirror(remote: Database, local: Database, options: PushOptions): Promise<Pushed> {
  const tables = await pulledTables(local);
  const pushed: Pushed = { rows: 0, requests: 0, conflicts: [], refused: [] };
  const state: PushState = { remote, local, tables, options, pushed, source: "", sequence: 0 };
  if (!options.dryRun) await begin(state);
  for (let behind = 0; ; ) {
    const { results } = await local.prepare(sql.OUTBOX).bind(behind, ROWS_IN_BATCH).all<Entry>();
    if (results.length === 0) return pushed;
    const changes = cutAt(await readChanges(state, results), BATCH_SIZE);
    await pushChanges(state, changes);
    behind = changes.at(-1)?.entry.id ?? results.at(-1)?.id ?? behind;
    options.onProgress?.({ rows: pushed.rows, requests: pushed.requests });
  }
}

interface PushState {
  remote: Database;
  local: Database;
  tables: MirrorTable[];
  options: PushOptions;
  pushed: Pushed;
  source: string;
  sequence: number;
}

export async function pulledTables(local: Database): Promise<MirrorTable[]> {
  const text = await local
    .prepare(sql.GET)
    .bind("tables")
    .first<string>("value")
    .catch((error: unknown) => {
      if (messageOf(error).includes("no such table")) return null;
      throw error;
    });
  if (text !== null) return JSON.parse(text) as MirrorTable[];
  throw new HidbError({
    code: "DATABASE_FOREIGN",
    message: "expected a file that `hidb mirror pull` has filled, got one without a finished pull",
    fix: "run `hidb mirror pull` first",
  });
}

/** Settles what an earlier push has left open before anything new is sent. */
async function begin(state: PushState): Promise<void> {
  const { local, remote, options } = state;
  const read = (key: string) => local.prepare(sql.GET).bind(key).first<string>("value");
  state.source = (await read("source")) ?? options.uniqueId();
  state.sequence = Number((await read("sequence")) ?? 0);
  await local.batch([local.prepare(sql.SET).bind("source", state.source), ...endPulls(state)]);
  state.pushed.requests++;
  await remote.prepare(sql.MAKE_REMOTE).run();
  const { results } = await local.prepare(sql.IN_FLIGHT).all<Entry>();
  const [first] = results;
  if (first?.sequence != null) await resolve(state, first.sequence);
}

/** Whether a sequence has been applied; after this it never will be any more. */
async function resolve(state: PushState, sequence: number): Promise<boolean> {
  const { remote, source } = state;
  state.pushed.requests++;
  const [, asked] = await remote.batch<{ sequence: number; burnt: number }>([
    remote.prepare(sql.BURN_SEQUENCE).bind(source, sequence),
    remote.prepare(sql.ASK_SEQUENCE).bind(source),
  ]);
  const [record] = asked?.results ?? [];
  const applied = record?.sequence === sequence && record.burnt === 0;
  await (applied ? settle(state, sequence) : state.local.prepare(sql.UNMARK).run());
  return applied;
}

async function settle(state: PushState, sequence: number): Promise<void> {
  const { local } = state;
  const done = [sql.DONE, sql.DONE_IN_PART].map((text) => local.prepare(text).bind(sequence));
  await local.batch([...done, ...endPulls(state)]);
}

/** What a pull has gathered so far is older than what is pushed, and would undo it here. */
function endPulls({ local }: PushState): D1PreparedStatement[] {
  return [local.prepare(sql.FORGET_PAGES), local.prepare(sql.FORGET).bind("pulling")];
}

async function readChanges({ local, tables, options }: PushState, entries: Entry[]): Promise<Change[]> {
  const known = entries.flatMap((entry) => {
    const table = tables.find(({ name }) => name === entry.name);
    return table === undefined ? [] : [{ entry, table }];
  });
  if (known.length === 0) return [];
  // The version is read with the row: whatever changes afterwards is noted as another one. One text a table, whatever the
  // keys: SQLite takes longer to compile it than to run it.
  const involved = [...new Set(known.map(({ table }) => table))];
  const ids = JSON.stringify(known.map(({ entry }) => entry.id));
  const statements = involved.map((table) => {
    // The second comparison is for columns that take no notice of case, the first one for their index.
    const isCell = (name: string, cell: string) => `${name} = ${cell} AND ${name} = ${cell} COLLATE BINARY`;
    const isRow = table.key.map((name, at) => isCell(quoteName(name), decode(`(o.key ->> '$[${at}]')`))).join(" AND ");
    const row = `(SELECT ${rowOf(table)} FROM ${quoteName(table.name)} WHERE ${isRow})`;
    return local
      .prepare(
        `SELECT o.id, o.version, ${row} AS row FROM hidb_outbox o WHERE o.name = ? AND o.id IN (SELECT value FROM json_each(?))`,
      )
      .bind(table.name, ids);
  });
  const answers = await local.batch<{ id: number; row: string | null; version: number }>(statements);
  const found = new Map(answers.flatMap(({ results }) => results.map((one) => [one.id, one])));
  const changes = known.map(({ entry, table }) => {
    const { row = null, version = entry.version } = found.get(entry.id) ?? {};
    return {
      entry: { ...entry, version },
      table,
      base: entry.base === null ? null : readRow(entry.base),
      row: row === null ? null : readRow(row),
    };
  });
  // A claim is held by an instance that D1 knows nothing of: it would take it for a dead one. The entry stays until the
  // attempt has ended.
  const settled = changes.filter(({ table, row }) => !isRunning(table, row));
  const same = settled.filter(({ base, row }) => matches(base, row));
  if (same.length > 0 && !options.dryRun) {
    await local.batch(same.map(({ entry }) => local.prepare(sql.DROP_ENTRY).bind(entry.id, entry.version)));
  }
  return settled.filter((change) => !same.includes(change));
}

function isRunning(table: MirrorTable, row: Row | null): boolean {
  if (table.name.toLowerCase() !== "hidb_videos" || row === null) return false;
  return row[table.columns.findIndex((name) => name.toLowerCase() === "state")] === "trunning";
}

function whereKey(table: MirrorTable, { key }: Entry): string {
  return isKey(table, readRow(key));
}

function cutAt(changes: Change[], size: number): Change[] {
  let sum = 0;
  const end = changes.findIndex(({ base, row }) => {
    sum += JSON.stringify([base, row]).length;
    return sum > size;
  });
  return end < 0 ? changes : changes.slice(0, Math.max(end, 1));
}

/** How often rows are sent that somebody changes in D1 between the looks at them. */
const MOST_TRIES = 5;

/** Sends them together; where that fails, finds out which ones are to blame and sends the others. */
async function pushChanges(state: PushState, given: Change[]): Promise<void> {
  let changes = given;
  let deferred = false;
  for (let tries = 1; changes.length > 0; tries++) {
    if (state.options.dryRun) {
      state.pushed.rows += (await withoutConflicts(state, changes)).length;
      return;
    }
    const error = await sendBatch(state, changes, deferred);
    if (error === undefined) return;
    const rest = await withoutConflicts(state, changes);
    if (rest.length === changes.length && changes.length > 1 && !deferred && /FOREIGN KEY/.test(messageOf(error))) {
      // In some other order they may all hold. Not so at first: D1 starts the whole database anew when they do not.
      deferred = true;
    } else if (rest.length === changes.length && (!isGuard(error) || tries >= MOST_TRIES)) {
      const [first] = changes;
      if (changes.length > 1) {
        for (const change of changes) await pushChanges(state, [change]);
      } else if (first !== undefined) {
        state.pushed.refused.push({ table: first.table.name, key: first.entry.key, reason: messageOf(error) });
      }
      return;
    }
    changes = rest;
  }
}

function isGuard(error: unknown): boolean {
  return messageOf(error).includes(sql.GUARD_NAME);
}

/** Undefined once it is applied; the error of the statement that D1 has refused. */
async function sendBatch(state: PushState, changes: Change[], deferred: boolean, tries = 1): Promise<unknown> {
  const { local, remote, source } = state;
  const sequence = ++state.sequence;
  await local.batch([
    local.prepare(sql.SET).bind("sequence", String(sequence)),
    ...changes.map(({ entry, row }) => {
      const sent = longText(row === null ? null : JSON.stringify(row));
      return local.prepare(sql.markSent(sent.sql)).bind(...sent.params, entry.version, sequence, entry.id);
    }),
  ]);
  const statements = [
    ...(deferred ? [remote.prepare("PRAGMA defer_foreign_keys = on")] : []),
    remote.prepare(sql.BEGIN_SEQUENCE).bind(source, sequence),
    // All guards before the first write: its triggers and foreign keys may change other rows of this batch.
    ...changes.map((change) => guard(remote, change)),
    // What goes makes room for what comes: another row may have its unique values now.
    ...changes.filter(({ row }) => row === null).map((change) => write(remote, change)),
    ...changes.filter(({ row }) => row !== null).map((change) => write(remote, change)),
  ];
  state.pushed.requests++;
  try {
    await remote.batch(statements);
  } catch (error) {
    if (isOutcomeUnknown(error)) {
      if (await resolve(state, sequence)) {
        state.pushed.rows += changes.length;
        return undefined;
      }
      if (deferred) return error;
      if (tries === MOST_TRIES) throw error;
      return sendBatch(state, changes, deferred, tries + 1);
    }
    if (error instanceof HidbError && error.code !== "DATABASE_REFUSED") throw error;
    await local.prepare(sql.UNMARK).run();
    return error;
  }
  await settle(state, sequence);
  state.pushed.rows += changes.length;
  return undefined;
}

function guard(remote: Database, { table, base, entry }: Change): D1PreparedStatement {
  const text = new Text().add("INSERT INTO hidb_mirror_applied (source, sequence, held) SELECT '', 0, 0 WHERE ");
  text.add(
    `${base === null ? "" : "NOT "}EXISTS (SELECT 1 FROM ${quoteName(table.name)} WHERE ${whereKey(table, entry)}`,
  );
  const compared = (base ?? []).flatMap((cell, at) => {
    const name = table.columns[at];
    return cell === ANYTHING || name === undefined || table.key.includes(name) ? [] : [{ name, cell }];
  });
  if (compared.length > 0) {
    // Rows, since a chain of ANDs would be an expression too deep for D1.
    text.add(` AND (${compared.map(({ name }) => `${quoteName(name)} COLLATE BINARY`).join(", ")}) IS (`);
    text.list(compared, ", ", ({ cell }) => text.value(cell)).add(")");
  }
  text.add(")");
  return remote.prepare(text.sql).bind(...text.params);
}

function write(remote: Database, { table, base, row, entry }: Change): D1PreparedStatement {
  const text = new Text();
  const name = quoteName(table.name);
  if (row === null) text.add(`DELETE FROM ${name} WHERE ${whereKey(table, entry)}`);
  else if (base === null) {
    text.add(`INSERT INTO ${name} (${columnsOf(table)}) VALUES (`);
    text.list(row, ", ", (cell) => text.value(cell)).add(")");
  } else {
    text.add(`UPDATE ${name} SET `);
    const changed = table.columns.flatMap((column, at) => {
      const isSame = row[at] === base[at] || table.key.includes(column);
      return isSame ? [] : [{ column, cell: row[at] ?? null }];
    });
    const [firstKey = ""] = table.key;
    if (changed.length === 0) text.add(`${quoteName(firstKey)} = ${quoteName(firstKey)}`);
    text.list(changed, ", ", ({ column, cell }) => text.add(`${quoteName(column)} = `).value(cell));
    text.add(` WHERE ${whereKey(table, entry)}`);
  }
  return remote.prepare(text.sql).bind(...text.params);
}

/** Compares with what D1 has now; conflicts are reported, or settled as preferred. */
async function withoutConflicts(state: PushState, changes: Change[]): Promise<Change[]> {
  const { local, options, pushed } = state;
  const rest: Change[] = [];
  for (const table of new Set(changes.map((change) => change.table))) {
    const own = changes.filter((change) => change.table === table);
    pushed.requests++;
    const keys = own.map(({ entry }) => readRow(entry.key));
    const rows = await readRows(state.remote, table, keys).catch((cause: unknown) => {
      throw cause instanceof HidbError ? cause : tableChanged(table, cause);
    });
    for (const change of own) {
      const { entry, base, row } = change;
      const there =
        rows.find((one) => JSON.stringify(keyOf(table, one)) === JSON.stringify(readRow(entry.key))) ?? null;
      if (matches(base, there)) {
        rest.push(change);
        continue;
      }
      const isEqual = JSON.stringify(there) === JSON.stringify(row);
      if (!isEqual) pushed.conflicts.push({ table: table.name, key: entry.key, base, local: row, remote: there });
      if (options.dryRun) {
        if (!isEqual && options.prefer === "local") rest.push(change);
      } else if (isEqual) await local.prepare(sql.DROP_ENTRY).bind(entry.id, entry.version).run();
      else if (options.prefer === "local") {
        const long = longText(there === null ? null : JSON.stringify(there));
        await local
          .prepare(sql.newBase(long.sql))
          .bind(...long.params, entry.id)
          .run();
        rest.push({ ...change, base: there });
      } else if (options.prefer === "remote") await takeRemote(local, change, there);
    }
  }
  return rest;
}

function tableChanged({ name }: MirrorTable, cause: unknown): HidbError {
  return new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected the table ${name} of D1 to have the columns of the last pull, got ${messageOf(cause)}`,
    fix: "`hidb mirror pull --prefer remote` takes D1's tables and drops the local changes of this one",
    cause,
  });
}

/** Without any trigger: those of the table itself have run where the row comes from. */
async function takeRemote(local: Database, { table, entry }: Change, row: Row | null): Promise<void> {
  const { results } = await local
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
    .bind(table.name)
    .all<{ name: string; sql: string }>();
  const statements = [
    "PRAGMA defer_foreign_keys = on",
    ...results.map(({ name }) => `DROP TRIGGER ${quoteName(name)}`),
  ].map((text) => local.prepare(text));
  const text = new Text();
  if (row === null) text.add(`DELETE FROM ${quoteName(table.name)} WHERE ${whereKey(table, entry)}`);
  else {
    // An upsert, not a replacement: that would delete the row first, and with it what belongs to it.
    const keys = table.key.map(quoteName).join(", ");
    text.add(`INSERT INTO ${quoteName(table.name)} (${columnsOf(table)}) VALUES (`);
    text.list(row, ", ", (cell) => text.value(cell)).add(")");
    if (/^`(rowid|_rowid_|oid)`$/.test(keys)) {
      statements.push(local.prepare(`DELETE FROM ${quoteName(table.name)} WHERE ${whereKey(table, entry)}`));
    } else {
      const others = table.columns.filter((name) => !table.key.includes(name)).map(quoteName);
      text.add(` ON CONFLICT (${keys}) DO ${others.length === 0 ? "NOTHING" : "UPDATE SET "}`);
      text.list(others, ", ", (name) => text.add(`${name} = excluded.${name}`));
    }
  }
  statements.push(local.prepare(text.sql).bind(...text.params));
  statements.push(...results.map((trigger) => local.prepare(trigger.sql)));
  statements.push(local.prepare(sql.DROP_ENTRY).bind(entry.id, entry.version));
  await local.batch(statements);
}
