// The `pm2` command, spawned: hidb never imports PM2, and leaves no daemon behind that it has started itself.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findBase } from "../../base.js";
import { type Config, inheritedEnvironment, PROJECT_ROOT, readConfig, toEnvironment } from "../../config.js";
import { findD1Target } from "../../database/d1/target.js";
import { nameDatabase } from "../../database/open.js";
import { EXIT, HidbError } from "../../errors.js";
import { whereWorker } from "../../process/worker/where.js";
import { findProcesses, ownHome, removeHome, takeHome } from "./home.js";

const ECOSYSTEM = join(PROJECT_ROOT, "ecosystem.cluster.config.cjs");

interface Listed {
  name: string;
  pid?: number;
  pm2_env: { status: string; exit_code?: number };
}

export class Pm2 {
  /** PM2_HOME, or a home of the pool's own beside its database, so that nobody else's daemon has a say. */
  readonly home: string;
  readonly #own: boolean;
  readonly #app: string;
  readonly #environment: NodeJS.ProcessEnv;
  #startedApp = false;
  #startedDaemon = false;
  /** What stood in the error log before this run; it says nothing about this one. */
  #errorsBefore = 0;

  /** `home`: another one than that, as of a pool that somebody has started by hand. */
  constructor(config: Config, home?: string) {
    const inherited = inheritedEnvironment();
    this.#app = config.appName;
    this.#own = home === undefined && !inherited.PM2_HOME;
    this.home = home || inherited.PM2_HOME || ownHome(config.sqliteFile, nameDatabase(config));
    this.#environment = {
      ...inherited,
      // These always: what the folder of hidb has in its .env shall not lead the instances elsewhere.
      ...toEnvironment(config, ["database", "sqliteFile", "logDir", "spoolDir"]),
      ...(config.database === "d1" ? nameForInstances(config) : {}),
      ...(config.processor === "worker" ? { HIDB_WORKER: whereWorker(config) } : {}),
      PM2_HOME: this.home,
      PM2_DISCRETE_MODE: "true",
      PM2_DISABLE_VERSION_CHECK: "true",
    };
  }

  /** False while another `hidb start` runs a pool of this database in the home that we would use. */
  take(): boolean {
    return !this.#own || takeHome(this.home);
  }

  /** The opposite of `take`, when there is nothing to run. */
  leave(): void {
    if (this.#own) removeHome(this.home);
  }

  /** Whether a `pm2` command of a run that was killed is still under way in our home; two at once make two daemons. */
  isBusy(): boolean {
    return this.#own && findProcesses(this.home, findPm2()).commands.length > 0;
  }

  /** Whether a run that was killed has left its pool at work in a home of ours; it is this run's from now on. */
  async adopt(): Promise<boolean> {
    if (!this.#own || !this.#daemonRuns()) return false;
    if ((await this.countOnline()) === 0) {
      await this.#killDaemon();
      return false;
    }
    this.#startedDaemon = true;
    this.#startedApp = true;
    this.#errorsBefore = this.#sizeOfErrors();
    return true;
  }

  /** Starts the pool; errors: those of the ecosystem file, as it words them, and PM2_FAILED. */
  async start(): Promise<void> {
    this.#startedDaemon = !this.#daemonRuns();
    // PM2 would restart what it knows by that name, with our settings in place of its own.
    if (!this.#startedDaemon && (await this.#list()).some(({ name }) => name === this.#app))
      throw nameTaken(this.home, this.#app);
    this.#startedApp = true;
    this.#errorsBefore = this.#sizeOfErrors();
    const { code, stderr, stdout } = await this.#run("start", ECOSYSTEM);
    if (code === 0) return;
    throw readRefusal(code, stderr) ?? pm2Failed("start", code, stderr || stdout);
  }

  /** How many of the pool's processes PM2 keeps up; those that stopped for good do not count. */
  async countOnline(): Promise<number> {
    const list = await this.#list();
    return list.filter(
      ({ name, pm2_env: { status, exit_code } }) =>
        name === this.#app && /online|launching/.test(status) && exit_code !== 42,
    ).length;
  }

  /** The pool's processes that PM2 keeps up; none where no daemon runs, and none is started to find out. */
  async listPids(): Promise<number[]> {
    if (!this.#daemonRuns()) return [];
    const list = await this.#list();
    return list.flatMap(({ name, pid, pm2_env: { status } }) =>
      name === this.#app && pid && /online|launching/.test(status) ? [pid] : [],
    );
  }

  /** Resolves when those that leave have drained; errors: PM2_FAILED. */
  async scale(count: number): Promise<void> {
    const { code, stdout, stderr } = await this.#run("scale", this.#app, String(count));
    if (code !== 0) throw pm2Failed("scale", code, stderr || stdout);
  }

  /** The last thing that instances said on standard error in this run, if anything. */
  lastWords(): string | undefined {
    try {
      const log = readFileSync(this.#errorLog);
      const lines = log
        .subarray(log.length < this.#errorsBefore ? 0 : this.#errorsBefore)
        .toString()
        .trim()
        .split("\n");
      return lines.findLast((line) => line.startsWith("hidb: "))?.slice("hidb: ".length);
    } catch {
      return undefined;
    }
  }

  /** The settings as an instance reads them: with the `.env` of its folder below what it was handed. */
  readInstanceConfig(): Config {
    return readConfig({ environment: this.#environment, cwd: findBase(PROJECT_ROOT, process.cwd()) });
  }

  /** Ends what a run that was killed has left in a home of ours, when all its videos have come to an end. */
  async sweep(): Promise<void> {
    if (!this.#own || !existsSync(this.home) || !this.take()) return;
    for (let look = 0; look < LOOKS_AT_DAEMON && this.isBusy(); look++) await delay(LOOK_AT_DAEMON_MS);
    await this.adopt();
    await this.end();
  }

  /** Drains the pool, and ends the daemon if it was started for it. */
  async end(): Promise<void> {
    if (this.#startedApp) await this.#run("delete", this.#app);
    // Somebody may have put an app of theirs into a daemon that we have started in their home.
    if (this.#startedDaemon && (this.#own || (await this.#list()).length === 0)) await this.#killDaemon();
    this.leave();
  }

  async #killDaemon(): Promise<void> {
    await this.#run("kill");
    // A daemon that PM2 has lost sight of drains at this signal, too.
    for (const pid of this.#ownDaemons()) tell(pid, "SIGTERM");
    for (let look = 0; look < LOOKS_AT_DAEMON && this.#daemonRuns(); look++) await delay(LOOK_AT_DAEMON_MS);
    for (const pid of this.#ownDaemons()) tell(pid, "SIGKILL");
  }

  async #list(): Promise<Listed[]> {
    const { stdout } = await this.#run("jlist");
    return JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1) || "[]") as Listed[];
  }

  get #errorLog(): string {
    return join(this.home, "logs", `${this.#app.replaceAll("_", "-")}-error.log`);
  }

  #sizeOfErrors(): number {
    return statSync(this.#errorLog, { throwIfNoEntry: false })?.size ?? 0;
  }

  #ownDaemons(): number[] {
    return this.#own ? findProcesses(this.home, findPm2()).daemons : [];
  }

  #daemonRuns(): boolean {
    if (this.#ownDaemons().length > 0) return true;
    try {
      process.kill(Number(readFileSync(join(this.home, "pm2.pid"), "utf8")), 0);
      return true;
    } catch {
      return false;
    }
  }

  #run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [findPm2(), ...args], {
      cwd: findBase(PROJECT_ROOT, process.cwd()),
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C means us, and we drain the pool in an orderly way.
      detached: true,
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk) => {
      output.stderr += chunk;
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      // Not "exit": a long list may still be on its way then.
      child.once("close", (code) => resolve({ code: code ?? 1, ...output }));
    });
  }
}

/** A minute: longer than a drain with the usual settings. */
const LOOKS_AT_DAEMON = 600;
const LOOK_AT_DAEMON_MS = 100;

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function findPm2(): string {
  return join(dirname(createRequire(import.meta.url).resolve("pm2/package.json")), "bin", "pm2");
}

/** The ecosystem file ends with two lines of its own when it refuses. */
function readRefusal(exitCode: number, stderr: string): HidbError | undefined {
  const message = /^error: (.*)$/m.exec(stderr)?.[1];
  const fix = /^fix: {3}(.*)$/m.exec(stderr)?.[1];
  if (message === undefined || fix === undefined) return undefined;
  const preflight = message.includes("MB of memory") ? "MEMORY_TOO_SMALL" : "PM2_FAILED";
  return new HidbError({ code: exitCode === EXIT.usage ? "SETTING_INVALID" : preflight, message, fix });
}

function nameTaken(home: string, app: string): HidbError {
  return new HidbError({
    code: "PM2_FAILED",
    message: `expected no app called ${app} in the PM2 home ${home}, got one that does not work on this database`,
    fix: `unset PM2_HOME, and \`hidb start\` takes a home of its own; or set HIDB_APP_NAME to another name`,
  });
}

function pm2Failed(command: "start" | "scale", code: number, output: string): HidbError {
  const last = output.trim().split("\n").at(-1) ?? "";
  const same = command === "start" ? "start ecosystem.cluster.config.cjs" : "scale <app> <count>";
  return new HidbError({
    code: "PM2_FAILED",
    message: `expected \`pm2 ${command}\` to succeed, got exit code ${code}: ${last}`,
    fix: `run \`npx pm2 ${same}\` to see all that it says`,
  });
}

/** Instances run in another folder, from where they would find another wrangler config or none. */
function nameForInstances(config: Config): NodeJS.ProcessEnv {
  const { accountId, databaseId } = findD1Target(config, process.cwd());
  return { CLOUDFLARE_ACCOUNT_ID: accountId, HIDB_D1_DATABASE: databaseId };
}
