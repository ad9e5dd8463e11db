import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { type Answer, isRunning, kill, run } from "../support/process.js";
import { ROOT } from "./pool.js";

const CLI = join(ROOT, "dist/cli/hidb.cjs");
const PM2 = join(ROOT, "node_modules/pm2/bin/pm2");
const SAMPLES = join(ROOT, "data/samples");
const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 20;

/** A folder with a database of its own, and a person who types `hidb start` there. */
class World {
  readonly folder = mkdtempSync(join(tmpdir(), "hs-"));
  readonly file = join(this.folder, "hidb.sqlite");
  readonly environment: Record<string, string>;

  constructor(settings: Record<string, string> = {}) {
    const { PATH = "", HOME = "" } = process.env;
    const quiet = { PM2_DISCRETE_MODE: "true", PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
    const own = { HIDB_SQLITE_FILE: this.file, HIDB_LOG_DIR: join(this.folder, "logs"), HIDB_INSTANCES: "2" };
    this.environment = {
      PATH,
      HOME,
      ...quiet,
      ...own,
      HIDB_HEARTBEAT_MS: "200",
      HIDB_FORCE: "1",
      HIDB_PORT: "0",
      ...settings,
    };
  }

  start(args: string[] = [], environment: Record<string, string> = {}): Promise<Answer> {
    return run(process.execPath, [CLI, "start", ...args], { ...this.environment, ...environment });
  }

  spawnStart(): ChildProcess {
    return spawn(process.execPath, [CLI, "start"], { env: this.environment, cwd: this.folder });
  }

  pm2(...args: string[]): Promise<Answer> {
    return run(process.execPath, [PM2, ...args], this.environment);
  }

  /** Videos that `rehearse` works on for so long each. */
  async addVideos(count: number, videoMs: number): Promise<void> {
    const list = join(this.folder, "list.csv");
    const rows = Array.from({ length: count }, (_, at) => `${at + 1},/v/${at + 1},${videoMs / 1000}`);
    writeFileSync(list, `id,source,duration_s\n${rows.join("\n")}\n`);
    expect(await run(process.execPath, [CLI, "add", list], this.environment)).toMatchObject({ code: 0 });
  }

  count(state: string): number {
    const database = new BetterSqlite3(this.file, { readonly: true, timeout: 10_000 });
    try {
      return database.prepare("SELECT count(*) FROM hidb_videos WHERE state = ?").pluck().get(state) as number;
    } finally {
      database.close();
    }
  }

  async waitForCompleted(count: number): Promise<void> {
    const until = clock.monotonic() + PATIENCE_MS;
    while (this.count("completed") < count) {
      if (clock.monotonic() > until) throw new Error(`waited too long for ${count} completed videos`);
      await delay(LOOK_EVERY_MS);
    }
  }

  /** Every process that carries a PM2 home in this folder: daemons, instances, `pm2` commands. */
  processes(): string[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && isRunning(Number(name)))
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`PM2_HOME=${this.folder}`);
        } catch {
          return false;
        }
      });
  }

  homes(): string[] {
    return readdirSync(this.folder).filter((name) => name.startsWith(".hidb-pm2-"));
  }

  expectNothingLeft(): void {
    expect({ processes: this.processes(), homes: this.homes() }).toEqual({ processes: [], homes: [] });
  }

  end(): void {
    for (let round = 0; round < 2; round++) for (const pid of this.processes()) kill(Number(pid));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

let world: World;
afterEach(() => world.end());

const REHEARSE = { HIDB_PROCESSOR: "rehearse", HIDB_DRAIN_MS: "100" };

/** Forty videos of 100 ms, unless a test needs time before they have ended. */
async function rehearsal({ count = 40, videoMs = 100 } = {}): Promise<World> {
  world = new World(REHEARSE);
  await world.addVideos(count, videoMs);
  return world;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((done) => child.once("exit", done));
}

describe("hidb start", () => {
  it("works through a folder, sums it up, and then finds nothing to do", async () => {
    world = new World();
    const media = join(world.folder, "my media");
    mkdirSync(media);
    for (const name of ["h264-aac.mp4", "tone.wav", "opus.ogg"]) copyFileSync(join(SAMPLES, name), join(media, name));
    // A home that somebody keeps beside the database is none of our business.
    mkdirSync(join(world.folder, ".pm2"));
    writeFileSync(join(world.folder, ".pm2", "dump.pm2"), "[]");
    const good = await world.start([media]);
    expect(good).toMatchObject({ code: 0 });
    expect(good.stdout).toMatch(
      /^3 videos: 3 completed in [\d.]+ s, on average [\d.]+ side by side\n( {2}instance \d .*\n){2}next:\n {2}hidb list .*\n {2}hidb export --out results.ndjson .*\n$/,
    );
    world.expectNothingLeft();
    copyFileSync(join(SAMPLES, "broken/text.mp4"), join(media, "broken.mp4"));
    const bad = await world.start([media], { npm_command: "exec" });
    expect(bad).toMatchObject({ code: 1 });
    expect(bad.stdout).toMatch(/^1 video: 1 failed in .*\nin the catalogue: 4 videos: 3 completed, 1 failed\n/);
    expect(bad.stdout).toMatch(
      /why videos failed:\n {2}1 {2}not a media file.*\nnext:\n {2}npx hidb list --state failed,quarantined .*\n {2}npx hidb retry .*\n$/,
    );
    expect(await world.start()).toMatchObject({ code: 1, stderr: "hidb: nothing to do\n" });
    copyFileSync(join(SAMPLES, "tone.flac"), join(media, "tone.flac"));
    const better = await world.start([media]);
    expect(better).toMatchObject({ code: 0 });
    expect(better.stdout).toMatch(/^1 video: 1 completed in .*\nin the catalogue: 5 videos: 4 completed, 1 failed\n/);
    expect(better.stdout).not.toContain("why videos failed");
    world.expectNothingLeft();
    expect(existsSync(join(world.folder, ".pm2", "dump.pm2"))).toBe(true);
  });

  it("drains at Ctrl-C with exit code 130, and goes on from there when it is typed again", async () => {
    await rehearsal({ count: 400 });
    const child = world.spawnStart();
    await world.waitForCompleted(4);
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(130);
    world.expectNothingLeft();
    expect(world.count("running")).toBe(0);
    expect(world.count("completed")).toBeLessThan(400);
    expect(await world.start([], { HIDB_REHEARSE_FACTOR: "0" })).toMatchObject({ code: 0 });
    expect(world.count("completed")).toBe(400);
    world.expectNothingLeft();
  });

  it("ends the pool when its terminal goes away", async () => {
    await rehearsal({ count: 400 });
    const child = world.spawnStart();
    await world.waitForCompleted(4);
    // As the kernel does it: the signal first, or a line that nobody reads would be the first to end it.
    child.kill("SIGHUP");
    child.stdout?.destroy();
    child.stderr?.destroy();
    expect(await exitOf(child)).toBe(129);
    world.expectNothingLeft();
    expect(world.count("pending")).toBeGreaterThan(0);
  });

  it("ends the pool when nobody reads what it says", async () => {
    await rehearsal({ count: 400 });
    const child = world.spawnStart();
    child.stdout?.destroy();
    child.stderr?.destroy();
    expect(await exitOf(child)).toBe(141);
    world.expectNothingLeft();
    expect(world.count("pending")).toBeGreaterThan(0);
  });

  it("takes over the pool of a run that was killed, and watches one that lives", async () => {
    await rehearsal({ videoMs: 400 });
    const killed = world.spawnStart();
    await world.waitForCompleted(2);
    killed.kill("SIGKILL");
    await exitOf(killed);
    expect(world.processes()).not.toEqual([]);
    const heir = world.spawnStart();
    const said = text(heir.stderr as NodeJS.ReadableStream);
    await world.waitForCompleted(8);
    const beside = await world.start();
    expect(beside).toMatchObject({ code: 0 });
    expect(beside.stderr).toContain("hidb: 2 instances at work already; watching");
    expect(await exitOf(heir)).toBe(0);
    expect(await said).toContain("going on with the pool of an earlier run");
    expect(world.count("completed")).toBe(40);
    world.expectNothingLeft();
  });

  it("puts away what a killed run has left, even when there is nothing to do any more", async () => {
    await rehearsal();
    const killed = world.spawnStart();
    await world.waitForCompleted(2);
    killed.kill("SIGKILL");
    await world.waitForCompleted(40);
    expect(world.processes()).not.toEqual([]);
    expect(await world.start()).toMatchObject({ code: 0, stderr: "hidb: nothing to do\n" });
    world.expectNothingLeft();
  });

  it("leaves an app of somebody else alone that has its name", async () => {
    await rehearsal();
    world.environment.PM2_HOME = join(world.folder, "pm2");
    const script = join(world.folder, "other.cjs");
    writeFileSync(script, "setInterval(() => undefined, 1000);\n");
    expect(await world.pm2("start", script, "--name", "hidb")).toMatchObject({ code: 0 });
    const before = await world.pm2("pid", "hidb");
    const { code, stderr } = await world.start();
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: expected no app called hidb in the PM2 home .*\nfix: {3}unset PM2_HOME, .*\n$/);
    expect(await world.pm2("pid", "hidb")).toEqual(before);
    expect(isRunning(Number(before.stdout))).toBe(true);
    await world.pm2("kill");
    // The command does not wait for the daemon's end.
    await expect.poll(() => world.processes()).toEqual([]);
    world.expectNothingLeft();
  });

  it.each([
    [["-i", "abc"], {}, 2, "HIDB_INSTANCES to be auto, max or a whole number"],
    [["-i", "3"], { HIDB_MEMORY_MB: "300", HIDB_FORCE: "0" }, 3, "3 instances of 250 MB to fit into 300 MB"],
  ])("passes on what is wrong with %j %j in one message", async (typed, settings, exitCode, expected) => {
    await rehearsal();
    const { code, stdout, stderr } = await world.start(typed, settings as Record<string, string>);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
    expect(stderr).toMatch(/^error: expected .*\nfix: {3}.*\n$/);
    expect(stderr).toContain(expected);
    world.expectNothingLeft();
  });
});
