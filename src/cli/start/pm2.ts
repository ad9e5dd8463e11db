// The `pm2` command, spawned: hidb never imports PM2, and leaves no daemon behind that it has started itself.
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type Config, inheritedEnvironment, PROJECT_ROOT, toEnvironment } from "../../config.js";
import { HidbError } from "../../errors.js";

const APP = "hidb";
const ECOSYSTEM = join(PROJECT_ROOT, "ecosystem.cluster.config.cjs");
/** A unix socket's path has 107 bytes; PM2 adds `/interactor.sock` to its home. */
const LONGEST_HOME = 85;

export class Pm2 {
  /** PM2_HOME, or a home of the pool's own beside its database, so that nobody else's daemon has a say. */
  readonly home: string;
  readonly #own: boolean;
  readonly #environment: NodeJS.ProcessEnv;
  #startedDaemon = false;

  constructor(config: Config) {
    const inherited = inheritedEnvironment();
    this.#own = !inherited.PM2_HOME;
    this.home = inherited.PM2_HOME || ownHome(config.sqliteFile);
    this.#environment = {
      ...inherited,
      ...toEnvironment(config),
      PM2_HOME: this.home,
      PM2_DISCRETE_MODE: "true",
      PM2_DISABLE_VERSION_CHECK: "true",
    };
  }

  /** Starts the pool; errors: those of the ecosystem file, as it words them, and PM2_FAILED. */
  async start(): Promise<void> {
    this.#startedDaemon = !this.#daemonRuns();
    const { code, stderr, stdout } = await this.#run("start", ECOSYSTEM);
    if (code === 0) return;
    throw readRefusal(stderr) ?? pm2Failed(code, stderr || stdout);
  }

  /** How many of the pool's processes PM2 keeps up; those that stopped for good do not count. */
  async countOnline(): Promise<number> {
    const { stdout } = await this.#run("jlist");
    const list = JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1) || "[]") as {
      name: string;
      pm2_env: { status: string; exit_code?: number };
    }[];
    return list.filter(
      ({ name, pm2_env: { status, exit_code } }) => name === APP && /online|launching/.test(status) && exit_code !== 42,
    ).length;
  }

  /** The last thing that instances said on standard error, if anything. */
  lastWords(): string | undefined {
    try {
      const lines = readFileSync(join(this.home, "logs", `${APP}-error.log`), "utf8")
        .trim()
        .split("\n");
      return lines.findLast((line) => line.startsWith("hidb: "))?.slice("hidb: ".length);
    } catch {
      return undefined;
    }
  }

  /** Drains the pool, and ends the daemon if it was started for it. */
  async end(): Promise<void> {
    await this.#run("delete", APP);
    if (!this.#startedDaemon) return;
    await this.#run("kill");
    if (this.#own) rmSync(this.home, { recursive: true, force: true });
  }

  #daemonRuns(): boolean {
    try {
      process.kill(Number(readFileSync(join(this.home, "pm2.pid"), "utf8")), 0);
      return true;
    } catch {
      return false;
    }
  }

  #run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [findPm2(), ...args], {
      cwd: PROJECT_ROOT,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C means us, and we drain the pool in an orderly way.
      detached: true,
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output.stderr += chunk;
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve({ code: code ?? 1, ...output }));
    });
  }
}

function ownHome(sqliteFile: string): string {
  const beside = join(dirname(sqliteFile), ".pm2");
  return Buffer.byteLength(beside) <= LONGEST_HOME ? beside : join(homedir(), ".pm2-hidb");
}

function findPm2(): string {
  return join(dirname(createRequire(import.meta.url).resolve("pm2/package.json")), "bin", "pm2");
}

/** The ecosystem file ends with two lines of its own when it refuses. */
function readRefusal(stderr: string): HidbError | undefined {
  const message = /^error: (.*)$/m.exec(stderr)?.[1];
  const fix = /^fix: {3}(.*)$/m.exec(stderr)?.[1];
  if (message === undefined || fix === undefined) return undefined;
  return new HidbError({
    code: message.includes("MB of memory") ? "MEMORY_TOO_SMALL" : "PM2_FAILED",
    message,
    fix,
  });
}

function pm2Failed(code: number, output: string): HidbError {
  const last = output.trim().split("\n").at(-1) ?? "";
  return new HidbError({
    code: "PM2_FAILED",
    message: `expected \`pm2 start\` to succeed, got exit code ${code}: ${last}`,
    fix: "run `npx pm2 start ecosystem.cluster.config.cjs` to see all that it says",
  });
}
