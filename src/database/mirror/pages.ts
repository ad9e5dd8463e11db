// Rows of a remote table, page by page in the order of their keys; several pages in one request.
import { HidbError } from "../../errors.js";
import type { Database } from "../database.js";
import { keyOf, type MirrorTable } from "./schema.js";
import { type Cell, exactColumn, kindsOf, quoteName, quoteText, type Row, toCell } from "./values.js";

export interface PageRequest {
  table: MirrorTable;
  /** The key behind which it begins; undefined: at the first row. */
  after?: Cell[] | undefined;
  /** The last key; undefined: as far as `limit` allows. */
  last?: Cell[] | undefined;
  limit?: number;
}

/** In one request, and so in one transaction. */
export async function readPages(remote: Database, requests: PageRequest[]): Promise<Row[][]> {
  const answers = await remote.batch<Record<string, unknown>>(requests.map((one) => remote.prepare(select(one))));
  return answers.map(({ results }, at) => {
    const width = requests[at]?.table.columns.length ?? 0;
    return results.map((row) => {
      const kinds = String(row.kinds);
      return Array.from({ length: width }, (_, column) => toCell(row[`c${column}`], kinds[column]));
    });
  });
}

/** By keys, whichever of the rows are there; in one request. */
export async function readRows(remote: Database, table: MirrorTable, keys: Cell[][]): Promise<Row[]> {
  const statements = keys.map((key) => remote.prepare(`${selectFrom(table)} WHERE ${isKey(table, key)}`));
  const answers = await remote.batch<Record<string, unknown>>(statements);
  return answers.flatMap(({ results }) =>
    results.map((row) => table.columns.map((_, at) => toCell(row[`c${at}`], String(row.kinds)[at]))),
  );
}

/** How far AUTOINCREMENT has counted, also for rows that are gone. */
export async function readSequences(remote: Database, tables: MirrorTable[]): Promise<{ name: string; seq: number }[]> {
  const counted = tables.filter((table) => /\bAUTOINCREMENT\b/i.test(table.sql)).map(({ name }) => name);
  if (counted.length === 0) return [];
  const { results } = await remote
    .prepare("SELECT name, seq FROM sqlite_sequence")
    .all<{ name: string; seq: number }>();
  return results.filter(({ name }) => counted.includes(name));
}

function select({ table, after, last, limit }: PageRequest): string {
  const names = table.key.map(quoteName).join(", ");
  const tests = [
    ...(after === undefined ? [] : [`(${names}) > (${after.map(literal).join(", ")})`]),
    ...(last === undefined ? [] : [`(${names}) <= (${last.map(literal).join(", ")})`]),
  ];
  const where = tests.length === 0 ? "" : ` WHERE ${tests.join(" AND ")}`;
  return `${selectFrom(table)}${where} ORDER BY ${names}${limit === undefined ? "" : ` LIMIT ${limit}`}`;
}

function selectFrom(table: MirrorTable): string {
  const columns = table.columns.map((name, at) => `${exactColumn(name)} AS c${at}`);
  return `SELECT ${columns.join(", ")}, ${kindsOf(table.columns)} AS kinds FROM ${quoteName(table.name)}`;
}

export function isKey(table: MirrorTable, key: Cell[]): string {
  return table.key.map((name, at) => isCell(quoteName(name), key[at] ?? null)).join(" AND ");
}

function isCell(column: string, cell: Cell): string {
  const value = literal(cell);
  // To a column that takes no notice of case two keys may be one; the first comparison is there for its index.
  const exactly = cell?.[0] === "t" || cell?.[0] === "x" ? ` AND ${column} = ${value} COLLATE BINARY` : "";
  return `${column} = ${value}${exactly}`;
}

/** Keys are short: they stand in the statement itself. */
function literal(cell: Cell): string {
  const rest = cell?.slice(1) ?? "";
  switch (cell?.[0]) {
    case undefined:
      return "NULL";
    case "t":
      return quoteText(rest);
    case "b":
      return `X'${rest}'`;
    case "x":
      return `CAST(X'${rest}' AS TEXT)`;
    default:
      return rest.endsWith("Inf") ? rest.replace("Inf", "9e999") : rest;
  }
}

/** How many rows the next page may have, so that it weighs about as much as a request should. */
const TARGET = 1_000_000;
const FIRST_ROWS = 200;
const MOST_ROWS = 5000;

export function nextLimit(before?: { count: number; size: number }): number {
  if (before === undefined || before.count === 0) return FIRST_ROWS;
  const average = Math.max(before.size / before.count, 1);
  return Math.max(1, Math.min(Math.floor(TARGET / average), before.count * 8, MOST_ROWS));
}

/** Reads with ever shorter pages when D1 cannot answer the longer ones. */
export async function readShrinking(remote: Database, requests: (PageRequest & { limit: number })[]) {
  for (let divisor = 1; ; divisor *= 10) {
    const tried = requests.map((one) => ({ ...one, limit: Math.max(1, Math.floor(one.limit / divisor)) }));
    try {
      return { pages: await readPages(remote, tried), limits: tried.map(({ limit }) => limit) };
    } catch (error) {
      const isHopeless = error instanceof HidbError && error.code !== "DATABASE_REFUSED";
      if (isHopeless || tried.every(({ limit }) => limit === 1)) throw error;
    }
  }
}

export function lastKey(table: MirrorTable, rows: Row[]): Cell[] | undefined {
  const row = rows.at(-1);
  return row && keyOf(table, row);
}
