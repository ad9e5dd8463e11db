// A copy of the compiled program in a folder of its own, as somebody has cloned it there.
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Answer, isRunning, kill, run } from "../support/process.js";
import { ROOT } from "./pool.js";

const COPIED = [
  "dist",
  "data/migrations",
  "data/samples",
  "src/dashboard",
  "package.json",
  "ecosystem.cluster.config.cjs",
];

/** The packages stay where they are: nothing of hidb is read from there. */
export class Clone {
  readonly parent = mkdtempSync(join(tmpdir(), "hf-"));
  readonly folder: string;
  readonly home = join(this.parent, "pm2");
  readonly #settings: Record<string, string>;

  constructor(path: string, settings: Record<string, string> = {}) {
    this.folder = join(this.parent, path, "hidb");
    this.#settings = settings;
    mkdirSync(join(this.folder, "data"), { recursive: true });
    for (const name of COPIED) cpSync(join(ROOT, name), join(this.folder, name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(this.folder, "node_modules"));
  }

  pm2(args: string[], settings: Record<string, string> = {}): Promise<Answer> {
    return this.#run([join("node_modules", "pm2", "bin", "pm2"), ...args], { PM2_HOME: this.home, ...settings });
  }

  hidb(args: string[], settings: Record<string, string> = {}): Promise<Answer> {
    return this.#run([join("dist", "cli", "hidb.cjs"), ...args], settings);
  }

  spawn(args: string[], settings: Record<string, string> = {}): ChildProcess {
    const options = { cwd: this.folder, env: { ...this.#environment, ...settings } };
    return spawn(process.execPath, [join("dist", "cli", "hidb.cjs"), ...args], options);
  }

  #run(args: string[], settings: Record<string, string>): Promise<Answer> {
    return run(process.execPath, args, { ...this.#environment, ...settings }, this.folder);
  }

  get #environment(): Record<string, string> {
    const { PATH = "" } = process.env;
    const quiet = { PM2_DISCRETE_MODE: "true", PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
    const environment = { PATH, HOME: this.parent, HIDB_PORT: "0", HIDB_FORCE: "1", ...quiet };
    return { ...environment, ...this.#settings };
  }

  async statuses(): Promise<string[]> {
    const { stdout } = await this.pm2(["jlist"]);
    const listed = JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as { pm2_env: { status: string } }[];
    return listed.map(({ pm2_env }) => pm2_env.status);
  }

  /** What runs with this clone's PM2 home, or was typed for it. */
  processes(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => isRunning(pid))
      .filter((pid) => {
        try {
          const environ = readFileSync(`/proc/${pid}/environ`, "utf8");
          return environ.includes(`PM2_HOME=${this.parent}`) || environ.includes(`HOME=${this.parent}\0`);
        } catch {
          return false;
        }
      });
  }

  end(): void {
    for (let round = 0; round < 2; round++) for (const pid of this.processes()) kill(pid);
    rmSync(this.parent, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
