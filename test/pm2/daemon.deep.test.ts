import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { isRunning, kill } from "../support/process.js";
import { CONFIG_FILE, createPool, type TestPool } from "./pool.js";

const pools: TestPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.end();
});

async function setup(...options: Parameters<typeof createPool>): Promise<TestPool> {
  const pool = await createPool(...options);
  pools.push(pool);
  return pool;
}

async function killDaemon(pool: TestPool): Promise<void> {
  const pid = pool.daemonPid;
  kill(pid);
  await pool.waitFor("the daemon to be gone", () => !isRunning(pid));
}

describe("the death of PM2's daemon", () => {
  it("ends its instances, and a new start takes their videos up again", async () => {
    const pool = await setup({ videos: 150, videoMs: 50 });
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    await pool.waitForProgress();
    const first = pool.working();
    await killDaemon(pool);
    await pool.waitFor("its instances to be gone", () => first.every((life) => !isRunning(life.pid)));
    await pool.start(["-i", "2"]);
    await pool.waitForInstances(2);
    await pool.finish();
    await pool.verify({ killed: true });
  });

  it("does not double a video whose instance is in a blocking call", async () => {
    // Every attempt blocks the event loop: the instances outlive the daemon until theirs turn again.
    const pool = await setup({ videos: 8, videoMs: 2000, settings: { HIDB_REHEARSE_BLOCK: "1" } });
    await pool.start(["-i", "2"]);
    await pool.waitFor("two blocked instances", () => pool.count("running") === 2);
    const blocked = pool.lives();
    await killDaemon(pool);
    expect(blocked.filter((life) => isRunning(life.pid))).toHaveLength(2);
    const killedAt = pool.readJournal().length;
    await pool.start(["-i", "2"]);
    await pool.finish();
    expect(pool.readJournal().length).toBeGreaterThan(killedAt);
    await pool.verify({ killed: true });
  });
});

describe("PM2's own memory", () => {
  it("brings the pool back with save, kill and resurrect", async () => {
    const pool = await setup({ videos: 150, videoMs: 50 });
    await pool.start(["-i", "3"]);
    await pool.ok("delete", "1");
    await pool.waitForInstances(2);
    await pool.ok("save");
    await pool.ok("kill");
    expect(pool.count("running")).toBe(0);
    expect(pool.spentAttempts()).toBe(0);
    // Another shell than before: the settings come from the dump.
    const elsewhere = Object.fromEntries(Object.keys(pool.settings).map((name) => [name, ""]));
    expect(await pool.pm2(["resurrect"], elsewhere)).toMatchObject({ code: 0 });
    const live = await pool.waitForInstances(2);
    // It starts them side by side, with their numbers and the gap between them.
    expect(live.map((life) => life.processId).toSorted()).toEqual([0, 2]);
    await pool.finish();
    await pool.verify();
  });
});

describe("pm2-runtime", () => {
  it("runs the pool in the foreground, and Ctrl-C to the whole group drains it", async () => {
    const pool = await setup({ videos: 2, videoMs: 1500 });
    const child = pool.runtime(["start", CONFIG_FILE, "-i", "2"]);
    const ended = once(child, "exit");
    await pool.waitFor("both to run", () => pool.count("running") === 2);
    for (const pid of [...pool.working().map((life) => life.pid), child.pid ?? 0]) kill(pid, "SIGINT");
    expect(await ended).toEqual([0, null]);
    await pool.finish();
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });
});

describe("two pools with two PM2 homes", () => {
  it("share one database, and one takes over when the other is killed", async () => {
    const one = await setup({ videos: 250, videoMs: 50 });
    const other = await setup({ videos: 0, videoMs: 50, beside: one });
    await Promise.all([one.start(["-i", "2"]), other.start(["-i", "3"])]);
    await one.waitForInstances(5);
    one.keepBusy();
    await one.waitForProgress(60);
    const counts = new Set(one.readJournal().map((line) => line.rank));
    expect([...counts].toSorted()).toEqual([0, 1, 2, 3, 4]);
    await killDaemon(one);
    await other.waitForInstances(3);
    await one.waitForProgress();
    await one.finish();
    await one.verify({ killed: true });
  });
});
