// What tables a database has, how their rows are named, and what cannot be mirrored.
import { HidbError } from "../../errors.js";
import type { Database } from "../database.js";
import { quoteName } from "./values.js";

export interface MirrorTable {
  name: string;
  sql: string;
  /** What is stored, in order; the rowid comes first where no column stands for it. */
  columns: string[];
  /** Which of the columns name a row, and order the pages. */
  key: string[];
  /** The columns of each further UNIQUE: an INSERT OR REPLACE deletes by them, too. */
  uniques: string[][];
  /** The names of tables that its foreign keys lead to. */
  parents: string[];
}

export interface Schema {
  tables: MirrorTable[];
  /** Indexes, triggers and views, in the order in which they can be made. */
  rest: { name: string; type: string; sql: string; table: string }[];
  /** What each place has rows of its own for: made where it is missing, since the record of migrations is mirrored. */
  own: { name: string; type: string; sql: string; table: string }[];
  /** FTS5 tables over the rows of another table: they are filled from there. */
  rebuilt: { name: string; sql: string }[];
}

const SCHEMA = "SELECT type, name, tbl_name AS tableName, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
const TABLES = "SELECT name, type, wr AS withoutRowid FROM pragma_table_list WHERE schema = 'main'";
const COLUMNS = `
  SELECT t.name AS tableName, x.name, x.pk, x.hidden, x.type FROM pragma_table_list t, pragma_table_xinfo(t.name) x
   WHERE t.schema = 'main' AND t.type IN ('table', 'virtual') AND substr(t.name, 1, 4) <> '_cf_' ORDER BY t.name, x.cid`;
const PARENTS = `
  SELECT t.name AS tableName, f."table" AS parent FROM pragma_table_list t, pragma_foreign_key_list(t.name) f
   WHERE t.schema = 'main' AND t.type = 'table' AND substr(t.name, 1, 4) <> '_cf_'`;

const UNIQUES = `
  SELECT t.name AS tableName, l.name AS indexName, i.name FROM pragma_table_list t, pragma_index_list(t.name) l, pragma_index_info(l.name) i
   WHERE t.schema = 'main' AND t.type = 'table' AND substr(t.name, 1, 4) <> '_cf_' AND l."unique" AND NOT l.partial
   ORDER BY t.name, l.seq, i.seqno`;

/** Of one side only: the pool's instances and whether it pauses are a matter of the place where it works. */
const LOCAL_ONLY = /^(sqlite_|_cf_|hidb_(instances|pool|fence|outbox|mirror\w*)$)/i;
const OWN_ROWS = /^hidb_(instances|pool|fence)$/i;
const MOST_COLUMNS = 99;

type Objects = { type: string; name: string; tableName: string; sql: string }[];
type Columns = { tableName: string; name: string; pk: number; hidden: number; type: string }[];

/** One request; errors: DATABASE_FOREIGN for what cannot be mirrored. */
export async function readSchema(database: Database): Promise<Schema> {
  const statements = [SCHEMA, TABLES, COLUMNS, PARENTS, UNIQUES].map((sql) => database.prepare(sql));
  const [objects, list, columns, parents, uniques] = (await database.batch(statements)).map(
    ({ results }) => results,
  ) as [
    Objects,
    { name: string; type: string; withoutRowid: number }[],
    Columns,
    { tableName: string; parent: string }[],
    { tableName: string; indexName: string; name: string | null }[],
  ];
  const shadows = new Set(list.filter(({ type }) => type === "shadow").map(({ name }) => name));
  const schema: Schema = { tables: [], rest: [], own: [], rebuilt: [] };
  for (const { type, name, tableName, sql } of objects) {
    if (OWN_ROWS.test(tableName)) schema.own.push({ name, type, sql, table: tableName });
    if (LOCAL_ONLY.test(name) || LOCAL_ONLY.test(tableName) || shadows.has(name) || shadows.has(tableName)) continue;
    if (/^hidb_mirror_/.test(name)) continue;
    if (type !== "table") {
      schema.rest.push({ name, type, sql, table: tableName });
      continue;
    }
    const virtual = list.find((one) => one.name === name)?.type === "virtual";
    if (virtual && isRebuilt(name, sql)) schema.rebuilt.push({ name, sql });
    else {
      const own = columns.filter((column) => column.tableName === name);
      const withoutRowid = list.find((one) => one.name === name)?.withoutRowid === 1;
      const table = describeTable(name, sql, own, { withoutRowid, virtual });
      table.parents = parents.filter((one) => one.tableName === name).map(({ parent }) => parent);
      const indexes = Map.groupBy(
        uniques.filter((one) => one.tableName === name),
        (one) => one.indexName,
      );
      // An index of an expression has no name for it.
      table.uniques = [...indexes.values()]
        .map((parts) => parts.flatMap((part) => part.name ?? []))
        .filter((parts, at) => parts.length === [...indexes.values()][at]?.length);
      schema.tables.push(table);
    }
  }
  // A view or trigger may stand on what comes later in the list of those.
  const rank = (type: string) => ["index", "view", "trigger"].indexOf(type);
  schema.rest.sort((a, b) => rank(a.type) - rank(b.type));
  return schema;
}

