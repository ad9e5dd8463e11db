// `hidb migrate`: brings a database to this hidb's schema, as `hidb add` and `hidb start` do by themselves.
import type { Command } from "commander";
import { migrate, pendingMigrations } from "../database/migrate.js";
import { openDatabase } from "../database/open.js";
import { clock, databaseExists, migrateOptions, readOwnSettings } from "./context.js";
import { say, sayJson } from "./print.js";

interface MigrateFlags {
  dryRun?: boolean;
  json?: boolean;
}

export function registerMigrate(program: Command): void {
  program
    .command("migrate")
    .description("Apply the migrations that the database still needs; makes the file when there is none.")
    .option("--dry-run", "list them, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExamples:\n  $ hidb migrate --dry-run\n  $ hidb migrate")
    .action(run);
}

async function run(flags: MigrateFlags, command: Command): Promise<void> {
  const config = readOwnSettings(command);
  const { dryRun = false, json = false } = flags;
  const nothing = dryRun && !databaseExists(config);
  const database = await openDatabase(nothing ? { ...config, sqliteFile: ":memory:" } : config, {
    clock,
    create: !dryRun,
  });
  try {
    const names = await (dryRun ? pendingMigrations : migrate)(database, migrateOptions(config));
    if (json) return sayJson({ [dryRun ? "pending" : "applied"]: names });
    if (names.length === 0) say("nothing to do: every migration is applied");
    for (const name of names) say(`${dryRun ? "pending" : "applied"}: ${name}`);
  } finally {
    await database.close();
  }
}
