// What every command needs: the settings, the database, and which instances are alive.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { PROJECT_ROOT } from "../base.js";
import { describeCatalogue, isOwnTable } from "../catalogue/table.js";
import { isFarAhead } from "../claim/ahead.js";
import { identifyProcess, isGone } from "../claim/liveness.js";
import { systemClock } from "../clock.js";
import { readConfig } from "../config/read.js";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import { type MigrateOptions, migrate, pendingMigrations } from "../database/migrate.js";
import { guardOthers, nameDatabase, openDatabase } from "../database/open.js";
import { HidbError } from "../errors.js";
import type { IsDead } from "../report/status.js";
import { type CatalogueTable, STATES, type State } from "../video.js";
import { chooseDatabase } from "./samples.js";

export const clock = systemClock;

/** For commands that look at videos: those of the samples, as long as there are no others. */
export function readSettings(command: Command): Config {
  return chooseDatabase(readOwnSettings(command));
}

/** Flags first, then environment, `.env` and defaults. */
export function readOwnSettings(command: Command): Config {
  const { sqliteFile } = command.optsWithGlobals<{ sqliteFile?: string }>();
  return readConfig({ flags: sqliteFile === undefined ? {} : { sqliteFile } });
}

export function migrateOptions(config: Config): MigrateOptions {
  return {
    folder: join(PROJECT_ROOT, "data", "migrations"),
    withCatalogue: isOwnTable(config),
    guard: guardOthers(config),
  };
}

/**
 * How a command uses the database: `read` leaves it unchanged and fails when it lacks hidb's tables; `change` applies
 * pending migrations first; `create` also creates the file.
 */
export type Access = "read" | "change" | "create";

export async function withDatabase<T>(
  config: Config,
  access: Access,
  use: (database: Database, catalogue: CatalogueTable) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(config, { clock, create: access === "create" });
  try {
    if (access !== "read") await migrate(database, migrateOptions(config));
    else await refuseUnprepared(database, config);
    return await use(database, await describeCatalogue(database, config));
  } finally {
    await database.close();
  }
}

async function refuseUnprepared(database: Database, config: Config): Promise<void> {
  const [pending] = await pendingMigrations(database, migrateOptions(config));
  if (pending === undefined) return;
  throw new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected hidb's tables in ${nameDatabase(config)}, but the migration ${pending} has not been applied`,
    fix: `run \`hidb migrate\` (or \`hidb start\`), or correct ${config.database === "d1" ? "HIDB_D1_DATABASE" : "HIDB_SQLITE_FILE"}`,
  });
}

/** For a dry run without a database: an empty one in memory takes its place. */
export async function withScratchDatabase<T>(
  config: Config,
  use: (database: Database, catalogue: CatalogueTable) => Promise<T>,
): Promise<T> {
  return withDatabase({ ...config, database: "sqlite", sqliteFile: ":memory:" }, "create", use);
}

export function databaseExists(config: Config): boolean {
  return config.database === "d1" || existsSync(config.sqliteFile);
}

/** The rule of reclaiming, at this moment; a single read cannot wait for the renewal of a lease far in the future. */
export function deathJudge(): IsDead {
  const { boot } = identifyProcess();
  const now = clock.now();
  return (other) => isGone(other, { boot, now }) || (other.boot !== boot && isFarAhead(other, now));
}

/** For commander: the id of a video. */
export function parseVideoId(text: string): number {
  const id = Number(text);
  if (/^[+-]?\d+$/.test(text) && Number.isInteger(id) && Math.abs(id) <= 2 ** 53) return id;
  throw new InvalidArgumentError("Expected the id of a video, a whole number within +-2^53.");
}

export function collectVideoIds(text: string, before: number[] | undefined): number[] {
  return [...(before ?? []), parseVideoId(text)];
}

/** For commander: `failed,quarantined`. */
export function parseStates(text: string): State[] {
  return text.split(",").map((name) => {
    const state = STATES.find((candidate) => candidate === name.trim().toLowerCase());
    if (state === undefined) throw new InvalidArgumentError(`Expected states out of ${STATES.join(", ")}.`);
    return state;
  });
}

/** For commander: how many, or how many to leave out. */
export function parseCount(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number >= 0.");
}

/** Shown for a video whose catalogue row is gone. */
export const NO_SOURCE = "(no longer in the catalogue)";
