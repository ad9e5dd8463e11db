import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { viewPool } from "../../src/claim/membership.js";
import { Line } from "../claim/line.js";
import { many, World } from "../claim/world.js";
import { advance, fakeTimers, TestPool } from "./world.js";

beforeEach(fakeTimers);
afterEach(() => vi.useRealTimers());

describe("a drain", () => {
  /** Fifty in hand, two of them running. */
  async function busyPool(world: World, config = {}) {
    const pool = await TestPool.create(world, {
      config: { concurrency: 2, claimCount: 20, ...config },
    });
    await pool.start();
    pool.run(1).end(); // Done in no time: from now on it claims ahead.
    pool.run(2).end();
    await advance(world, 100);
    expect(await world.states()).toEqual({ completed: 2, running: 20, pending: 28 });
    expect(pool.running).toBe(2);
    return pool;
  }

  it("gives back at once what has not started, lets the running ones finish, and ends with 0", async () => {
    await using world = await World.create({ videos: many(50) });
    const pool = await busyPool(world);
    pool.loop.drain("SIGINT");
    await advance(world, 20);
    expect(await world.states()).toEqual({ completed: 2, running: 2, pending: 46 });
    expect(await world.video(10)).toMatchObject({ state: "pending", attempt: 0, instance: null, runAfter: 0 });
    expect(await world.rows("SELECT state FROM hidb_instances")).toEqual([{ state: "draining" }]);
    await advance(world, 20_000);
    expect(pool.exitCode).toBeUndefined();
    expect(pool.run(3).context.signal.aborted).toBe(false);
    pool.run(3).end();
    pool.run(4).end();
    await advance(world, 50);
    expect(await pool.ended).toBe(0);
    expect(await world.states()).toEqual({ completed: 4, pending: 46 });
    expect(pool.runs).toHaveLength(4);
    expect(await world.attempts()).toEqual([]);
    expect(pool.eventsOf("instance.gone")).toEqual([{ type: "instance.gone", because: "SIGINT", exitCode: 0 }]);
  });

  it("past its limit gives the rest back with the attempt uncounted", async () => {
    await using world = await World.create({ videos: many(50) });
    const pool = await busyPool(world, { drainMs: 1000 });
    const signals = [pool.run(3).context.signal, pool.run(4).context.signal];
    for (const id of [3, 4]) {
      const { context, end, fail } = pool.run(id);
      // One reports what it was told, the other just breaks off.
      context.signal.addEventListener("abort", () =>
        id === 3 ? end({ kind: "released" }) : fail(new Error("aborted")),
      );
    }
    pool.loop.drain("SIGINT");
    await advance(world, 990);
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false]);
    await advance(world, 60);
    expect(signals.map((signal) => signal.reason?.message)).toEqual(["stopped: drain", "stopped: drain"]);
    expect(await pool.ended).toBe(0);
    expect(await world.states()).toEqual({ completed: 2, pending: 48 });
    for (const id of [3, 4]) expect(await world.video(id)).toMatchObject({ attempt: 0, deaths: 0, error: null });
    expect(await world.attempts()).toEqual([]);
    expect(await world.rows("SELECT released, in_hand FROM hidb_instances")).toEqual([{ released: 20, in_hand: 0 }]);
  });

  it("counts a video that is completed after all, although it was told to stop", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, { config: { drainMs: 100 } });
    await pool.start();
    pool.loop.drain("SIGINT");
    await advance(world, 200);
    expect(pool.run(1).context.signal.aborted).toBe(true);
    pool.run(1).end();
    await advance(world, 100);
    expect(await pool.ended).toBe(0);
    expect(await world.video(1)).toMatchObject({ state: "completed", attempt: 1 });
  });

  it("does not wait for ever for a processor that ignores its signal", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, { config: { drainMs: 100 } });
    await pool.start();
    pool.loop.drain("SIGINT");
    await advance(world, 5200);
    expect(await pool.ended).toBe(0);
    expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 0 });
    pool.run(1).end(); // Far too late.
    await advance(world, 100);
    expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 0 });
  });

  it("asked for twice is one drain, with the first reason", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world);
    await pool.start();
    pool.loop.drain("SIGINT");
    pool.loop.drain("SIGTERM", 75);
    await advance(world, 1000);
    pool.loop.drain("SIGINT");
    expect(pool.run(1).context.signal.aborted).toBe(false);
    pool.run(1).end();
    await advance(world, 100);
    expect(await pool.ended).toBe(0);
    expect(pool.eventsOf("instance.draining")).toEqual([{ type: "instance.draining", because: "SIGINT" }]);
    expect(pool.closed).toBe(1);
  });

  it("of an idle instance ends at once", async () => {
    await using world = await World.create();
    const pool = await TestPool.create(world);
    await pool.start();
    pool.loop.drain("SIGINT");
    await advance(world, 10);
    expect(await pool.ended).toBe(0);
  });

  it("before the first claim ends without claiming anything", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world);
    pool.loop.drain("SIGINT");
    await pool.start();
    await advance(world, 10);
    expect(await pool.ended).toBe(0);
    expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 0 });
  });

  it("leaves its rank to the others at once, while its own videos go on", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, { processId: 0 });
    const other = await world.instance({ processId: 1 });
    await pool.start();
    expect(await viewPool(other)).toMatchObject({ rank: 1, count: 2 });
    pool.loop.drain("SIGINT");
    await advance(world, 10);
    expect(pool.exitCode).toBeUndefined();
    expect(await viewPool(other)).toMatchObject({ rank: 0, count: 1 });
  });

  it("with a claim that it cannot undo leaves it to the reclaim of the dead", async () => {
    await using world = await World.create({ videos: many(3) });
    const line = new Line(world);
    const pool = await TestPool.create(world, { database: line.database });
    line.lose(/SET state = 'running'/, "applied");
    for (let tries = 0; tries < 100; tries++) line.lose(/SET epoch/, "gone");
    await pool.start();
    await expect.poll(() => world.states(), { interval: 5 }).toEqual({ running: 1, pending: 2 });
    pool.loop.drain("SIGINT");
    const exitCode = async () => {
      await advance(world, 50);
      return pool.exitCode;
    };
    await expect.poll(exitCode, { interval: 5 }).toBe(0);
    // Had it said goodbye, nobody would look for what it holds before half an hour is over.
    expect(await world.rows("SELECT gone_at FROM hidb_instances")).toEqual([{ gone_at: null }]);
  });

  it("keeps the lease while it lasts", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, { config: { drainMs: 600_000 } });
    await pool.start();
    pool.loop.drain("SIGINT");
    await advance(world, 60_000, 50);
    const [row] = await world.rows<{ left: number }>(
      "SELECT lease_until - ? AS left FROM hidb_instances",
      world.clock.now(),
    );
    expect(row?.left).toBeGreaterThan(29_000);
  });
});
