// Opens the database that the settings name: a local SQLite file, or D1 over HTTP.
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import type { Millis } from "../video.js";
import { RequestBudget } from "./d1/budget.js";
import { openCourier } from "./d1/courier.js";
import { findD1Target, nameTarget } from "./d1/target.js";
import { openD1Http } from "./d1-http.js";
import type { Database } from "./database.js";
import { readTables, readTablesOf, refuseOthers } from "./others.js";
import { openSqlite } from "./sqlite.js";
import { prepareFile } from "./sqlite-file.js";
import type { Runner } from "./statement.js";

export interface OpenOptions {
  clock: Clock;
  /** Creates a SQLite file that is missing. */
  create: boolean;
}

/** How messages name the database of these settings. */
export function nameDatabase(config: Config): string {
  return config.database === "sqlite" ? config.sqliteFile : nameTarget(findD1Target(config, process.cwd()));
}

/** For a command: its requests come out of those that the pool keeps back. */
export async function openDatabase(config: Config, options: OpenOptions): Promise<Database> {
  if (config.database === "sqlite") return openLocal(config, options);
  return openCourier(await openRemote(config), { clock: options.clock, ready: async () => undefined });
}

/** Errors: TABLES_FOREIGN, before anything is touched, and those of `openSqlite`. */
export async function openLocal(config: Config, { clock, create }: OpenOptions): Promise<Database> {
  const { sqliteFile, synchronous, strict } = config;
  if (!hasConsent(config)) {
    prepareFile(sqliteFile, create);
    refuseOthers(await readTables(sqliteFile, clock), { database: sqliteFile, setting: "HIDB_SQLITE_FILE" });
  }
  return openSqlite(sqliteFile, { clock, synchronous, create, strict });
}

/** Whoever names the table of the catalogue has said that hidb may work beside it. */
function hasConsent({ origins }: Config): boolean {
  return origins.catalogueTable !== "default";
}

/** For a database that is open and that hidb has not been to; errors: TABLES_FOREIGN. */
export function guardOthers(config: Config): (database: Database) => Promise<void> {
  return async (database) => {
    if (hasConsent(config)) return;
    const setting = config.database === "d1" ? "HIDB_D1_DATABASE" : "HIDB_SQLITE_FILE";
    refuseOthers(await readTablesOf(database), { database: nameDatabase(config), setting });
  };
}

/** The D1 database of the settings, whichever database the pool works on. */
export function openRemote(config: Config): Promise<Database & Runner> {
  return openD1Http(findD1Target(config, process.cwd()));
}

export interface PoolDatabase {
  database: Database;
  /** Resolves to the database's own time where that is another machine's. */
  calibrate: () => Promise<Clock>;
  budget?: RequestBudget;
  /** Another database of the same account on D1, within the same budget; none on SQLite. */
  openBeside?: (databaseId: string) => Promise<Database>;
}

/** For an instance: on D1 within its share of the requests, calls gathered, time as the database has it. */
export async function openForPool(config: Config, options: OpenOptions): Promise<PoolDatabase> {
  const { clock } = options;
  if (config.database === "sqlite") return { database: await openLocal(config, options), calibrate: async () => clock };
  const budget = new RequestBudget(clock, config.d1Requests);
  const target = findD1Target(config, process.cwd());
  const open = async (databaseId: string) => {
    const remote = await openD1Http({
      ...{ ...target, databaseId, clock },
      admit: () => budget.take(),
      onRequest: (record) => budget.note(record),
    });
    return openCourier(remote, { clock, ready: () => budget.ready() });
  };
  const database = await open(target.databaseId);
  return { database, calibrate: () => calibrate(clock, database), budget, openBeside: open };
}

const DATABASE_TIME = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now";

/**
 * Hosts do not agree about the time; leases are compared across them, so all go by the database's clock. From here on by
 * durations alone: were this host's clock put forward, every lease of another host would seem to have run out.
 */
export async function calibrate(clock: Clock, database: Database): Promise<Clock> {
  // When our monotonic clock was at 0 it was so late there, at least and at most: an answer may have been long on its way.
  let [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let tries = 0; tries < COMPARISONS && most - least > NARROW_MS; tries++) {
    const asked = clock.monotonic();
    const now = await database.prepare(DATABASE_TIME).first<Millis>("now");
    if (now === null) break;
    least = Math.max(least, now - clock.monotonic());
    most = Math.min(most, now - asked);
  }
  // What the journey alone may explain is no difference; of the rest no more than what is certain.
  const zero = Math.min(Math.max(clock.nowFine() - clock.monotonic(), least - ROUNDED_MS), most + ROUNDED_MS);
  const nowFine = () => zero + clock.monotonic();
  return { ...clock, now: () => Math.floor(nowFine()), nowFine };
}

const COMPARISONS = 3;
const NARROW_MS: Millis = 4000;
/** What is lost where a moment is told in whole milliseconds. */
const ROUNDED_MS: Millis = 2;