function describeTable(
  name: string,
  sql: string,
  columns: Columns,
  { withoutRowid, virtual }: { withoutRowid: boolean; virtual: boolean },
): MirrorTable {
  // Hidden columns are those of virtual tables (1) and generated ones (2, 3).
  const stored = columns.filter(({ hidden }) => hidden === 0).map((column) => column.name);
  const primary = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  const [only] = primary;
  const names = primary.map((column) => column.name);
  let table: MirrorTable = { name, sql, columns: stored, key: names, uniques: [], parents: [] };
  if (!withoutRowid) {
    const isAlias =
      primary.length === 1 && only?.type.toUpperCase() === "INTEGER" && !/PRIMARY\s+KEY\s+DESC/i.test(sql);
    if (!isAlias) table = withRowid(table, columns, virtual);
  }
  if (table.columns.length > MOST_COLUMNS) {
    throw refused(name, `with at most ${MOST_COLUMNS} columns, the rowid included`, `${table.columns.length}`);
  }
  return table;
}

function withRowid(table: MirrorTable, columns: Columns, virtual: boolean): MirrorTable {
  const taken = new Set(columns.map((column) => column.name.toLowerCase()));
  const rowid = (virtual ? ["rowid"] : ["rowid", "_rowid_", "oid"]).find((word) => !taken.has(word));
  if (rowid === undefined) throw refused(table.name, "whose rowid can be asked for", "columns of all its names");
  return { ...table, columns: [rowid, ...table.columns], key: [rowid] };
}

/** Whether an FTS5 table keeps no rows of its own; errors: DATABASE_FOREIGN. */
function isRebuilt(name: string, sql: string): boolean {
  const [, module = "", options = ""] = /\bUSING\s+["'`[]?(\w+)["'`\]]?\s*\(?([\s\S]*)/i.exec(sql) ?? [];
  if (module.toLowerCase() !== "fts5")
    throw refused(name, "of a kind that hidb can copy (fts5)", `a virtual one of ${module}`);
  const content = /\bcontent\s*=\s*(?:'([^']*)'|"([^"]*)"|(\w+))/i.exec(options);
  if (content === null) return false;
  if ((content[1] ?? content[2] ?? content[3]) === "")
    throw refused(name, "that holds its own texts", "one without content");
  return true;
}

function refused(name: string, expected: string, got: string): HidbError {
  return new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected the table ${name} to be one ${expected}, got ${got}`,
    fix: "leave this table out of the database that is mirrored, or mirror a copy without it",
  });
}

/** Parents before children, as far as there is no circle. */
export function sortByParents(tables: MirrorTable[]): MirrorTable[] {
  const sorted: MirrorTable[] = [];
  const seen = new Set<string>();
  const visit = (table: MirrorTable) => {
    if (seen.has(table.name)) return;
    seen.add(table.name);
    for (const parent of table.parents) {
      const found = tables.find(({ name }) => name.toLowerCase() === parent.toLowerCase());
      if (found !== undefined) visit(found);
    }
    sorted.push(table);
  };
  for (const table of tables) visit(table);
  return sorted;
}

export function columnsOf(table: MirrorTable): string {
  return table.columns.map(quoteName).join(", ");
}

/** The cells of a row's key. */
export function keyOf<T>(table: MirrorTable, row: T[]): T[] {
  return table.key.map((name) => row[table.columns.indexOf(name)] as T);
}
