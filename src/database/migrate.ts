// Brings a database to this hidb's schema, in wrangler's conventions, safe with any number of instances at once.
import { codeOf, HidbError, messageOf } from "../errors.js";
import type { Database } from "./database.js";
import { listMigrations, readMigration } from "./migration-files.js";

/** The migration that makes the default catalogue; left out for people who name a table of their own. */
const CATALOGUE_MIGRATION = "0002_hidb_catalogue.sql";
/** How often a migration is tried whose answers get lost on the way. */
const TRIES = 4;

export interface MigrateOptions {
  /** The folder of numbered .sql files. */
  folder: string;
  /** Whether the default catalogue table is wanted. */
  withCatalogue: boolean;
  /** Which files of the folder count: what follows the folder in wrangler's `migrations_pattern`; `*.sql` by default. */
  pattern?: string;
  /** Where the names of the applied ones are kept: wrangler's `migrations_table`; `d1_migrations` by default. */
  table?: string;
  /** Called before the first of them goes into a database; throws where hidb is not wanted. */
  guard?: (database: Database) => Promise<void>;
}

/** Names of the migrations that this database still needs, in order; errors: DATABASE_FOREIGN, TABLES_FOREIGN. */
export async function pendingMigrations(database: Database, options: MigrateOptions): Promise<string[]> {
  const known = listMigrations(options.folder, options.pattern);
  const applied = await appliedMigrations(database, tableOf(options));
  // A person's own Worker keeps its migrations in the same table, under names of its own.
  const newer = applied.find((name) => /^\d{4}_hidb_/.test(name) && !known.includes(name));
  if (newer !== undefined) throw databaseNewer(newer);
  if (!known.some((name) => applied.includes(name))) await options.guard?.(database);
  return known.filter((name) => !applied.includes(name) && (options.withCatalogue || name !== CATALOGUE_MIGRATION));
}

/** Applies what is missing, each file in one transaction; resolves to the names applied by this call. */
export async function migrate(database: Database, options: MigrateOptions): Promise<string[]> {
  const done: string[] = [];
  for (const name of await pendingMigrations(database, options)) {
    if (await applyMigration(database, options, name)) done.push(name);
  }
  return done;
}

/** False when another instance has been faster. */
async function applyMigration(database: Database, options: MigrateOptions, name: string): Promise<boolean> {
  const table = tableOf(options);
  const statements = [
    database.prepare(makeTable(table)),
    // The record comes first: its UNIQUE name makes all but one of several instances fail before they touch anything,
    // and a request that is sent again as well, whenever the first one arrives.
    database.prepare(`INSERT INTO ${quote(table)} (name) VALUES (?)`).bind(name),
    ...readMigration(options.folder, name).map((sql) => database.prepare(sql)),
  ];
  let maybeOurs = false;
  for (let tries = 1; ; tries++) {
    try {
      await database.batch(statements);
      return true;
    } catch (error) {
      const answerLost = codeOf(error) === "DATABASE_OUTCOME_UNKNOWN";
      maybeOurs ||= answerLost;
      if ((await appliedMigrations(database, table)).includes(name)) return maybeOurs;
      if (!answerLost || tries === TRIES) throw error instanceof HidbError ? error : notApplied(name, error);
    }
  }
}

/** In one request, whether there is such a table or not. */
async function appliedMigrations(database: Database, table: string): Promise<string[]> {
  try {
    const { results } = await database.prepare(`SELECT name FROM ${quote(table)}`).all<{ name: string }>();
    return results.map((row) => row.name);
  } catch (error) {
    if (messageOf(error).includes(`no such table: ${table}`)) return [];
    throw messageOf(error).includes("no such column: name") ? recordForeign(table, error) : error;
  }
}

/** As wrangler makes it. */
function makeTable(table: string): string {
  return `
  CREATE TABLE IF NOT EXISTS ${quote(table)} (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`;
}

function tableOf({ table = "d1_migrations" }: MigrateOptions): string {
  return table;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function databaseNewer(name: string): HidbError {
  return new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected a database that this hidb knows, got one with the newer migration ${name}`,
    fix: "update hidb, or choose another database (HIDB_SQLITE_FILE, HIDB_D1_DATABASE)",
  });
}

function recordForeign(table: string, cause: unknown): HidbError {
  return new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected ${table} to be wrangler's table of applied migrations, got one without the column name`,
    fix: "choose another database (HIDB_SQLITE_FILE, HIDB_D1_DATABASE)",
    cause,
  });
}

function notApplied(name: string, cause: unknown): HidbError {
  return new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected the migration ${name} to fit this database, got ${messageOf(cause)}`,
    fix: "choose a database without tables of the same names; this migration has changed nothing in it",
    cause,
  });
}
