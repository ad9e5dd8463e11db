// Databases of every kind, new and empty, and folders of migrations for them.
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { onTestFinished } from "vitest";
import type { Database } from "../../src/database/database.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { makeFile, makeFolder } from "../catalogue/world.js";

export type Home = "sqlite" | "workerd";

/** Opens one database as often as one likes. */
export async function makeHome(kind: Home): Promise<() => Promise<Database>> {
  return kind === "sqlite" ? makeSqliteHome() : makeWorkerdHome();
}

function makeSqliteHome(): () => Promise<Database> {
  const file = join(makeFolder(), "hidb.sqlite");
  return async () => {
    const database = await openSqlite(file, { create: true });
    onTestFinished(() => database.close());
    return database;
  };
}

async function makeWorkerdHome(): Promise<() => Promise<Database>> {
  const miniflare = new Miniflare({ modules: true, script: "", d1Databases: ["DB"] });
  onTestFinished(() => miniflare.dispose());
  const d1 = (await miniflare.getD1Database("DB")) as unknown as Database;
  return async () => withBatch(d1, (statements) => d1.batch(statements));
}

type Batch = (statements: Parameters<Database["batch"]>[0]) => Promise<unknown>;

/** The same database, reached over a way on which batches may get lost. */
export function withBatch(database: Database, batch: Batch): Database {
  return {
    prepare: (sql) => database.prepare(sql),
    batch: batch as Database["batch"],
    exec: (sql) => database.exec(sql),
    withSession: (constraint) => database.withSession(constraint),
    dump: () => database.dump(),
    close: async () => undefined,
    pacing: database.pacing,
  };
}

export function makeMigrations(files: Record<string, string>): string {
  const folder = makeFolder();
  for (const [name, sql] of Object.entries(files)) makeFile(folder, name, sql);
  return folder;
}

/** What is in a database, without what SQLite, D1 and the migrator keep for themselves. */
export async function schemaOf(database: Database): Promise<unknown[]> {
  const { results } = await database
    .prepare(
      `SELECT type, name, tbl_name, sql FROM sqlite_schema
        WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE '!_cf!_%' ESCAPE '!'
        ORDER BY type, name`,
    )
    .all();
  return results;
}

export async function appliedNames(database: Database): Promise<unknown[]> {
  const rows = await database.prepare("SELECT name FROM d1_migrations ORDER BY id").raw();
  return rows.flat();
}
