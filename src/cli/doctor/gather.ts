// Reads the facts for the doctor: settings, program, PM2, database, machine. Changes and starts nothing.
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { PROJECT_ROOT } from "../../base.js";
import { systemClock } from "../../clock.js";
import { inheritedEnvironment } from "../../config/environment.js";
import { type ConfigSources, readConfig } from "../../config/read.js";
import type { Config } from "../../config/settings.js";
import { openSqlite } from "../../database/sqlite.js";
import { findWranglerConfig } from "../../database/wrangler/find.js";
import { readWranglerConfig } from "../../database/wrangler/read.js";
import { autoCount } from "../../ecosystem/count.js";
import { codeOf, HidbError, messageOf } from "../../errors.js";
import { checkProcessor } from "../../process/create.js";
import { type Budget, readBudget } from "../../report/box/box.js";
import { findUnwritable } from "../folders.js";
import type { Facts } from "./facts.js";
import { readDatabaseFacts } from "./gather-database.js";
import { findPm2, pm2Homes, readDaemon, readDump, readHomes, sizeOfLogs } from "./gather-pm2.js";

const MOST_SETTING_ERRORS = 20;

export async function gather(flags: ConfigSources["flags"] = {}): Promise<Facts> {
  const environment = inheritedEnvironment();
  const { config, settingErrors, trusted } = readSettings(flags, environment);
  const pm2 = findPm2();
  const homes = pm2Homes(trusted ? config : undefined, environment);
  const app = pm2 === undefined ? undefined : config.appName;
  const daemons = (await Promise.all(homes.map((home) => readDaemon(home, app)))).filter((one) => one !== undefined);
  const native = await tryNative();
  const database = trusted && native === undefined ? await readDatabaseFacts(config) : undefined;
  const running = daemons.reduce((sum, { processes }) => sum + processes.length, 0);
  const budget = readBudget(config);
  const entry = join(PROJECT_ROOT, "dist", "entry.cjs");
  return {
    ...{ config, settingErrors, environment, daemons, native, database, budget },
    host: hostname(),
    pid: process.pid,
    entry: { file: entry, exists: existsSync(entry) },
    node: process.version,
    pm2: { version: pm2?.version },
    pm2Homes: await readHomes(trusted ? config : undefined, environment),
    dumps: homes.map((home) => readDump(home, config.appName)).filter((dump) => dump !== undefined),
    pm2LogBytes: homes.reduce((sum, home) => sum + sizeOfLogs(home, config.appName), 0),
    folders: findUnwritable(config),
    // A running pool has taken the ports itself.
    ports: running === 0 && (database?.live.length ?? 0) === 0 ? await findTaken(config) : [],
    count: Math.max(running, countOf(config, budget)),
    processor: trusted ? await failureOf(() => checkProcessor(config)) : undefined,
    wrangler: trusted ? await failureOf(() => checkWrangler(config)) : undefined,
  };
}

interface ReadSettings {
  config: Config;
  settingErrors: HidbError[];
  /** Only what the environment says could be left out: with a broken `.env` nobody knows which database is meant. */
  trusted: boolean;
}

/** All errors of the environment, not only the first. */
function readSettings(flags: ConfigSources["flags"] = {}, environment: NodeJS.ProcessEnv): ReadSettings {
  const settingErrors: HidbError[] = [];
  const left = { ...environment };
  let cwd = process.cwd();
  while (settingErrors.length < MOST_SETTING_ERRORS) {
    try {
      const config = readConfig({ flags, environment: left, cwd });
      return { config, settingErrors, trusted: cwd === process.cwd() };
    } catch (error) {
      if (!(error instanceof HidbError)) throw error;
      settingErrors.push(error);
      const name = /\b(?:HIDB|CLOUDFLARE)_\w+/g;
      const culprit = error.message.match(name)?.find((one) => left[one] !== undefined);
      if (culprit !== undefined) delete left[culprit];
      else if (cwd === process.cwd()) cwd = resolve(cwd, "no-such-folder");
      else break;
    }
  }
  return { config: readConfig({ environment: {}, cwd: "/no-such-folder" }), settingErrors, trusted: false };
}

async function tryNative(): Promise<string | undefined> {
  try {
    await (await openSqlite(":memory:", { clock: systemClock, create: true })).close();
    return undefined;
  } catch (error) {
    return messageOf(error).split("\n")[0];
  }
}

async function failureOf(check: () => unknown): Promise<HidbError | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (error instanceof HidbError) return error;
    throw error;
  }
}

/** On D1, gather-database.ts reports it. */
function checkWrangler({ wranglerConfig, database, cloudflareEnv, processor }: Config): void {
  if (database === "d1" || processor === "worker") return;
  const location = findWranglerConfig(wranglerConfig || process.cwd());
  if (location !== undefined) readWranglerConfig(location, { env: cloudflareEnv || undefined });
}

async function findTaken(config: Config): Promise<Facts["ports"]> {
  const ports: [string, number][] = [
    ["HIDB_PORT", config.port],
    ["HIDB_WORKER_PORT", config.workerPort],
  ];
  const tried = ports
    .filter(([, port]) => port > 0)
    .map(async ([setting, port]) => ({ setting, port, error: await tryPort(port) }));
  return (await Promise.all(tried)).filter((one): one is Facts["ports"][number] => one.error !== undefined);
}

function tryPort(port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error) => done(codeOf(error) || error.message));
    server.listen(port, "127.0.0.1", () => server.close(() => done(undefined)));
  });
}

function countOf({ instances, instanceMemoryMb }: Config, { bytes }: Budget): number {
  return instances === "auto" ? autoCount(bytes / 1048576, instanceMemoryMb) : instances;
}
