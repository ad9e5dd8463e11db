// PM2's daemon: the Node and the variables it runs on, and what it has under the name of this pool already.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pm2Home } from "../config/handed-over.js";
import { SETTINGS } from "../config/settings.js";
import { HidbError } from "../errors.js";
import { readPm2List } from "../pm2-command.js";

const ANSWER_MS = 10_000;

interface Listed {
  name: string;
  pm2_env: { pm_cwd: string; env?: Record<string, string> };
}

/** What PM2 has under our name; undefined when that cannot be told. */
export function listRunning(pm2 = "", name: string, environment: NodeJS.ProcessEnv): Listed[] | undefined {
  // Only the `pm2` command is asked: another program that evaluates the ecosystem file would start itself without end.
  if (basename(pm2) !== "pm2") return undefined;
  try {
    const stdout = execFileSync(process.execPath, [pm2, "jlist"], {
      encoding: "utf8",
      env: environment,
      stdio: ["ignore", "pipe", "ignore"],
      timeout: ANSWER_MS,
    });
    if (stdout.trim() === "") return undefined;
    return readPm2List<Listed>({ code: 0, stdout, stderr: "" }).filter((one) => one.name === name);
  } catch {
    return undefined;
  }
}

interface OwnPool {
  name: string;
  base: string;
  texts: Record<string, string>;
  isStarting: boolean;
}

/**
 * PM2 would restart, stop or delete the other pool: it knows apps by name alone. A new release on the same database may.
 * Errors: PM2_FAILED.
 */
export function checkNotOther(running: Listed[] = [], { name, base, texts, isStarting }: OwnPool): void {
  const other = running.find(
    ({ pm2_env: { pm_cwd: cwd, env = {} } }) => cwd !== base && databaseOf(env, cwd) !== databaseOf(texts, base),
  );
  if (other === undefined) return;
  const action = isStarting ? "give this pool HIDB_APP_NAME=<name> and another HIDB_PORT" : "go there";
  throw new HidbError({
    code: "PM2_FAILED",
    message: `expected the PM2 app ${name} to be the pool of ${base}, got that of ${other.pm2_env.pm_cwd}`,
    fix: `${action}, or \`pm2 delete ${name}\` if that one may end`,
  });
}

function databaseOf(texts: Record<string, string>, base: string): string {
  if (texts.HIDB_DATABASE === "d1") return texts.HIDB_D1_DATABASE || base;
  return texts.HIDB_SQLITE_FILE || join(base, SETTINGS.sqliteFile.fallback);
}

/** PM2 would restart what runs and silently keep the old count. */
export function noteRunning(running = 0, count: number, name: string): void {
  if (running === 0 || running === count) return;
  console.error(
    `hidb: running already with ${running} instances, and PM2 keeps that count; for ${count}: pm2 scale ${name} ${count}`,
  );
}

/** Instances run on the daemon's Node, whatever this command runs on. Errors: PM2_FAILED. */
export function checkDaemonNode(environment: NodeJS.ProcessEnv): void {
  let version = process.version;
  try {
    const program = `/proc/${readDaemonPid(environment)}/exe`;
    version = execFileSync(program, ["--version"], { encoding: "utf8", timeout: ANSWER_MS }).trim();
  } catch {
    // No /proc here: the daemon was most likely started by this very command.
  }
  const [major = 0, minor = 0] = version.slice(1).split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 13)) return;
  throw new HidbError({
    code: "PM2_FAILED",
    message: `expected PM2's daemon to run on Node 22.13 or newer, got ${version}`,
    fix: "`pm2 kill`, then start with a newer Node: `npx pm2 start ...` uses the project's own",
  });
}

/** Instances inherit the variables of the shell that first started the daemon: an empty one in their place counts as unset. */
export function clearInherited(texts: Record<string, string>, environment: NodeJS.ProcessEnv): void {
  try {
    for (const line of readFileSync(`/proc/${readDaemonPid(environment)}/environ`, "utf8").split("\0")) {
      const name = line.slice(0, line.indexOf("="));
      if (name.startsWith("HIDB_") || name.startsWith("CLOUDFLARE_")) texts[name] ??= "";
    }
  } catch {
    // No /proc here.
  }
}

function readDaemonPid(environment: NodeJS.ProcessEnv): string {
  return readFileSync(join(pm2Home(environment), "pm2.pid"), "utf8").trim();
}
