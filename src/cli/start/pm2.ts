// The pool of `hidb start` under PM2: started, scaled and ended, with no daemon left behind that was started for it.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findBase, PROJECT_ROOT } from "../../base.js";
import { inheritedEnvironment } from "../../config/environment.js";
import { readConfig, toEnvironment } from "../../config/read.js";
import type { Config } from "../../config/settings.js";
import { MAX_INSTANCES } from "../../config/topics/pool.js";
import { findD1Target } from "../../database/d1/target.js";
import { nameDatabase } from "../../database/open.js";
import { AFTER_DRAIN_MS } from "../../ecosystem/app.js";
import { EXIT, HidbError } from "../../errors.js";
import { findPm2, PM2_ANSWER_MS, type Pm2Answer, pm2Failed, readPm2List, runPm2 } from "../../pm2-command.js";
import { whereWorker } from "../../process/worker/where.js";
import { countFailedStarts } from "../../starts.js";
import type { Millis } from "../../video.js";
import { checkHome, chooseHome, findProcesses, type HomeProcesses, ownHomes, removeHome, takeHome } from "./home.js";

const ECOSYSTEM = join(PROJECT_ROOT, "ecosystem.cluster.config.cjs");

interface Listed {
  name: string;
  pid?: number;
  pm2_env: { status: string; exit_code?: number; pm_pid_path?: string; created_at?: number };
}

export class Pm2 {
  /** PM2_HOME, or a home of the pool's own beside its database, so that nobody else's daemon has a say. */
  readonly home: string;
  readonly #own: boolean;
  readonly #app: string;
  /** The ecosystem file is named from here: PM2 looks for endings such as `.json` anywhere in a path. */
  readonly #cwd = findBase(PROJECT_ROOT, process.cwd());
  readonly #environment: NodeJS.ProcessEnv;
  #startedApp = false;
  #startedDaemon = false;
  /** What stood in the error log before this run; it says nothing about this one. */
  #errorsBefore = 0;

  /** How long a drain and what follows it may take. */
  readonly #drainMs: Millis;

