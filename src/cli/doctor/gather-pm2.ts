// The doctor's look at PM2: daemons that run, what they have, and what they keep. Starts none.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Config, inheritedEnvironment } from "../../config.js";
import { nameDatabase } from "../../database/open.js";
import { ownHome } from "../start/home.js";
import type { Daemon, Dump, Pm2Process } from "./facts.js";

const run = promisify(execFile);
const PATIENCE_MS = 15_000;

/** The user's own home, and that of `hidb start`. */
export function pm2Homes(config: Config | undefined, environment: NodeJS.ProcessEnv): string[] {
  const homes = [environment.PM2_HOME || join(homedir(), ".pm2")];
  try {
    if (config !== undefined) homes.push(ownHome(config.sqliteFile, nameDatabase(config)));
  } catch {
    // On D1 the name is not known before the target is.
  }
  return [...new Set(homes)];
}

export function findPm2(): { bin: string; version: string } | undefined {
  try {
    const file = createRequire(import.meta.url).resolve("pm2/package.json");
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
    return { bin: join(dirname(file), "bin", "pm2"), version };
  } catch {
    return undefined;
  }
}

interface Pm2Names {
  bin: string | undefined;
  app: string;
}

/** Undefined when none runs there. */
export async function readDaemon(home: string, { bin, app }: Pm2Names): Promise<Daemon | undefined> {
  const pid = pidOf(home);
  if (pid === undefined) return undefined;
  const title = readText(`/proc/${pid}/cmdline`);
  return {
    home,
    node: await versionOf(pid),
    pm2: /PM2 v([\d.]+)/.exec(title ?? "")?.[1],
    processes: bin === undefined ? [] : await list(home, bin, app),
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

async function list(home: string, bin: string, app: string): Promise<Pm2Process[]> {
  const quiet = { PM2_HOME: home, PM2_DISCRETE_MODE: "true", PM2_DISABLE_VERSION_CHECK: "true" };
  const options = { env: { ...inheritedEnvironment(), ...quiet }, timeout: PATIENCE_MS, maxBuffer: 1 << 26 };
  try {
    const { stdout } = await run(process.execPath, [bin, "jlist"], options);
    const listed = JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as Pm2Process[];
    return listed.filter(({ name }) => name === app);
  } catch {
    return [];
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
