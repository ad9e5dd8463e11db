// Brings schema and rows of a D1 database into the local file. Rows are gathered page by page beside the tables, each
// page committed with the progress it makes; once they are known to be of one moment, a single transaction shows them.
//
// D1 over HTTP has no snapshots. A table that fits into one page is of one moment by itself; any other is read again
// until one whole reading has found nothing changed: the table was then as we have it at the moment between the two.
import { HidbError } from "../../errors.js";
import type { Database } from "../database.js";
import { lastKey, nextLimit, readPages, readShrinking } from "./pages.js";
import { type Conflict, type Preference, publish } from "./publish.js";
import { type MirrorTable, readSchema, type Schema } from "./schema.js";
import * as sql from "./statements.js";
import type { Cell } from "./values.js";

export interface PullOptions {
  now: number;
  /** Tables whose local changes are kept for a push; others are overwritten by the next pull. */
  pushed: string[];
  prefer?: Preference | undefined;
  dryRun?: boolean;
  onProgress?: (progress: { rows: number; requests: number }) => void;
}

export interface Pulled {
  tables: number;
  rows: number;
  requests: number;
  conflicts: Conflict[];
}

/** Readings of a table that somebody goes on writing to. */
const MOST_READINGS = 20;

export async function pullMirror(remote: Database, local: Database, options: PullOptions): Promise<Pulled> {
  await local.batch(sql.MAKE_LOCAL.map((statement) => local.prepare(statement)));
  const state: PullState = { remote, local, options, requests: 1, schema: await readSchema(remote) };
  await refuseForeign(local, state.schema);
  await beginOrResume(state);
  for (let readings = 0; ; readings++) {
    await gather(state);
    await check(state);
    state.requests++;
    const schema = await readSchema(remote);
    if (JSON.stringify(schema) === JSON.stringify(state.schema)) break;
    if (readings === MOST_READINGS) throw unsettled("the schema");
    state.schema = schema;
    await beginOrResume(state);
  }
  const { conflicts, rows } = await publish(local, state.schema, options);
  return { tables: state.schema.tables.length, rows, requests: state.requests, conflicts };
}

interface PullState {
  remote: Database;
  local: Database;
  options: PullOptions;
  requests: number;
  schema: Schema;
}

/** What a killed pull has gathered is of use as long as the schema is the same. */
async function beginOrResume({ local, schema }: PullState): Promise<void> {
  const text = JSON.stringify(schema);
  if ((await local.prepare(sql.GET).bind("pulling").first("value")) === text) return;
  await local.batch([local.prepare(sql.FORGET_PAGES), local.prepare(sql.SET).bind("pulling", text)]);
}

async function refuseForeign(local: Database, schema: Schema): Promise<void> {
  if ((await local.prepare(sql.GET).bind("pulled").first("value")) !== null) return;
  for (const table of (await readSchema(local)).tables) {
    if (table.name === "d1_migrations" || !schema.tables.some(({ name }) => name === table.name)) continue;
    if ((await local.prepare(`SELECT 1 AS yes FROM "${table.name.replaceAll('"', '""')}" LIMIT 1`).first()) === null) continue;
    throw new HidbError({
      code: "DATABASE_FOREIGN",
      message: `expected a local file without rows for the first pull, got some in ${table.name}`,
      fix: "name another file with --sqlite-file; later pulls keep what has changed here",
    });
  }
}

interface Progress {
  table: MirrorTable;
  page: number;
  after?: Cell[];
  limit: number;
}

/** Adds the pages that are still missing, of as many tables at once as one request may carry. */
async function gather(state: PullState): Promise<void> {
  const { local, remote, schema } = state;
  const { results } = await local
    .prepare(sql.LAST_PAGES)
    .all<{ name: string; page: number; last: string | null; size: number; count: number }>();
  let open: Progress[] = [];
  for (const table of schema.tables) {
    const at = results.find(({ name }) => name === table.name);
    if (at === undefined) open.push({ table, page: 0, limit: nextLimit() });
    else if (at.last !== null) open.push({ table, page: at.page + 1, after: JSON.parse(at.last), limit: nextLimit(at) });
  }
  while (open.length > 0) {
    const now = open.slice(0, 8);
    const { pages, limits } = await readShrinking(remote, now);
    state.requests++;
    const next: Progress[] = [];
    const statements = now.map(({ table, page, after }, at) => {
      const rows = pages[at] ?? [];
      const text = JSON.stringify(rows);
      // A full page has more behind it; the last one has no end, so that what is added there belongs to it.
      const last = rows.length < (limits[at] ?? 0) ? undefined : lastKey(table, rows);
      const limit = nextLimit({ count: rows.length, size: text.length });
      if (last !== undefined) next.push({ table, page: page + 1, after: last, limit });
      const key = (cells?: Cell[]) => (cells === undefined ? null : JSON.stringify(cells));
      return local.prepare(sql.ADD_PAGE).bind(table.name, page, key(after), key(last), text, text.length);
    });
    await local.batch(statements);
    state.options.onProgress?.({ rows: pages.reduce((sum, { length }) => sum + length, 0), requests: state.requests });
    open = [...next, ...open.slice(8)];
  }
}

interface StoredPage {
  name: string;
  page: number;
  after: string | null;
  last: string | null;
  rows: string;
  size: number;
}

async function check(state: PullState): Promise<void> {
  const { local, remote, schema } = state;
  const changes = new Map<string, number>();
  while (true) {
    const { results } = await local.prepare(sql.PAGES_TO_CHECK).all<StoredPage>();
    if (results.length === 0) return;
    const requests = results.flatMap(({ name, after, last }) => {
      const table = schema.tables.find((one) => one.name === name);
      return table === undefined ? [] : [{ table, after: parseKey(after), last: parseKey(last) }];
    });
    const pages = await readPages(remote, requests);
    state.requests++;
    const dirty = new Set<string>();
    const statements = results.flatMap(({ name, page, rows }, at) => {
      const text = JSON.stringify(pages[at] ?? []);
      if (text === rows) return [local.prepare(sql.CHECK_PAGE).bind(name, page)];
      dirty.add(name);
      return [local.prepare(sql.CHANGE_PAGE).bind(text, text.length, name, page)];
    });
    for (const name of dirty) {
      changes.set(name, (changes.get(name) ?? 0) + 1);
      if ((changes.get(name) ?? 0) > MOST_READINGS) throw unsettled(`the table ${name}`);
      statements.push(local.prepare(sql.UNCHECK_TABLE).bind(name));
    }
    await local.batch(statements);
    state.options.onProgress?.({ rows: 0, requests: state.requests });
  }
}

function parseKey(text: string | null): Cell[] | undefined {
  return text === null ? undefined : (JSON.parse(text) as Cell[]);
}

function unsettled(what: string): HidbError {
  return new HidbError({
    code: "DATABASE_LOCKED",
    message: `expected ${what} of D1 to stay as it is for the time of two readings, got changes in ${MOST_READINGS} of them`,
    fix: "pull again when less is written there; what has been read is kept",
  });
}
