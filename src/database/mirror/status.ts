// How far the two sides are apart. Local changes are counted in the outbox; D1 keeps no record of its own, so that its
// side is read as for a pull and compared: that reads each of its rows once, and is only done when it is asked for.
import type { Database } from "../database.js";
import { rowOf } from "./outbox.js";
import { lastKey, nextLimit, readShrinking } from "./pages.js";
import { matches } from "./publish.js";
import { pulledTables } from "./pulled-tables.js";
import { keyOf, type MirrorTable, readSchema } from "./schema.js";
import * as sql from "./statements.js";
import { type Cell, quoteName, type Row, readRow } from "./values.js";

export interface MirrorStatus {
  pulledAt: number;
  /** Rows that a push would take to D1. */
  toPush: number;
  /** Rows that a pull would bring from D1; null when D1 was not asked. */
  toPull: number | null;
  conflicts: number | null;
  requests: number;
  rowsRead: number;
}

export async function readMirrorStatus(local: Database, remote?: Database): Promise<MirrorStatus> {
  const tables = await pulledTables(local);
  const pulledAt = Number(await local.prepare(sql.GET).bind("pulled").first("value"));
  const toPush = (await local.prepare("SELECT count(*) AS count FROM hidb_outbox").first<number>("count")) ?? 0;
  const status: MirrorStatus = { pulledAt, toPush, toPull: null, conflicts: null, requests: 0, rowsRead: 0 };
  if (remote === undefined) return status;
  status.requests++;
  const now = (await readSchema(remote)).tables;
  status.toPull = 0;
  status.conflicts = 0;
  for (const table of now) {
    const known = tables.find(({ name }) => name === table.name);
    const here = known === undefined ? new Map<string, Row | null>() : await readAgreed(local, known);
    const changed = await readChanged(local, table);
    for await (const row of readTable(remote, table, status)) {
      const key = JSON.stringify(keyOf(table, row));
      const agreed = here.get(key) ?? null;
      here.delete(key);
      count(matches(agreed, row), changed.has(key), status);
    }
    for (const [key, row] of here) count(row === null, changed.has(key), status);
  }
  return status;
}

function count(isSame: boolean, isChangedHere: boolean, status: MirrorStatus): void {
  if (isSame) return;
  status.toPull = (status.toPull ?? 0) + 1;
  if (isChangedHere) status.conflicts = (status.conflicts ?? 0) + 1;
}

async function readChanged(local: Database, { name }: MirrorTable): Promise<Map<string, Row | null>> {
  const { results } = await local
    .prepare("SELECT key, base FROM hidb_outbox WHERE name = ?")
    .bind(name)
    .all<{ key: string; base: string | null }>();
  return new Map(results.map(({ key, base }) => [JSON.stringify(readRow(key)), base === null ? null : readRow(base)]));
}

/** The rows as both sides had them at the last pull or push. */
async function readAgreed(local: Database, table: MirrorTable): Promise<Map<string, Row | null>> {
  if (table.name === "d1_migrations") return new Map();
  const { results } = await local
    .prepare(`SELECT ${rowOf(table)} AS row FROM ${quoteName(table.name)}`)
    .all<{ row: string }>();
  const rows = new Map<string, Row | null>();
  for (const { row: text } of results) {
    const row = readRow(text);
    rows.set(JSON.stringify(keyOf(table, row)), undoClaim(table, row));
  }
  for (const [key, base] of await readChanged(local, table)) rows.set(key, base);
  return rows;
}

/** A claim is not noted anywhere, and is nothing that D1 should know. */
function undoClaim(table: MirrorTable, row: Row): Row {
  if (table.name !== "hidb_videos" || row[table.columns.indexOf("state")] !== "trunning") return row;
  const undone = (name: string, cell: Cell) => {
    if (name === "state") return "tpending";
    if (name === "attempt") return `i${Number(cell?.slice(1)) - 1}`;
    return name === "instance" || name === "claimed_at" ? "*" : cell;
  };
  return table.columns.map((name, at) => undone(name, row[at] ?? null));
}

async function* readTable(remote: Database, table: MirrorTable, status: MirrorStatus): AsyncGenerator<Row> {
  if (table.name === "d1_migrations") return;
  let limit = nextLimit();
  for (let after: Cell[] | undefined; ; ) {
    const { pages, limits } = await readShrinking(remote, [{ table, limit, ...(after && { after }) }]);
    const rows = pages[0] ?? [];
    status.requests++;
    status.rowsRead += rows.length;
    yield* rows;
    if (rows.length < (limits[0] ?? 0)) return;
    after = lastKey(table, rows);
    limit = nextLimit({ count: rows.length, size: JSON.stringify(rows).length });
  }
}
