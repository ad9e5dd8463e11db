// A clone in a folder whose path has what shells, URLs and PM2 read in their own way.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Answer, kill, ROOT, run } from "./pool.js";

const COPIED = [
  "dist",
  "data/migrations",
  "data/samples",
  "src/dashboard",
  "package.json",
  "ecosystem.cluster.config.cjs",
];

/** The packages stay where they are: nothing of hidb is read from there. */
class Clone {
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

  #run(args: string[], settings: Record<string, string>): Promise<Answer> {
    const { PATH = "" } = process.env;
    const quiet = { PM2_DISCRETE_MODE: "true", PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
    const environment = { PATH, HOME: this.parent, HIDB_PORT: "0", HIDB_FORCE: "1", ...quiet };
    return run(process.execPath, args, { ...environment, ...this.#settings, ...settings }, this.folder);
  }

  async statuses(): Promise<string[]> {
    const { stdout } = await this.pm2(["jlist"]);
    const listed = JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as { pm2_env: { status: string } }[];
    return listed.map(({ pm2_env }) => pm2_env.status);
  }

  /** Every process with a PM2 home below this clone's parent, or with this clone in its command line. */
  processes(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
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

let clone: Clone;
afterEach(() => clone.end());

describe.each(["my videos", "it's #1 50% %41 Видео", '$HOME; [a] (b) "c"'])("a clone in the folder %j", (path) => {
  it("works through its samples at `npm start`", { timeout: 60_000 }, async () => {
    clone = new Clone(path);
    const answer = await clone.hidb(["start"]);
    expect(answer.stdout).toMatch(/^\d+ videos: \d+ completed/);
    expect(clone.processes()).toEqual([]);
  });

  it("works under the three PM2 commands", { timeout: 60_000 }, async () => {
    clone = new Clone(path, { HIDB_PROCESSOR: "rehearse" });
    expect(await clone.pm2(["start", "ecosystem.cluster.config.cjs", "-i", "3"])).toMatchObject({ code: 0 });
    expect(await clone.statuses()).toEqual(["online", "online", "online"]);
    expect(await clone.pm2(["scale", "hidb", "2"])).toMatchObject({ code: 0 });
    expect(await clone.statuses()).toEqual(["online", "online"]);
    expect(JSON.parse((await clone.hidb(["status", "--json"])).stdout)).toMatchObject({ instances: [{}, {}] });
    await clone.pm2(["delete", "hidb"]);
    const one = await clone.pm2(["start", "ecosystem.cluster.config.cjs"], { HIDB_INSTANCES: "1" });
    expect(one).toMatchObject({ code: 0 });
    expect(await clone.statuses()).toEqual(["online"]);
    await clone.pm2(["kill"]);
    expect(clone.processes()).toEqual([]);
  });
});
