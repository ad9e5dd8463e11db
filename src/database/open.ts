// Opens the database that the settings name: a local SQLite file, or D1 over HTTP.
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import type { Millis } from "../video.js";
import { batchRequests } from "./d1/request-batcher.js";
import { RequestBudget } from "./d1/request-budget.js";
import { findD1Target, nameTarget } from "./d1/target.js";
import { openD1Http } from "./d1-http.js";
import type { Database } from "./database.js";
import { readTables, readTablesOf, refuseOthers } from "./others.js";
import { openSqlite } from "./sqlite.js";
import { prepareFile } from "./sqlite-file.js";
import type { Runner } from "./statement.js";
import { DATABASE_TIME } from "./statements.js";

export interface OpenOptions {
  clock: Clock;
  /** Creates a SQLite file that is missing. */
  create: boolean;
}

/** How messages name the database of these settings. */
export function nameDatabase(config: Config): string {
  return config.database === "sqlite" ? config.sqliteFile : nameTarget(findD1Target(config, process.cwd()));
}

/** For a command: the pool keeps back a part of the requests for it. */
export async function openDatabase(config: Config, options: OpenOptions): Promise<Database> {
  if (config.database === "sqlite") return openLocal(config, options);
  return batchRequests(await openRemote(config), { clock: options.clock, ready: async () => undefined });
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

/** Naming the table of the catalogue is the consent to create hidb's tables beside it. */
function hasConsent({ origins }: Config): boolean {
  return origins.catalogueTable !== "default";
}

/** For an open database that has no tables of hidb yet; errors: TABLES_FOREIGN. */
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
  /** Resolves to the clock of the database where that is another machine's. */
  calibrate: () => Promise<Clock>;
  budget?: RequestBudget;
  /** Another database of the same account on D1, within the same budget; none on SQLite. */
  openBeside?: (databaseId: string) => Promise<Database>;
}

/** For an instance: on D1 within its share of the requests, with calls gathered, and on the clock of the database. */
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
    return batchRequests(remote, { clock, ready: () => budget.ready() });
  };
  const database = await open(target.databaseId);
  return { database, calibrate: () => calibrate(clock, database), budget, openBeside: open };
}

/**
 * The clocks of hosts differ, and leases are compared across hosts, so all use the clock of the database. It is read once
 * and continued by durations: if the clock of this host were put forward, every lease of another host would seem expired.
 */
export async function calibrate(clock: Clock, database: Database): Promise<Clock> {
  // The bounds of the database's time at 0 of our monotonic clock: an answer may have taken long.
  let [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let tries = 0; tries < COMPARISONS && most - least > NARROW_MS; tries++) {
    const asked = clock.monotonic();
    const now = await database.prepare(DATABASE_TIME).first<Millis>("now");
    if (now === null) break;
    least = Math.max(least, now - clock.monotonic());
    most = Math.min(most, now - asked);
  }
  // A difference that the duration of the request may explain is none; beyond it, only what is certain counts.
  const zero = Math.min(Math.max(clock.nowFine() - clock.monotonic(), least - ROUNDED_MS), most + ROUNDED_MS);
  const nowFine = () => zero + clock.monotonic();
  return { ...clock, now: () => Math.floor(nowFine()), nowFine };
}

const COMPARISONS = 3;
const NARROW_MS: Millis = 4000;
/** What rounding to whole milliseconds may lose. */
const ROUNDED_MS: Millis = 2;
