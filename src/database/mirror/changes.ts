// What has changed in the local file, read from the outbox: each row as it was at the last pull and as it is now.
import type { Database } from "../database.js";
import { rowOf } from "./outbox.js";
import { isKey } from "./pages.js";
import { matches } from "./publish.js";
import type { MirrorTable } from "./schema.js";
import * as sql from "./statements.js";
import { decode, quoteName, type Row, readRow } from "./values.js";

export interface Entry {
  id: number;
  name: string;
  key: string;
  base: string | null;
  version: number;
  sequence: number | null;
}

export interface Change {
  entry: Entry;
  table: MirrorTable;
  base: Row | null;
  row: Row | null;
}

export async function readChanges(
  { local, tables, dryRun }: { local: Database; tables: MirrorTable[]; dryRun: boolean },
  entries: Entry[],
): Promise<Change[]> {
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
  if (same.length > 0 && !dryRun) {
    await local.batch(same.map(({ entry }) => local.prepare(sql.DROP_ENTRY).bind(entry.id, entry.version)));
  }
  return settled.filter((change) => !same.includes(change));
}

function isRunning(table: MirrorTable, row: Row | null): boolean {
  if (table.name.toLowerCase() !== "hidb_videos" || row === null) return false;
  return row[table.columns.findIndex((name) => name.toLowerCase() === "state")] === "trunning";
}

export function whereKey(table: MirrorTable, { key }: Entry): string {
  return isKey(table, readRow(key));
}

/** The first of them, up to this size; at least one. */
export function cutAt(changes: Change[], size: number): Change[] {
  let sum = 0;
  const end = changes.findIndex(({ base, row }) => {
    sum += JSON.stringify([base, row]).length;
    return sum > size;
  });
  return end < 0 ? changes : changes.slice(0, Math.max(end, 1));
}
