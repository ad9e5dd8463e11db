// Reads the facts about the database for the doctor, without changing it.
import { accessSync, closeSync, constants, existsSync, openSync, readSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { TOLERANCE_MS } from "../../claim/ahead.js";
import { type Clock, systemClock } from "../../clock.js";
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { pendingMigrations } from "../../database/migrate.js";
import { openDatabase, openForPool } from "../../database/open.js";
import { HidbError } from "../../errors.js";
import { readFarTimes } from "../../report/far-times.js";
import { quickCheck } from "../../report/health.js";
import { readInstances } from "../../report/status.js";
import { deathJudge, migrateOptions } from "../context.js";
import type { DatabaseFacts } from "./facts.js";

const PATIENCE_MS = 20_000;

export async function readDatabaseFacts(config: Config): Promise<DatabaseFacts> {
  const file = config.database === "sqlite" ? readFileFacts(config.sqliteFile) : { live: [], dead: [] };
  const over = new AbortController();
  try {
    const asked = config.database === "sqlite" ? askFile(config) : askD1(config);
    const late = systemClock.sleep(PATIENCE_MS, over.signal).then(noAnswer);
    const answer = await Promise.race([asked, late]);
    return { ...file, ...(answer instanceof HidbError ? { error: answer } : answer) };
  } catch (error) {
    if (error instanceof HidbError) return { ...file, error };
    throw error;
  } finally {
    over.abort();
  }
}

function noAnswer(): HidbError {
  return new HidbError({
    code: "DATABASE_UNREACHABLE",
    message: `expected the database to answer, got nothing for ${PATIENCE_MS / 1000} s`,
    fix: "look at the network, or https://www.cloudflarestatus.com",
  });
}

async function askFile(config: Config): Promise<Partial<DatabaseFacts>> {
  const database = await openDatabase(config, { clock: systemClock, create: false });
  try {
    const checked = await quickCheck(database);
    return { quickCheck: checked, ...(checked === "ok" ? await askAny(database, config) : {}) };
  } finally {
    await database.close();
  }
}

async function askD1(config: Config): Promise<Partial<DatabaseFacts>> {
  const { database, calibrate } = await openForPool(config, { clock: systemClock, create: false });
  try {
    const theirs: Clock = await calibrate();
    return { aheadMs: theirs.now() - systemClock.now(), ...(await askAny(database, config)) };
  } finally {
    await database.close();
  }
}

async function askAny(database: Database, config: Config): Promise<Partial<DatabaseFacts>> {
  const pending = await pendingMigrations(database, migrateOptions(config));
  // Without the newest schema the rows cannot be read as they are meant.
  if (pending.length > 0) return { pending };
  const now = systemClock.now();
  const bounds = { now, toleranceMs: TOLERANCE_MS };
  const ahead = await readFarTimes(database, bounds);
  return { pending, ahead, ...(await readInstances(database, { now: systemClock.now(), isDead: deathJudge() })) };
}

function readFileFacts(file: string): DatabaseFacts {
  const facts: DatabaseFacts = { live: [], dead: [] };
  const folder = nearestFolder(dirname(file));
  const { type, bavail, bsize } = statfsSync(folder);
  Object.assign(facts, { fileSystem: type, freeBytes: bavail * bsize });
  if (!existsSync(file)) return facts;
  return { ...facts, sizeBytes: statSync(file).size, writable: isWritable(file), journalMode: journalModeOf(file) };
}

function nearestFolder(folder: string): string {
  return existsSync(folder) ? folder : nearestFolder(dirname(folder));
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    accessSync(dirname(file), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** From the header: opening the file would already change it. */
function journalModeOf(file: string): string | undefined {
  const header = Buffer.alloc(20);
  try {
    const descriptor = openSync(file, "r");
    const read = readSync(descriptor, header, 0, header.length, 0);
    closeSync(descriptor);
    if (read < header.length || header.toString("latin1", 0, 15) !== "SQLite format 3") return undefined;
    return header[18] === 2 ? "wal" : "delete";
  } catch {
    return undefined;
  }
}
