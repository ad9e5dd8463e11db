import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { many, World } from "../claim/world.js";
import { COMPLETED, TestPool } from "./world.js";

describe("thousands of videos that take no time", () => {
  it("keep neither heartbeats nor timers waiting", async () => {
    await using world = await World.create({ videos: many(30_000), onDisk: true });
    const pool = await TestPool.create(world, {
      clock: systemClock,
      process: async () => COMPLETED,
      config: { heartbeatMs: 50 },
    });
    // Counted in videos, since what a machine does in a millisecond depends on what else it does.
    let [seen, most] = [0, 0];
    const timer = setInterval(() => {
      const finished = pool.eventsOf("attempt.finished").length;
      most = Math.max(most, finished - seen);
      seen = finished;
    }, 5);
    await pool.start();
    while ((await world.states()).completed !== 30_000) await systemClock.sleep(20);
    clearInterval(timer);
    pool.loop.drain("test");
    expect(await pool.ended).toBe(0);
    expect(most).toBeLessThan(2000);
    expect(pool.beats).toBeGreaterThan(5);
    expect(pool.eventsOf("attempt.finished")).toHaveLength(30_000);
  });
});

describe("two instances side by side", () => {
  it("share a backlog, process each video once, and leave nothing for long in the hands of one", async () => {
    await using world = await World.create({ videos: many(2000), onDisk: true });
    const seen: number[] = [];
    const process = async ({ id }: { id: number }) => {
      seen.push(id);
      if (id % 50 === 0) await systemClock.sleep(1);
      return COMPLETED;
    };
    const pools = [];
    for (const processId of [0, 1]) {
      await using other = await World.open(world.file).then((it) => ({
        it,
        [Symbol.asyncDispose]: async () => undefined,
      }));
      pools.push(await TestPool.create(world, { clock: systemClock, process, processId, database: other.it.database }));
    }
    await Promise.all(pools.map((pool) => pool.loop.open()));
    for (const pool of pools) pool.work();
    while ((await world.states()).completed !== 2000) await systemClock.sleep(10);
    for (const pool of pools) pool.loop.drain("test");
    expect(await Promise.all(pools.map((pool) => pool.ended))).toEqual([0, 0]);
    expect(seen.sort((a, b) => a - b)).toEqual(many(2000));
    for (const pool of pools) expect(pool.eventsOf("attempt.finished").length).toBeGreaterThan(300);
  });
});
