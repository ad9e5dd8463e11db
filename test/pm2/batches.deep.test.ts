import { afterEach, describe, expect, it } from "vitest";
import { createPool, type TestPool } from "./pool.js";

let pool: TestPool;
afterEach(() => pool.end());

interface Listed {
  batches: { id: number; first: number; last: number; rank: number | null; total: number; ended: number }[];
}

async function list(): Promise<Listed["batches"]> {
  const answer = await pool.hidb(["batches", "list", "--json"]);
  expect(answer).toMatchObject({ code: 0 });
  return (JSON.parse(answer.stdout) as Listed).batches;
}

describe("a pool that works in batches of ids", () => {
  it("begins each batch in its instance, shares the rest, and loses nothing when N and the batches change", async () => {
    pool = await createPool({ videos: 600, videoMs: 60, settings: { HIDB_SHARDING: "ranges" } });
    expect(await pool.hidb(["batches", "create", "--count", "3"])).toMatchObject({ code: 0 });
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    await pool.waitForProgress(90);
    const early = pool.readJournal().filter((line) => line.event === "claim" && line.time > 0);
    // From the moment on that all three work, each claims from its own batch.
    const settled = early.filter((line) => early.some((other) => other.rank === 2 && other.time <= line.time));
    const own = settled.filter((line) => Math.floor((line.video - 1) / 200) === line.rank);
    expect(own.length).toBeGreaterThan(0.9 * settled.length);
    const batches = await list();
    expect(batches.map(({ first, last, rank }) => [first, last, rank])).toEqual([
      [1, 200, 0],
      [201, 400, 1],
      [401, 600, 2],
    ]);
    for (const { ended } of batches) expect(ended).toBeGreaterThan(0);
    await pool.ok("scale", "hidb", "2");
    expect(await pool.hidb(["batches", "create", "--size", "70", "--replace"])).toMatchObject({ code: 0 });
    await pool.waitForProgress(60);
    await pool.ok("scale", "hidb", "4");
    expect(await pool.hidb(["batches", "delete"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+ batches deleted; no video is\n$/),
    });
    await pool.finish();
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });
});

describe("an instance under PM2", () => {
  it("shows its figures, and hears pause, resume and drain from `pm2 trigger`", async () => {
    pool = await createPool({ videos: 2000, videoMs: 20 });
    await pool.start(["-i", "2"]);
    await pool.waitForProgress(60);
    const trigger = async (name: string) => (await pool.ok("trigger", "hidb", name)).stdout;
    const answers = await trigger("pause");
    for (const answer of ['="the pool is paused"', '="the pool is paused already"']) expect(answers).toContain(answer);
    await pool.waitFor("a rest", () => pool.count("running") === 0);
    const status = await pool.hidb(["status"]);
    expect(status.stdout).toContain("paused (by pm2 trigger): nothing new is claimed until `hidb resume`");
    await pool.waitFor("the figures", async () => {
      const { stdout } = await pool.pm2(["show", "hidb"]);
      return (
        /Videos done\s*│ [1-9]/.test(stdout) && /Rank\s*│ [01] of 2/.test(stdout) && /RSS\s*│ \d+ ?MB/.test(stdout)
      );
    });
    const { stdout } = await pool.pm2(["show", "0"]);
    for (const name of ["Videos failed", "Videos in hand", "Videos per minute"]) expect(stdout).toContain(name);
    expect(await trigger("resume")).toContain("the pool is not paused");
    await pool.waitForProgress(20);
    expect(await trigger("drain")).toContain("the pool is drained: what runs is finished");
    await pool.waitFor("a rest", () => pool.count("running") === 0);
    expect(pool.working()).toHaveLength(2);
    expect(await pool.hidb(["resume"])).toMatchObject({ code: 0 });
    await pool.waitForProgress(20);
    expect(pool.spentAttempts()).toBe(0);
  });
});
