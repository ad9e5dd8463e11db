import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { setDraining, setPaused } from "../../src/catalogue/backlog.js";
import { outcomeOfAnswer } from "../../src/process/answer-outcome.js";
import { readSwitches } from "../../src/report/switches.js";
import type { Outcome } from "../../src/video.js";
import { many, World } from "../claim/world.js";
import { advance, COMPLETED, fakeTimers, TestPool } from "./world.js";

const TOO_MANY: Outcome = { kind: "retry", reason: "got status 429: slow down", afterMs: 20_000, quota: true };

beforeEach(fakeTimers);
afterEach(() => void vi.useRealTimers());

describe("an outside quota", () => {
  it("is what an answer 429 with a Retry-After means, and no other answer", () => {
    const about = { target: "http://x/", secrets: [], now: 0 };
    const judge = (status: number, retryAfter: string | null) =>
      outcomeOfAnswer({ status, retryAfter, text: "" }, about);
    expect(judge(429, "7")).toMatchObject({ kind: "retry", afterMs: 7000, quota: true });
    for (const other of [judge(429, null), judge(429, "soon"), judge(503, "7"), judge(408, "7")]) {
      expect(other).toMatchObject({ kind: "retry" });
      expect(other).not.toHaveProperty("quota");
    }
  });

  it("holds the whole pool until then, gives back the attempt and all that was claimed ahead, and says so", async () => {
    await using world = await World.create({ videos: many(60) });
    let open = false;
    const process = async (video: { id: number }) => (video.id < 20 || open ? COMPLETED : TOO_MANY);
    const first = await TestPool.create(world, { process });
    const second = await TestPool.create(world, { processId: 1 });
    await second.start();
    second.run(1).end();
    await first.start();
    await advance(world, 1500);
    second.runs.at(-1)?.end();
    await advance(world, 1000);
    const started = second.runs.length;
    const { hold, paused } = await readSwitches(world.database, world.clock.now());
    expect(paused).toBeNull();
    expect(hold).toMatchObject({ reason: "got status 429: slow down" });
    expect((hold?.until ?? 0) - world.clock.now()).toBeLessThanOrEqual(20_000);
    expect(await world.states()).not.toHaveProperty("running");
    expect(await world.rows("SELECT 1 FROM hidb_videos WHERE state = 'pending' AND attempt > 0")).toEqual([]);
    expect(await world.attempts()).toEqual([]);
    for (const pool of [first, second]) {
      expect(pool.eventsOf("pool.stopped")).toEqual([expect.objectContaining({ by: "hold" })]);
      expect(pool.eventsOf("pool.resumed")).toEqual([]);
    }
    expect(second.runs.length).toBe(started);
    open = true;
    await advance(world, 22_000);
    expect(first.eventsOf("pool.resumed")).toHaveLength(1);
    expect(second.runs.length).toBe(started + 1);
    second.runs.at(-1)?.end();
    for (const pool of [first, second]) pool.loop.drain("the test is over");
    await advance(world, 1000);
    expect(await world.rows("SELECT 1 FROM hidb_videos WHERE attempt > 1")).toEqual([]);
  });

  it("that only one video ever meets costs it its attempts in the end, so that it ends as well", async () => {
    await using world = await World.create({ videos: [1, 2] });
    let met = 0;
    const pool = await TestPool.create(world, {
      process: async ({ id }) => {
        if (id === 2) return COMPLETED;
        met++;
        return { ...TOO_MANY, afterMs: 1000 } as Outcome;
      },
    });
    await pool.start();
    await advance(world, 45_000, 50);
    expect(met).toBe(23);
    expect(await world.video(1)).toMatchObject({ state: "failed", attempt: 3 });
    expect(await world.video(2)).toMatchObject({ state: "completed" });
  });

  it("that wants more than an hour is asked again after an hour", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, {
      process: async () => ({ ...TOO_MANY, afterMs: 86_400_000 }) as Outcome,
    });
    await pool.start();
    const { hold } = await readSwitches(world.database, world.clock.now());
    expect((hold?.until ?? 0) - world.clock.now()).toBe(3_600_000);
  });

  it("holds as long as the longest of several answers says", async () => {
    await using world = await World.create({ videos: many(2) });
    const pool = await TestPool.create(world, {
      config: { concurrency: 2 },
      process: async ({ id }) => ({ ...TOO_MANY, afterMs: id === 1 ? 30_000 : 10_000 }) as Outcome,
    });
    await pool.start();
    const { hold } = await readSwitches(world.database, world.clock.now());
    expect((hold?.until ?? 0) - world.clock.now()).toBe(30_000);
  });
});

describe("a want of the machine", () => {
  it("never spends an attempt, however often the same video meets it", async () => {
    await using world = await World.create({ videos: [1] });
    let met = 0;
    const trouble: Outcome = { ...TOO_MANY, reason: "EMFILE", afterMs: 1000, trouble: true };
    const pool = await TestPool.create(world, { process: async () => (++met <= 40 ? trouble : COMPLETED) });
    await pool.start();
    await advance(world, 90_000, 50);
    expect(met).toBe(41);
    expect(await world.video(1)).toMatchObject({ state: "completed", attempt: 1 });
    expect(await world.attempts()).toEqual([]);
  });
});

describe("a pause for a time", () => {
  it("ends by itself, for whoever is alive then", async () => {
    await using world = await World.create({ videos: many(3) });
    const until = world.clock.now() + 60_000;
    expect(await setPaused(world.database, true, { until, reason: "backup" })).toBe(true);
    expect(await setPaused(world.database, true, { until, reason: "backup" })).toBe(false);
    const pool = await TestPool.create(world);
    await pool.start();
    await advance(world, 59_000, 100);
    expect(pool.runs).toEqual([]);
    expect(pool.eventsOf("pool.stopped")).toEqual([{ type: "pool.stopped", by: "pause", reason: "backup", until }]);
    await advance(world, 1600, 100);
    expect(pool.runs).toHaveLength(1);
    expect(await readSwitches(world.database, world.clock.now())).toMatchObject({ paused: null });
  });
});

describe("a drain of the pool", () => {
  it("lets what runs finish, gives back what has not started, and keeps instances idle until a resume", async () => {
    await using world = await World.create({ videos: many(40) });
    let quick = true;
    const pool: TestPool = await TestPool.create(world, {
      process: async (video, context) => {
        if (quick && video.id < 10) return COMPLETED;
        const { promise, resolve } = Promise.withResolvers<Outcome>();
        pool.runs.push({ video, context, end: (outcome = COMPLETED) => resolve(outcome), fail: () => undefined });
        return promise;
      },
    });
    await pool.start();
    await advance(world, 200);
    expect((await world.states()).running).toBeGreaterThan(1);
    await setDraining(world.database, { reason: "the disk is full" });
    await advance(world, 60_000, 100);
    expect((await world.states()).running).toBe(1);
    pool.run(10).end();
    await advance(world, 5000, 100);
    expect(await world.states()).toEqual({ completed: 10, pending: 30 });
    expect(await world.rows("SELECT 1 FROM hidb_videos WHERE state = 'pending' AND attempt > 0")).toEqual([]);
    expect(pool.exitCode).toBeUndefined();
    quick = false;
    await setPaused(world.database, false);
    await advance(world, 1000);
    expect(pool.runs).toHaveLength(2);
  });
});
