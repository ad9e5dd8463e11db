// `hidb init catalogue`: proposes the settings that make an existing table the catalogue; changes nothing.
import type { Command } from "commander";
import type { Config } from "../config/settings.js";
import { nameDatabase, openRemote } from "../database/open.js";
import { readTables, readTablesOf } from "../database/others.js";
import { proposeCatalogues, type TableShape } from "../database/propose.js";
import { prepareFile } from "../database/sqlite-file.js";
import { HidbError } from "../errors.js";
import { clock, readOwnSettings } from "./context.js";
import { note, printable, say, sayJson } from "./print.js";

export function registerInit(program: Command): void {
  program
    .command("init")
    .description("Propose settings for what is there already.")
    .command("catalogue")
    .description("Look for a table of videos in the database and print the lines for `.env`; changes nothing.")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ hidb --sqlite-file films.sqlite init catalogue >> .env")
    .action(proposeSettings);
}

async function proposeSettings({ json = false }: { json?: boolean }, command: Command): Promise<void> {
  const config = readOwnSettings(command);
  const tables = await readAnyTables(config);
  const proposals = proposeCatalogues(tables);
  const database = nameDatabase(config);
  if (json) return sayJson({ database, tables: tables.map(({ name }) => name), proposals });
  if (proposals.length === 0) throw nothingFits(database, tables);
  for (const [at, proposal] of proposals.entries()) {
    // Only one table can be the catalogue.
    if (at > 0) say(`# or ${proposal.HIDB_CATALOGUE_TABLE}:`);
    for (const [name, value] of Object.entries(proposal)) say(`${at > 0 ? "# " : ""}${name}=${value}`);
  }
  note(
    `hidb: put these lines into .env; hidb adds tables hidb_* to ${printable(database)} and leaves the others as they are`,
  );
}

async function readAnyTables(config: Config): Promise<TableShape[]> {
  if (config.database === "sqlite") {
    prepareFile(config.sqliteFile, false);
    return readTables(config.sqliteFile, clock);
  }
  const database = await openRemote(config);
  try {
    return await readTablesOf(database);
  } finally {
    await database.close();
  }
}

function nothingFits(database: string, tables: TableShape[]): HidbError {
  const names = tables.map(({ name }) => name).join(", ") || "no tables";
  return new HidbError({
    code: "CATALOGUE_TABLE",
    message: `expected a table with a whole number and a path or URL for each video in ${database}, got ${names}`,
    fix: "set HIDB_CATALOGUE_TABLE, HIDB_CATALOGUE_ID and HIDB_CATALOGUE_SOURCE, or make a view with such columns",
  });
}