  private constructor(config: Config, { home, own }: { home: string; own: boolean }) {
    this.#app = config.appName;
    this.#own = own;
    this.home = home;
    this.#drainMs = config.drainMs + AFTER_DRAIN_MS;
    this.#environment = {
      ...inheritedEnvironment(),
      // These always: what the folder of hidb has in its .env shall not lead the instances elsewhere.
      ...toEnvironment(config, ["database", "sqliteFile", "logDir", "spoolDir"]),
      ...(config.database === "d1" ? nameForInstances(config) : {}),
      ...(config.processor === "worker" ? { HIDB_WORKER: whereWorker(config) } : {}),
      PM2_HOME: this.home,
    };
  }

  /** For a pool to be started; errors: PM2_FAILED where there is no folder in which PM2 can work. */
  static async open(config: Config): Promise<Pm2> {
    const typed = typedHome();
    if (typed !== undefined) await checkHome(typed);
    const home = typed ?? (await chooseHome(ownHomes(config.sqliteFile, nameDatabase(config)))).home;
    return new Pm2(config, { home, own: typed === undefined });
  }

  /** Of the homes in which a pool of this database may run, those that are there; `others` may be somebody's own. */
  static existing(config: Config, others: string[] = []): Pm2[] {
    const typed = typedHome();
    const own = ownHomes(config.sqliteFile, nameDatabase(config)).map((home) => ({ home, own: true }));
    const homes = typed === undefined ? own : [{ home: typed, own: false }];
    return [...homes, ...others.map((home) => ({ home, own: false }))]
      .filter(({ home }) => existsSync(home))
      .map((place) => new Pm2(config, place));
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
    return this.#own && this.#processes().commands.length > 0;
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
    const answer = await this.#run(START_MS, "start", relative(this.#cwd, ECOSYSTEM));
    if (answer.code === 0) return;
    throw readRefusal(answer) ?? pm2Failed(`start ${relative(this.#cwd, ECOSYSTEM)}`, answer);
  }

  /** How many of the pool's processes PM2 keeps up; those that stopped for good, or fail at each start, do not count. */
  async countOnline(): Promise<number> {
    const list = await this.#list();
    const isUp = ({ status, exit_code }: Listed["pm2_env"]) => /online|launching/.test(status) && exit_code !== 42;
    return list.filter(
      ({ name, pm2_env }) => name === this.#app && isUp(pm2_env) && countFailedStarts(pm2_env) <= FAILED_STARTS,
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
    // Those that leave drain one after the other.
    const answer = await this.#run(START_MS + MAX_INSTANCES * this.#drainMs, "scale", this.#app, String(count));
    if (answer.code !== 0) throw pm2Failed(`scale ${this.#app} ${count}`, answer);
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
    if (!this.#own || !this.take()) return;
    await this.#lookUntil(() => !this.isBusy());
    await this.adopt();
    await this.end();
  }

  /** Drains the pool, and ends the daemon if it was started for it. */
  async end(): Promise<void> {
    if (this.#startedApp) await this.#endApp();
    // Somebody may have put an app of theirs into a daemon that we have started in their home.
    if (this.#startedDaemon && (this.#own || !(await this.#hasApps()))) await this.#killDaemon();
    this.leave();
  }

  /** Kills all that was started for this run, drained or not. */
  endNow(): void {
    if (!this.#startedDaemon) return;
    // The daemon first, so that it starts nothing anew.
    const { daemons, instances } = this.#processes();
    for (const pid of [...daemons, ...instances]) tell(pid, "SIGKILL");
    this.leave();
  }

  /** PM2 drains ten at a time. */
  async #endApp(): Promise<void> {
    const drainMs = PM2_ANSWER_MS + Math.ceil(this.#processes().instances.length / 10) * this.#drainMs;
    const answered = await this.#answers();
    const { code } = answered ? await this.#run(drainMs, "delete", this.#app) : { code: undefined };
    if (code !== undefined) return;
    // A daemon that does not answer starts nothing anew either: its instances are drained without it.
    for (const pid of this.#processes().instances) tell(pid, "SIGINT");
    await this.#lookUntil(() => this.#processes().instances.length === 0, this.#drainMs);
    if (this.#startedDaemon) for (const pid of this.#processes().daemons) tell(pid, "SIGKILL");
    for (const pid of this.#processes().instances) tell(pid, "SIGKILL");
  }

  /** A daemon that hangs does not say. */
  async #hasApps(): Promise<boolean> {
    return this.#daemonRuns() && (await this.#answers()) && (await this.#list()).length > 0;
  }

  async #answers(): Promise<boolean> {
    return (await this.#run(PM2_ANSWER_MS, "jlist")).code === 0;
  }

  async #killDaemon(): Promise<void> {
    if (this.#daemonRuns()) await this.#run(PM2_ANSWER_MS + this.#drainMs, "kill");
    // A daemon that PM2 has lost sight of drains at this signal, too.
    for (const pid of this.#ownDaemons()) tell(pid, "SIGTERM");
    await this.#lookUntil(() => !this.#daemonRuns());
    for (const pid of this.#ownDaemons()) tell(pid, "SIGKILL");
  }

  async #lookUntil(isOver: () => boolean, patienceMs = DAEMON_END_MS): Promise<void> {
    for (let looks = patienceMs / LOOK_AT_DAEMON_MS; looks > 0 && !isOver(); looks--) await delay(LOOK_AT_DAEMON_MS);
  }

  async #list(): Promise<Listed[]> {
    return readPm2List<Listed>(await this.#run(PM2_ANSWER_MS, "jlist"));
  }

  get #errorLog(): string {
    return join(this.home, "logs", `${this.#app.replaceAll("_", "-")}-error.log`);
  }

  #sizeOfErrors(): number {
    return statSync(this.#errorLog, { throwIfNoEntry: false })?.size ?? 0;
  }

  #processes(): HomeProcesses {
    return findProcesses(this.home, findPm2().bin);
  }

  #ownDaemons(): number[] {
    return this.#own ? this.#processes().daemons : [];
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

  #run(timeoutMs: Millis, ...args: string[]): Promise<Pm2Answer> {
    return runPm2(args, { environment: this.#environment, cwd: this.#cwd, timeoutMs });
  }
}

/** PM2 gives each instance 10 s to be ready, one after the other. */
const START_MS: Millis = 30_000 + MAX_INSTANCES * 10_000;
/** So many starts in a row may fail before an instance counts as one that does not come up. */
const FAILED_STARTS = 2;
/** Longer than a drain with the usual settings. */
const DAEMON_END_MS: Millis = 60_000;
const LOOK_AT_DAEMON_MS: Millis = 100;

/** As PM2 reads it, in the folder where it is typed; ours run it in another one. */
function typedHome(): string | undefined {
  const { PM2_HOME: home } = inheritedEnvironment();
  return home ? resolve(home) : undefined;
}

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** The ecosystem file ends with two lines of its own when it refuses. */
function readRefusal({ code: exitCode, stderr }: Pm2Answer): HidbError | undefined {
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

/** Instances run in another folder, from where they would find another wrangler config or none. */
function nameForInstances(config: Config): NodeJS.ProcessEnv {
  const { accountId, databaseId } = findD1Target(config, process.cwd());
  return { CLOUDFLARE_ACCOUNT_ID: accountId, HIDB_D1_DATABASE: databaseId };
}
