import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { kill } from "../support/process.js";
import { randomFrom } from "../support/random.js";
import { D1Home, WEATHER } from "./d1.js";

/** An instance that finds all requests shared out already may wait half a minute for its next one. */
const PATIENCE_MS = 150_000;

let home: D1Home;
beforeAll(async () => {
  home = await D1Home.start({ seed: Number(process.env.TEST_SEED ?? 3) });
});
afterEach(() => home.endPools());
afterAll(() => home.close());

describe("a pool on D1, with every fault of the network and of Cloudflare", () => {
  it("comes to the end with three instances", async () => {
    const pool = await home.createPool({ videos: 200, videoMs: 40 });
    home.setFaults(WEATHER);
    await pool.start(["-i", "3"]);
    await pool.finish(PATIENCE_MS);
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });

  it("follows `pm2 scale` from 3 to 2, to 5 and to 3", async () => {
    const pool = await home.createPool({ videos: 250, videoMs: 60 });
    home.setFaults(WEATHER);
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    for (const count of [2, 5, 3]) {
      await pool.ok("scale", "hidb", String(count));
      await pool.waitForInstances(count);
    }
    await pool.finish(PATIENCE_MS);
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });

  it("survives a reload", async () => {
    const pool = await home.createPool({ videos: 150, videoMs: 60 });
    home.setFaults(WEATHER);
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    await pool.ok("reload", "hidb");
    await pool.waitForInstances(3);
    expect(pool.lives()).toHaveLength(6);
    await pool.finish(PATIENCE_MS);
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });

  it("loses and doubles nothing when instances are killed", async () => {
    const random = randomFrom(7);
    const pool = await home.createPool({ videos: 200, videoMs: 60, settings: { HIDB_CLAIM_COUNT: "4" } });
    home.setFaults(WEATHER);
    await pool.start(["-i", "3"]);
    for (let round = 0; round < 3; round++) {
      const live = await pool.waitForInstances(3);
      await pool.waitForProgress(15);
      const victim = live[Math.floor(random() * live.length)];
      if (victim !== undefined) kill(victim.pid);
    }
    await pool.finish(PATIENCE_MS);
    if (pool.count("quarantined") > 0) expect(await pool.hidb(["retry", "--quarantined"])).toMatchObject({ code: 0 });
    await pool.finish(PATIENCE_MS);
    await pool.verify({ killed: true });
  });

  it("gives attempts back when it is stopped", async () => {
    const settings = { HIDB_DRAIN_MS: "300", HIDB_CONCURRENCY: "4" };
    const pool = await home.createPool({ videos: 40, videoMs: 60_000, settings });
    home.setFaults(WEATHER);
    await pool.start(["-i", "3"]);
    await pool.waitFor("twelve to run", () => pool.count("running") === 12);
    await pool.ok("stop", "hidb");
    expect(attemptsOf(pool)).toEqual([{ state: "pending", attempt: 0, deaths: 0 }]);
    pool.database.prepare("UPDATE videos SET duration_s = 0.02").run();
    await pool.ok("start", "hidb");
    await pool.finish(PATIENCE_MS);
    expect(attemptsOf(pool)).toEqual([{ state: "completed", attempt: 1, deaths: 0 }]);
    await pool.verify();
  });
});

function attemptsOf(pool: { database: { prepare(sql: string): { all(): unknown[] } } }): unknown[] {
  return pool.database.prepare("SELECT DISTINCT state, attempt, deaths FROM hidb_videos").all();
}
