// Brings schema and rows of a D1 database into the local file. Rows are gathered page by page beside the tables, each
// page committed with the progress it makes; once they are known to be of one moment, a single transaction shows them.
//
// D1 over HTTP has no snapshots. A table that fits into one page is of one moment by itself; any other is read again
// until one whole reading has found nothing changed: the table was then as we have it at the moment between the two.
import { createHash } from "node:crypto";
import { HidbError, messageOf } from "../../errors.js";
import type { Database } from "../database.js";
import { lastKey, nextLimit, readPages, readSequences, readShrinking } from "./pages.js";
import { type Conflict, type Preference, publish } from "./publish.js";
import { type MirrorTable, readSchema, type Schema } from "./schema.js";
import * as sql from "./statements.js";
import { type Cell, longText } from "./values.js";

export interface PullOptions {
  now: number;
  /** Tables whose local changes are kept for a push; others are overwritten by the next pull. */
  pushed: string[];
  prefer?: Preference | undefined;
  dryRun?: boolean;
  /** The other side is not the whole database, as a dump of some tables: what it lacks stays here. */
  partial?: boolean;
  onProgress?: (progress: { rows: number; requests: number }) => void;
}

export interface Pulled {
  tables: number;
  rows: number;
  requests: number;
  conflicts: Conflict[];
}

/** Readings of a table, or of the schema, that somebody goes on changing. */
const MOST_READINGS = 20;

export async function pullMirror(remote: Database, local: Database, options: PullOptions): Promise<Pulled> {
  await local.batch(sql.MAKE_LOCAL.map((statement) => local.prepare(statement)));
  const state: PullState = { remote, local, options, requests: 1, schema: await readSchema(remote), holder: "" };
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
  const sequences = await readSequences(remote, state.schema.tables);
  if (sequences.length > 0) state.requests++;
  const { conflicts, rows } = await held(publish(local, state.schema, { ...options, sequences, hold: hold(state) }));
  return { tables: state.schema.tables.length, rows, requests: state.requests, conflicts };
}

interface PullState {
  remote: Database;
  local: Database;
  options: PullOptions;
  requests: number;
  schema: Schema;
  /** Names this pull and its schema. */
  holder: string;
}

/**
 * What a killed pull has gathered is of use as long as the schema is the same. Time has passed since: each of its pages
 * is read once more before it counts. A push makes an end of all pulls, since their pages are older than what it sent.
 */
async function beginOrResume(state: PullState): Promise<void> {
  const { local, schema } = state;
  const hash = createHash("sha256").update(JSON.stringify(schema)).digest("hex");
  const before = (await local.prepare(sql.GET).bind("pulling").first<string>("value")) ?? "";
  const turn = Number((await local.prepare(sql.GET).bind("turn").first("value")) ?? 0) + 1;
  state.holder = `${hash}-${turn}-${state.options.now}`;
  await local.batch([
    ...(before.startsWith(`${hash}-`) ? sql.RESUME_PAGES : [sql.FORGET_PAGES]).map((text) => local.prepare(text)),
    local.prepare(sql.SET).bind("turn", String(turn)),
    local.prepare(sql.SET).bind("pulling", state.holder),
  ]);
}

function hold({ local, holder }: PullState) {
  return local.prepare(sql.HOLD_PULL).bind(holder);
}

async function held<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!messageOf(error).includes(sql.HOLD_FAILED)) throw error;
    throw new HidbError({
      code: "DATABASE_LOCKED",
      message: "expected one pull or push of this file at a time, got another one in the middle of this pull",
      fix: "pull again once the other one has ended",
      cause: error,
    });
  }
}

/** Rows of a table that no pull has brought exist nowhere else: a pull would delete them. */
async function refuseForeign(local: Database, schema: Schema): Promise<void> {
  const text = await local.prepare(sql.GET).bind("tables").first<string>("value");
  const pulled = text === null ? [] : (JSON.parse(text) as MirrorTable[]).map(({ name }) => name);
  for (const table of (await readSchema(local)).tables) {
    if (pulled.includes(table.name)) continue;
    if (table.name === "d1_migrations" || !schema.tables.some(({ name }) => name === table.name)) continue;
    if ((await local.prepare(`SELECT 1 AS yes FROM "${table.name.replaceAll('"', '""')}" LIMIT 1`).first()) === null)
      continue;
    throw new HidbError({
      code: "DATABASE_FOREIGN",
      message: `expected the local table ${table.name} to be empty or pulled before, got rows that D1 does not know`,
      fix: `pull into another file (HIDB_SQLITE_FILE or --sqlite-file)${isOwn(table.name) ? "; or take your rows out first: `hidb remove`" : ""}`,
    });
  }
}

/** Those that `hidb remove` takes rows out of. */
function isOwn(table: string): boolean {
  return table === "videos" || table.startsWith("hidb_");
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
    else if (at.last !== null)
      open.push({ table, page: at.page + 1, after: JSON.parse(at.last), limit: nextLimit(at) });
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
      return sql.addPage(local, {
        ...{ name: table.name, page, after: key(after), last: key(last), size: text.length, rows: longText(text) },
        // A table of one page is of one moment by itself.
        isChecked: page === 0 && last === undefined,
      });
    });
    await held(local.batch([hold(state), ...statements]));
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
      const long = longText(text);
      return [local.prepare(sql.changePage(long.sql)).bind(...long.params, text.length, name, page)];
    });
    for (const name of dirty) {
      changes.set(name, (changes.get(name) ?? 0) + 1);
      if ((changes.get(name) ?? 0) > MOST_READINGS) throw unsettled(`the table ${name}`);
      statements.push(local.prepare(sql.UNCHECK_TABLE).bind(name));
    }
    await held(local.batch([hold(state), ...statements]));
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
