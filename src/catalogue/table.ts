// Which table the catalogue is: our own `videos`, or one that somebody else made and that is never altered.
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import { HidbError } from "../errors.js";
import type { CatalogueTable } from "../video.js";
import * as sql from "./statements.js";

type Names = Pick<
  Config,
  "catalogueTable" | "catalogueId" | "catalogueSource" | "catalogueTitle" | "catalogueDuration"
>;

/** The table that the migrations make. */
export const OWN_TABLE = "videos";

export function isOwnTable(config: Pick<Config, "catalogueTable">): boolean {
  return config.catalogueTable === OWN_TABLE;
}

/** Looks up the columns; errors: CATALOGUE_TABLE when the table or a needed column is missing. */
export async function describeCatalogue(database: Database, config: Names): Promise<CatalogueTable> {
  const table = config.catalogueTable;
  const { results } = await database.prepare(sql.COLUMNS).bind(table).all<{ name: string }>();
  const columns = results.map((row) => row.name);
  if (columns.length === 0) {
    throw new HidbError({
      code: "CATALOGUE_TABLE",
      message: `expected a table ${table} in the database, found none`,
      fix: "correct HIDB_CATALOGUE_TABLE or HIDB_SQLITE_FILE",
    });
  }
  return {
    table,
    id: needed(columns, config.catalogueId, { table, setting: "HIDB_CATALOGUE_ID" }),
    source: needed(columns, config.catalogueSource, { table, setting: "HIDB_CATALOGUE_SOURCE" }),
    title: find(columns, config.catalogueTitle),
    duration: find(columns, config.catalogueDuration),
  };
}

function needed(columns: string[], name: string, where: { table: string; setting: string }): string {
  const column = find(columns, name);
  if (column !== null) return column;
  throw new HidbError({
    code: "CATALOGUE_TABLE",
    message: `expected the table ${where.table} to have a column ${name}, found only ${columns.join(", ")}`,
    fix: `set ${where.setting} to the right column`,
  });
}

/** SQLite's names do not care for case. */
function find(columns: string[], name: string): string | null {
  return columns.find((column) => column.toLowerCase() === name.toLowerCase()) ?? null;
}
