import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EXIT } from "../../src/errors.js";
import type { UsageReport } from "../../src/video.js";
import { many, World } from "../claim/world.js";
import { advance, COMPLETED, fakeTimers, TestPool } from "./world.js";

beforeEach(fakeTimers);
afterEach(() => vi.useRealTimers());

const instant = async () => COMPLETED;

describe("an attempt that", () => {
  const SPENT = { state: "pending", attempt: 1, deaths: 0, instance: null };

  it("takes longer than HIDB_TIMEOUT_MS has its signal aborted and is spent", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const pool = await TestPool.create(world, { config: { timeoutMs: 2000 } });
    await pool.start();
    const { context, end } = pool.run(1);
    context.signal.addEventListener("abort", () => end({ kind: "released" }));
    await advance(world, 1990);
    expect(context.signal.aborted).toBe(false);
    await advance(world, 30);
    expect(context.signal.reason).toEqual(new Error("stopped: timeout"));
    await advance(world, 100);
    const reason = "no result after 2 s (HIDB_TIMEOUT_MS)";
    expect(await world.video(1)).toMatchObject({ ...SPENT, error: reason });
    expect(await world.attempts()).toMatchObject([{ videoId: 1, attempt: 1, outcome: "retry", reason }]);
    expect(pool.run(2).context.signal.aborted).toBe(false);
    expect(pool.exitCode).toBeUndefined();
  });

  it("is out of time and went over a limit of Workers by then is told of with both", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, { config: { timeoutMs: 2000 } });
    await pool.start();
    const figures = { cpuMs: 41_200, memoryMb: 0, subrequests: 0, serviceCalls: 0, cacheCalls: 0, d1Queries: 0 };
    const sizes = { requestBytes: 0, responseBytes: 0, logBytes: 0, waitUntilMs: 0 };
    const usage: UsageReport = { plan: "paid", over: ["cpu"], ...figures, ...sizes, limits: { cpu: 30_000 } };
    const { context, end } = pool.run(1);
    context.signal.addEventListener("abort", () => end({ kind: "retry", reason: "stopped", usage }));
    await advance(world, 2100);
    expect(await world.video(1)).toMatchObject({ ...SPENT, error: "no result after 2 s (HIDB_TIMEOUT_MS)" });
    expect(await world.rows("SELECT video_id, over_limits FROM hidb_usage")).toEqual([
      { video_id: 1, over_limits: '["cpu"]' },
    ]);
  });

  it("has no limit is never aborted", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, { config: { timeoutMs: 0 } });
    await pool.start();
    await advance(world, 4_000_000, 10_000);
    expect(pool.run(1).context.signal.aborted).toBe(false);
  });

  it("ignores its signal is reported as hung, spent, and ends its instance with 75 after the others", async () => {
    await using world = await World.create({ videos: many(5) });
    const pool = await TestPool.create(world, { config: { concurrency: 2, timeoutMs: 2000 } });
    await pool.start();
    await advance(world, 1000);
    pool.run(2).end();
    await advance(world, 5990);
    expect(pool.eventsOf("attempt.hung")).toEqual([]);
    await advance(world, 200);
    expect(pool.eventsOf("attempt.hung")).toMatchObject([{ claim: { video: { id: 1 } }, afterMs: 7000 }]);
    expect(pool.exitCode).toBeUndefined(); // Video 3 may finish, and so long the hung one stays nobody else's.
    expect(await world.video(1)).toMatchObject({ state: "running" });
    pool.run(3).end();
    await advance(world, 200);
    expect(pool.exitCode).toBe(75);
    expect(await world.states()).toEqual({ completed: 2, pending: 3 });
    const error = "no result after 2 s (HIDB_TIMEOUT_MS), and it ignored its signal";
    expect(await world.video(1)).toMatchObject({ ...SPENT, error });
    pool.run(1).end(); // It comes back from its nap: too late.
    await advance(world, 100);
    expect(await world.video(1)).toMatchObject(SPENT);
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("no such codec")), "no such codec"],
    [
      "throws",
      () => {
        throw new TypeError("x is not a function");
      },
      "x is not a function",
    ],
    ["throws what is no error", () => Promise.reject("just text"), "just text"],
    ["throws nothing at all", () => Promise.reject(undefined), "undefined"],
    [
      "gives up without being asked",
      async () => ({ kind: "released" }) as const,
      "the processor gave up without a reason",
    ],
  ])("%s is spent with its reason, and the instance goes on", async (_, process, reason) => {
    await using world = await World.create({ videos: [1, 2] });
    const pool = await TestPool.create(world, { process: (video) => (video.id === 1 ? process() : instant()) });
    await pool.start();
    await advance(world, 100);
    expect(await world.video(1)).toMatchObject({ ...SPENT, error: reason });
    expect(await world.video(2)).toMatchObject({ state: "completed" });
    expect(pool.exitCode).toBeUndefined();
  });

  it.each([
    ["an object without a prototype", () => Promise.reject(Object.create(null))],
    ["an error without a message", () => Promise.reject(Object.assign(new Error("x"), { message: undefined }))],
    [
      "an error with an object for a message",
      () => Promise.reject(Object.assign(new Error("x"), { message: { a: 1 } })),
    ],
    [
      "an error whose message throws",
      () =>
        Promise.reject(
          Object.defineProperty(new Error("x"), "message", {
            get: () => {
              throw new Error("ha");
            },
          }),
        ),
    ],
    ["nothing in place of an outcome", () => Promise.resolve(undefined as never)],
    ["an outcome of no known kind", () => Promise.resolve({ kind: "done" } as never)],
    ["an output that is no text", () => Promise.resolve({ kind: "completed", output: { a: 1 } } as never)],
    ["a reason that is no text", () => Promise.resolve({ kind: "failed", reason: undefined } as never)],
    ["a wait that is no number", () => Promise.resolve({ kind: "retry", reason: "x", afterMs: Number.NaN } as const)],
  ])("answers with %s is an outcome like any other, never the end of its instance", async (_, process) => {
    await using world = await World.create({ videos: [1, 2] });
    const pool = await TestPool.create(world, { process: (video) => (video.id === 1 ? process() : instant()) });
    await pool.start();
    await advance(world, 100);
    expect(pool.exitCode).toBeUndefined();
    expect(await world.video(2)).toMatchObject({ state: "completed" });
    expect(await world.video(1)).toMatchObject({ attempt: 1, error: expect.any(String) });
    expect(await world.states()).not.toHaveProperty("running");
  });

  it("was cancelled by a person is aborted at a heartbeat, and leaves the video cancelled", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const pool = await TestPool.create(world);
    await pool.start();
    await advance(world, 600);
    await world.set(1, "state = 'cancelled', finished_at = 5");
    const { context, end } = pool.run(1);
    context.signal.addEventListener("abort", () => end({ kind: "failed", reason: "stopped" }));
    await advance(world, 500);
    expect(context.signal.reason).toEqual(new Error("stopped: lost"));
    expect(await world.video(1)).toMatchObject({ state: "cancelled", finishedAt: 5, error: null });
    expect(pool.eventsOf("claim.lost")).toMatchObject([{ claim: { video: { id: 1 } } }]);
    expect(pool.eventsOf("attempt.finished")).toEqual([]);
    expect(await world.attempts()).toEqual([]);
    expect(pool.run(2).context.signal.aborted).toBe(false);
    expect(await world.rows("SELECT lost FROM hidb_instances WHERE lost = 1")).toEqual([]); // With the next heartbeat.
    await advance(world, 500);
    expect(await world.rows("SELECT lost FROM hidb_instances WHERE lost = 1")).toHaveLength(1);
  });

  it("was cancelled and tried again before its instance has heard of it does not stand beside its successor", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world, { config: { concurrency: 2 } });
    await pool.start();
    const first = pool.run(1);
    first.context.signal.addEventListener("abort", () => first.end({ kind: "completed", output: '"first"' }));
    await world.set(1, "state = 'pending', attempt = 0, instance = NULL, claimed_at = NULL");
    await advance(world, 1000);
    const second = pool.run(1);
    expect(second).not.toBe(first);
    expect(first.context.signal.reason).toEqual(new Error("stopped: lost"));
    expect(await world.video(1)).toMatchObject({ state: "running" });
    pool.loop.drain("SIGINT");
    await advance(world, 1000);
    expect(pool.exitCode).toBeUndefined(); // The successor is still in hand.
    second.end({ kind: "completed", output: '"second"' });
    await advance(world, 100);
    expect(await pool.ended).toBe(0);
    expect(await world.video(1)).toMatchObject({ state: "completed", output: '"second"' });
    expect(pool.eventsOf("attempt.finished")).toHaveLength(1);
    expect(pool.eventsOf("claim.lost")).toHaveLength(1);
  });
});

describe("a listener that throws when a settlement is reported", () => {
  it("ends the instance, and leaves the outcome settled once and counted as completed", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world);
    pool.onEvent = (event) => {
      if (event.type === "attempt.finished") throw new Error("the listener failed");
    };
    await pool.start();
    pool.run(1).end();
    await advance(world, 100);
    expect(await pool.ended).toBe(EXIT.unfinished);
    expect(pool.eventsOf("attempt.finished")).toHaveLength(1);
    expect(pool.eventsOf("claim.lost")).toEqual([]);
    expect(pool.eventsOf("instance.failed")).toMatchObject([{ error: { message: "the listener failed" } }]);
    expect(await world.video(1)).toMatchObject({ state: "completed", attempt: 1 });
    expect(await world.rows("SELECT completed, lost FROM hidb_instances")).toEqual([{ completed: 1, lost: 0 }]);
  });
});
