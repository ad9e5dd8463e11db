import { afterEach, describe, expect, it } from "vitest";
import { isRunning } from "../support/process.js";
import { CONFIG_FILE, createPool, type TestPool } from "./pool.js";

let pool: TestPool;
afterEach(() => pool.end());

describe("a pool that people scale, restart and stop while videos run", () => {
  it("follows `pm2 scale` from 3 to 2, to 5, to 2 and up by one", async () => {
    pool = await createPool({ videos: 100, videoMs: 60 });
    await pool.start(["-i", "3"]);
    pool.keepBusy();
    for (const [count, now] of [
      ["2", 2],
      ["5", 5],
      ["2", 2],
      ["+1", 3],
    ] as const) {
      await pool.ok("scale", "hidb", count);
      await pool.waitForInstances(now);
      await pool.waitForProgress();
    }
    await pool.finish();
    // Nothing was lost on the way, so nothing was spent either: a scale-down gives attempts back.
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });

  it("goes on with a stopped instance among them, and scales around it", async () => {
    pool = await createPool({ videos: 100, videoMs: 60 });
    await pool.start(["-i", "3"]);
    pool.keepBusy();
    await pool.ok("stop", "0");
    await pool.waitForInstances(2);
    await pool.waitForProgress();
    // PM2 counts the stopped one as well: four minus one work.
    await pool.ok("scale", "hidb", "4");
    await pool.waitForInstances(3);
    await pool.waitForProgress();
    // The stopped one is the oldest, so it is the first that a scale-down deletes.
    await pool.ok("scale", "hidb", "2");
    await pool.waitForInstances(2);
    await pool.waitForProgress();
    await pool.finish();
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });

  it("survives restart, reload, stop, start, delete and a new start", async () => {
    pool = await createPool({ videos: 100, videoMs: 60 });
    await pool.start(["-i", "3"]);
    pool.keepBusy();
    await pool.waitForProgress();

    await pool.ok("restart", "hidb");
    expect(pool.lives()).toHaveLength(6);
    await pool.waitForInstances(3);
    await pool.waitForProgress();

    await pool.ok("reload", "hidb");
    await pool.waitForInstances(3);
    const lives = pool.lives();
    expect(lives).toHaveLength(9);
    const overlaps = lives.slice(6).map((young) => {
      const old = lives.slice(3, 6).find((life) => life.processId === young.processId);
      return ((old?.goneAt ?? Number.NaN) - young.startedAt) / 1000;
    });
    console.info(`reload: old and new overlap for ${overlaps.map((s) => s.toFixed(2)).join(", ")} s`);
    // The new one works before the old one is asked to go, so no shard is ever without an owner.
    for (const seconds of overlaps) expect(seconds).toBeGreaterThan(0);
    await pool.waitForProgress();

    await pool.ok("stop", "hidb");
    expect(pool.lives().filter((life) => life.state !== "gone")).toEqual([]);
    expect(pool.count("running")).toBe(0);
    const completed = pool.count("completed");
    await pool.ok("start", "hidb");
    await pool.waitForInstances(3);
    expect(pool.count("completed")).toBeGreaterThanOrEqual(completed);
    await pool.waitForProgress();

    const said = await pool.start(["-i", "4"]);
    expect(said.stderr).toContain("running already with 3 instances");
    await pool.waitForInstances(3);

    await pool.ok("delete", CONFIG_FILE);
    expect(await pool.jlist()).toEqual([]);
    for (const { pid } of pool.lives()) expect(isRunning(pid)).toBe(false);
    await pool.start(["-i", "2"]);
    await pool.waitForInstances(2);
    await pool.finish();
    expect(pool.lives().filter((life) => life.state === "gone" && life.because !== "SIGINT")).toEqual([]);
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });
});
