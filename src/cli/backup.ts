// `hidb backup`: a copy of the database of one moment, while the pool runs.
import { resolve } from "node:path";
import type { Command } from "commander";
import { backupSqlite } from "../database/backup.js";
import { nameDatabase } from "../database/open.js";
import { HidbError } from "../errors.js";
import { readSettings } from "./context.js";
import { formatCount, printable, say, sayJson } from "./print.js";

interface BackupFlags {
  force?: boolean;
  json?: boolean;
}

export function registerBackup(program: Command): void {
  program
    .command("backup")
    .description("Copy the database file as it is at one moment; the pool may go on working.")
    .argument("<file>", "where the copy goes")
    .option("--force", "replace a file that is there already")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nTo restore a copy: end the pool, remove the database with its -wal and -shm, put the copy in its place.",
    )
    .action(backup);
}

async function backup(file: string, { force = false, json = false }: BackupFlags, command: Command): Promise<void> {
  const config = readSettings(command);
  if (config.database === "d1") throw onD1(nameDatabase(config));
  const target = resolve(file);
  const bytes = await backupSqlite(config.sqliteFile, target, { force });
  if (json) return sayJson({ database: config.sqliteFile, file: target, bytes });
  say(`${printable(target)}: ${formatCount(bytes)} bytes, checked`);
}

function onD1(name: string): HidbError {
  return new HidbError({
    code: "USAGE",
    message: `expected a SQLite file to copy, got the D1 database ${name}`,
    fix: "`npx wrangler d1 export <name> --remote --output copy.sql` copies it; `npx wrangler d1 time-travel` goes back 30 days",
  });
}
