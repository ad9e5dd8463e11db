// Brings a database to this hidb's schema, in wrangler's conventions, safe with any number of instances at once.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HidbError } from "../errors.js";
import type { Database } from "./database.js";

const MIGRATIONS_TABLE = `
  CREATE TABLE IF NOT EXISTS d1_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`;
const HAS_MIGRATIONS_TABLE = "SELECT 1 AS yes FROM sqlite_schema WHERE type = 'table' AND name = 'd1_migrations'";
const APPLIED = "SELECT name FROM d1_migrations";
const RECORD = "INSERT INTO d1_migrations (name) VALUES (?)";

/** The migration that makes the default catalogue; left out for people who name a table of their own. */
const CATALOGUE_MIGRATION = "0002_hidb_catalogue.sql";

export interface MigrateOptions {
  /** The folder of numbered .sql files. */
  folder: string;
  /** Whether the default catalogue table is wanted. */
  withCatalogue: boolean;
}

/** Names of the migrations that this database still needs, in order; errors: DATABASE_FOREIGN. */
export async function pendingMigrations(database: Database, options: MigrateOptions): Promise<string[]> {
  const known = readdirSync(options.folder)
    .filter((name) => /^\d+_.*\.sql$/.test(name))
    .sort();
  const applied = await appliedMigrations(database);
  // A person's own Worker keeps its migrations in the same table, under names of its own.
  const newer = applied.find((name) => /^\d{4}_hidb_/.test(name) && !known.includes(name));
  if (newer !== undefined) throw databaseNewer(newer);
  return known.filter((name) => !applied.includes(name) && (options.withCatalogue || name !== CATALOGUE_MIGRATION));
}

/** Applies what is missing, each file in one transaction; resolves to the names applied by this call. */
export async function migrate(database: Database, options: MigrateOptions): Promise<string[]> {
  const done: string[] = [];
  for (const name of await pendingMigrations(database, options)) {
    const sql = readFileSync(join(options.folder, name), "utf8");
    await database.prepare(MIGRATIONS_TABLE).run();
    try {
      // The record comes first: its UNIQUE name makes all but one of several instances fail before they touch anything.
      const statements = [database.prepare(RECORD).bind(name), ...splitStatements(sql).map((s) => database.prepare(s))];
      await database.batch(statements);
      done.push(name);
    } catch (error) {
      if (!(await appliedMigrations(database)).includes(name)) throw error;
    }
  }
  return done;
}

async function appliedMigrations(database: Database): Promise<string[]> {
  if ((await database.prepare(HAS_MIGRATIONS_TABLE).first()) === null) return [];
  const { results } = await database.prepare(APPLIED).all<{ name: string }>();
  return results.map((row) => row.name);
}

/** Our files hold plain statements: each ends with a semicolon at the end of a line, comments stand on lines of their own. */
function splitStatements(sql: string): string[] {
  return sql
    .replace(/^\s*--.*$/gm, "")
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

function databaseNewer(name: string): HidbError {
  return new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected a database that this hidb knows, got one with the newer migration ${name}`,
    fix: "update hidb, or set HIDB_SQLITE_FILE to another file",
  });
}
