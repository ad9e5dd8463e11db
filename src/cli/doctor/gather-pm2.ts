// Reads the facts about PM2 for the doctor: running daemons, their apps, their saved list. Starts no daemon.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { inheritedEnvironment } from "../../config/environment.js";
import type { Config } from "../../config/settings.js";
import { nameDatabase } from "../../database/open.js";
import { HidbError } from "../../errors.js";
import { findPm2 as locatePm2, readPm2List, runPm2 } from "../../pm2-command.js";
import { countFailedStarts } from "../../starts.js";
import { ownHomes, previewHomes } from "../start/home.js";
import type { Daemon, Dump, Facts, Pm2Process } from "./facts.js";

/** For Node's own version: `pm2` has its own place. */
const run = promisify(execFile);
const PATIENCE_MS = 15_000;

/** The user's own home, and those of `hidb start`. */
export function pm2Homes(config: Config | undefined, environment: NodeJS.ProcessEnv): string[] {
  return [...new Set([typedHome(environment), ...startHomes(config)])];
}

/** Whether PM2 can work in them. */
export async function readHomes(
  config: Config | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<Facts["pm2Homes"]> {
  // Where PM2_HOME is set, `hidb start` takes it.
  const own = environment.PM2_HOME ? [] : startHomes(config);
  try {
    const { typed, own: startHome } = await previewHomes(typedHome(environment), own);
    return { error: typed, startHome };
  } catch (error) {
    if (error instanceof HidbError) return { error };
    throw error;
  }
}

function typedHome({ PM2_HOME: home }: NodeJS.ProcessEnv): string {
  return home ? resolve(home) : join(homedir(), ".pm2");
}

function startHomes(config: Config | undefined): string[] {
  try {
    return config === undefined ? [] : ownHomes(config.sqliteFile, nameDatabase(config));
  } catch {
    return []; // On D1 the name is not known before the target is.
  }
}

export function findPm2(): { version: string } | undefined {
  try {
    return locatePm2();
  } catch {
    return undefined;
  }
}

/** Undefined when none runs there; without PM2 there is no app to ask it for. */
export async function readDaemon(home: string, app: string | undefined): Promise<Daemon | undefined> {
  const pid = pidOf(home);
  if (pid === undefined) return undefined;
  const title = readText(`/proc/${pid}/cmdline`);
  const processes = app === undefined ? [] : await list(home, app);
  return {
    answers: processes !== undefined,
    home,
    node: await versionOf(pid),
    pm2: /PM2 v([\d.]+)/.exec(title ?? "")?.[1],
    processes: processes ?? [],
  };
}

/** A `pm2` command would start a daemon where there is none. */
function pidOf(home: string): number | undefined {
  const pid = Number(readText(join(home, "pm2.pid")));
  try {
    process.kill(pid > 0 ? pid : Number.NaN, 0);
    return pid;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? pid : undefined;
  }
}

async function versionOf(pid: number): Promise<string | undefined> {
  try {
    return (await run(`/proc/${pid}/exe`, ["--version"], { timeout: PATIENCE_MS })).stdout.trim();
  } catch {
    return undefined; // No /proc here, or another user's.
  }
}

async function list(home: string, app: string): Promise<Pm2Process[] | undefined> {
  const environment = { ...inheritedEnvironment(), PM2_HOME: home };
  try {
    const listed = readPm2List<Pm2Process>(await runPm2(["jlist"], { environment, timeoutMs: PATIENCE_MS }));
    return listed
      .filter(({ name }) => name === app)
      .map((one) => ({ ...one, failedStarts: countFailedStarts(one.pm2_env) }));
  } catch {
    return undefined; // Told as a daemon that does not answer.
  }
}

export function readDump(home: string, app: string): Dump | undefined {
  const file = join(home, "dump.pm2");
  const text = readText(file);
  if (text === undefined) return undefined;
  try {
    const all = JSON.parse(text) as Dump["processes"];
    const processes = all.filter(({ name }) => name === app);
    const holdsSecret = /"CLOUDFLARE_API_TOKEN"\s*:\s*"[^"]/.test(text);
    return processes.length === 0 ? undefined : { file, mode: statSync(file).mode, processes, holdsSecret };
  } catch {
    return undefined;
  }
}

export function sizeOfLogs(home: string, app: string): number {
  const folder = join(home, "logs");
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(`${app.replaceAll("_", "-")}-`))
      .reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  } catch {
    return 0;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
