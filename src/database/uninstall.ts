// Takes hidb's own tables, triggers and records out of a database; tables of somebody else stay as they are.
import type { Database } from "./database.js";
import { quoteName } from "./mirror/values.js";

interface SchemaObject {
  type: string;
  name: string;
  sql: string | null;
}

const OWN = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'trigger') ORDER BY type DESC, name";
const RECORDS = "name GLOB '[0-9][0-9][0-9][0-9]_hidb_*'";
const OTHER_RECORDS = `SELECT count(*) AS n FROM d1_migrations WHERE NOT (${RECORDS})`;
/** As SQLite keeps it, but for blanks. */
const OWN_CATALOGUE =
  /^CREATE TABLE "?videos"? \( id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE, title TEXT, duration_s REAL \)$/;

export interface Uninstalling {
  /** Tables and triggers that go. */
  removed: string[];
  /** Tables that stay: none where the database was hidb's alone. */
  kept: string[];
  statements: string[];
}

export async function planUninstall(database: Database): Promise<Uninstalling> {
  const { results } = await database.prepare(OWN).all<SchemaObject>();
  const objects = results.filter(({ name }) => !/^(sqlite_|_cf_)/i.test(name));
  const isMigrated = objects.some(({ name }) => name === "d1_migrations");
  const othersRecords = isMigrated ? ((await database.prepare(OTHER_RECORDS).first<number>("n")) ?? 0) : 0;
  const goes = ({ name, sql }: SchemaObject) =>
    name.startsWith("hidb_") ||
    (name === "d1_migrations" && othersRecords === 0) ||
    (name === "videos" && OWN_CATALOGUE.test((sql ?? "").replace(/\s+/g, " ")));
  const removed = objects.filter(goes);
  const kept = objects.filter((one) => !goes(one) && one.type === "table");
  return {
    removed: removed.map(({ name }) => name),
    kept: kept.map(({ name }) => name),
    statements: [
      // A table takes its indexes and triggers along.
      ...removed.map(({ type, name }) => `DROP ${type.toUpperCase()} IF EXISTS ${quoteName(name)}`),
      ...(othersRecords > 0 ? [`DELETE FROM d1_migrations WHERE ${RECORDS}`] : []),
    ],
  };
}
