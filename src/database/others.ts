// Tables of another program: hidb changes nothing beside them until HIDB_CATALOGUE_TABLE names the catalogue's table.
import { existsSync, statSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";
import type { Clock } from "../clock.js";
import { HidbError } from "../errors.js";
import type { Millis } from "../video.js";
import type { Database } from "./database.js";
import { describeProposal, proposeCatalogues, type TableShape } from "./propose.js";
import { describeSqliteError, isBusy } from "./sqlite-errors.js";
import { COLUMNS_OF_TABLE, TABLE_NAMES } from "./statements.js";

/** Tables of SQLite, Cloudflare and wrangler. */
const INTERNAL = /^(sqlite_|_cf_|d1_migrations$)/i;
/** Tables of hidb, or of a mirror. */
const OWN = /^hidb_/i;

const PATIENCE_MS: Millis = 10_000;
const WAIT_MS: Millis = 25;

/** Looks into a SQLite file without changing it; errors: those of opening it. */
export async function readTables(file: string, clock: Clock): Promise<TableShape[]> {
  if (!existsSync(file) || !statSync(file).isFile() || statSync(file).size === 0) return [];
  for (const started = clock.monotonic(); ; ) {
    try {
      return readTablesNow(file);
    } catch (error) {
      const over = clock.monotonic() - started >= PATIENCE_MS;
      if (!isBusy(error) || over) throw describeSqliteError(error, file);
      await clock.sleep(WAIT_MS);
    }
  }
}

function readTablesNow(file: string): TableShape[] {
  // The last one to close a database writes its log into it, unless it was read-only; without a log there is nothing to
  // write, and a read-only connection would leave an empty one behind.
  const driver = new BetterSqlite3(file, { timeout: 0, readonly: existsSync(`${file}-wal`), fileMustExist: true });
  try {
    const names = driver.prepare<[], string>(TABLE_NAMES).pluck(true).all();
    const columns = driver.prepare<[string], TableShape["columns"][number]>(COLUMNS_OF_TABLE);
    return names.map((name) => ({ name, columns: INTERNAL.test(name) ? [] : columnsOf(columns, name) }));
  } finally {
    driver.close();
  }
}

/** Those of a virtual table can be read only with its module. */
function columnsOf(statement: BetterSqlite3.Statement<[string], TableShape["columns"][number]>, name: string) {
  try {
    return statement.all(name);
  } catch (error) {
    if (error instanceof Error && /no such module/.test(error.message)) return [];
    throw error;
  }
}

/** The same of a database that is open. */
export async function readTablesOf(database: Database): Promise<TableShape[]> {
  const { results } = await database.prepare(TABLE_NAMES).all<{ name: string }>();
  const names = results.map(({ name }) => name).filter((name) => !INTERNAL.test(name));
  if (names.length === 0) return [];
  const answers = await database.batch<TableShape["columns"][number]>(
    names.map((name) => database.prepare(COLUMNS_OF_TABLE).bind(name)),
  );
  return names.map((name, at) => ({ name, columns: answers[at]?.results ?? [] }));
}

/** The names of somebody else's tables; none where hidb has been before. */
function othersOf(names: string[]): string[] {
  return names.some((name) => OWN.test(name)) ? [] : names.filter((name) => !INTERNAL.test(name));
}

/** Errors: TABLES_FOREIGN. `setting` names the database. */
export function refuseOthers(tables: TableShape[], { database, setting }: { database: string; setting: string }): void {
  const others = othersOf(tables.map(({ name }) => name));
  if (others.length === 0) return;
  const proposals = proposeCatalogues(tables);
  const [only] = proposals;
  const consent =
    proposals.length === 1 && only !== undefined
      ? `set ${describeProposal(only)}`
      : "set HIDB_CATALOGUE_TABLE, HIDB_CATALOGUE_ID and HIDB_CATALOGUE_SOURCE, which `hidb init catalogue` proposes";
  throw new HidbError({
    code: "TABLES_FOREIGN",
    message: `expected ${database} to be empty or hidb's own, got tables of somebody else: ${describeNames(others)}`,
    fix: `for another database set ${setting}; to let hidb add its tables (hidb_*) to this one, ${consent}`,
  });
}

const MOST_NAMES = 8;

function describeNames(names: string[]): string {
  const more = names.length - MOST_NAMES;
  return `${names.slice(0, MOST_NAMES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
