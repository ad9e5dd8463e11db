import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { renewLease, viewPool } from "../../src/claim/membership.js";
import { reclaimVideos } from "../../src/claim/reclaim.js";
import type { Clock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { EXIT, HidbError } from "../../src/errors.js";
import type { UsageReport } from "../../src/video.js";
import { Line } from "../claim/line.js";
import { many, NO_FIGURES, settleDown, World } from "../claim/world.js";
import { advance, COMPLETED, fakeTimers, TestPool } from "./world.js";

beforeEach(fakeTimers);
afterEach(() => vi.useRealTimers());

const instant = async () => COMPLETED;

describe("an instance at work", () => {
  it("brings every video to completed, says so of each one, and stays for more", async () => {
    await using world = await World.create({ videos: many(200) });
    const pool = await TestPool.create(world, { process: instant });
    await pool.start();
    await advance(world, 1000);
    expect(await world.states()).toEqual({ completed: 200 });
    expect(pool.eventsOf("attempt.finished")).toHaveLength(200);
    expect(pool.eventsOf("video.claimed")).toHaveLength(200);
    expect(pool.exitCode).toBeUndefined();
    await world.add([201]);
    await advance(world, 1000); // Found within a second, by a heartbeat.
    expect(await world.video(201)).toMatchObject({ state: "completed" });
    pool.loop.drain("test");
    await advance(world, 100);
    expect(await pool.ended).toBe(0);
    expect(pool.closed).toBe(1);
    expect(await world.rows("SELECT state, completed, in_hand, gone_because FROM hidb_instances")).toEqual([
      { state: "gone", completed: 201, in_hand: 0, gone_because: "test" },
    ]);
    expect(pool.events.map((event) => event.type).filter((type) => type.startsWith("instance"))).toEqual([
      "instance.working",
      "instance.draining",
      "instance.gone",
    ]);
  });

  it.each([1, 3, 8])("never runs more than HIDB_CONCURRENCY=%i side by side, and no fewer", async (concurrency) => {
    await using world = await World.create({ videos: many(40) });
    const process = () => world.clock.sleep(30).then(() => COMPLETED);
    const pool = await TestPool.create(world, { process, config: { concurrency } });
    await pool.start();
    await advance(world, 4000);
    expect(await world.states()).toEqual({ completed: 40 });
    expect(pool.mostRunning).toBe(concurrency);
  });

  it("gives a processor its video, its place in the pool and its attempt", async () => {
    await using world = await World.create({ videos: [{ id: 5, durationS: 8 }] });
    await world.instance({ processId: 0 });
    const pool = await TestPool.create(world, { processId: 1 });
    await pool.start();
    expect(pool.run(5)).toMatchObject({
      video: { id: 5, source: "/videos/5.mp4", title: null, durationS: 8 },
      context: { attempt: 1, rank: 1, count: 2 },
    });
    expect(await pool.run(5).context.database.prepare("SELECT 1 AS one").first("one")).toBe(1);
    expect(pool.loop.rank).toBe(1);
  });

  it("tries a video again after its backoff until its attempts are spent", async () => {
    await using world = await World.create({ videos: [1] });
    const pool = await TestPool.create(world);
    await pool.start();
    for (const attempt of [1, 2, 3]) {
      expect(pool.run(1).context.attempt).toBe(attempt);
      pool.run(1).end({ kind: "retry", reason: `no answer ${attempt}` });
      await advance(world, 5000);
    }
    expect(await world.video(1)).toMatchObject({ state: "failed", attempt: 3, error: "no answer 3" });
    expect((await world.attempts()).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, "retry"],
      [2, "retry"],
      [3, "failed"],
    ]);
    expect(pool.runs).toHaveLength(3);
  });

  it("fails a video that has vanished from the catalogue, without asking the processor", async () => {
    await using world = await World.create({ videos: [1, 2] });
    await world.rows("DELETE FROM videos WHERE id = 1");
    const pool = await TestPool.create(world, { process: instant });
    await pool.start();
    await advance(world, 200);
    expect(await world.video(1)).toMatchObject({ state: "failed", error: "the catalogue no longer has this video" });
    expect(await world.video(2)).toMatchObject({ state: "completed" });
    expect(pool.mostRunning).toBe(1);
  });

  it("finds rows that somebody inserts into a table of their own while it runs, wherever their ids lie", async () => {
    await using world = await World.create();
    await world.rows("CREATE TABLE films (nr INTEGER PRIMARY KEY, path TEXT)");
    await world.rows("INSERT INTO films VALUES (10, '/f/10')");
    const names = { catalogueTable: "films", catalogueId: "nr", catalogueSource: "path" };
    const pool = await TestPool.create(world, { process: instant, names });
    await pool.start();
    await advance(world, 100);
    expect(await world.states()).toEqual({ completed: 1 });
    await world.rows("INSERT INTO films VALUES (11, '/f/11'), (-3, '/f/-3')");
    await advance(world, 1000);
    expect(await world.states()).toEqual({ completed: 3 });
  });

  it("claims nothing while the pool is paused, and goes on within a second", async () => {
    await using world = await World.create({ videos: many(3) });
    await world.rows("INSERT INTO hidb_pool (key, value) VALUES ('paused', '1')");
    const pool = await TestPool.create(world, { process: instant });
    await pool.start();
    await advance(world, 5000);
    expect(await world.states()).toEqual({ pending: 3 });
    await world.rows("DELETE FROM hidb_pool");
    await advance(world, 1000);
    expect(await world.states()).toEqual({ completed: 3 });
  });

  it("lets a suspect have the instance to itself", async () => {
    await using world = await World.create({ videos: many(6) });
    await world.set(4, "deaths = 1, attempt = 1");
    const pool = await TestPool.create(world, { config: { concurrency: 3 } });
    await pool.start();
    expect(pool.runs.map(({ video }) => video.id)).toEqual([4]);
    await advance(world, 2000);
    expect(pool.running).toBe(1);
    pool.run(4).end();
    await advance(world, 100);
    expect(pool.runs.map(({ video }) => video.id)).toEqual([4, 1, 2, 3]);
  });

  it("makes room for a suspect that comes in while its hands are full", async () => {
    await using world = await World.create({ videos: many(9) });
    const pool = await TestPool.create(world, { config: { concurrency: 2 } });
    await pool.start();
    await world.set(9, "deaths = 1, attempt = 1");
    await advance(world, 500);
    pool.run(1).end();
    await advance(world, 1000);
    expect(pool.runs.map(({ video }) => video.id)).toEqual([1, 2]); // Video 3 has to wait until the suspect is through.
    pool.run(2).end();
    await advance(world, 1000);
    expect(pool.runs.map(({ video }) => video.id)).toEqual([1, 2, 9]);
    pool.run(9).end();
    await advance(world, 1000);
    expect(pool.runs.map(({ video }) => video.id)).toEqual([1, 2, 9, 3, 4]);
  });

  it("says when the pool around it changes", async () => {
    await using world = await World.create();
    const pool = await TestPool.create(world, { processId: 1 });
    await pool.start();
    expect(pool.eventsOf("instance.working")).toMatchObject([{ rank: 0, count: 1 }]);
    await advance(world, 2000);
    expect(pool.eventsOf("pool.changed")).toEqual([]); // When nothing happens nothing is said.
    await world.instance({ processId: 0 });
    await advance(world, 500);
    expect(pool.eventsOf("pool.changed")).toMatchObject([{ rank: 1, count: 2 }]);
  });

  it("takes back what the dead have left, at its start", async () => {
    await using world = await World.create({ videos: [1] });
    const dead = await world.instance({ identity: { pidStartedAt: "1" } });
    await (await world.claimerOf(dead)).claimVideos({ limit: 1, alone: true });
    const pool = await TestPool.create(world, { process: instant });
    await pool.start();
    await advance(world, 100);
    expect(pool.eventsOf("video.reclaimed")).toMatchObject([{ videoId: 1, attempt: 1, state: "pending" }]);
    expect(await world.video(1)).toMatchObject({ state: "completed", attempt: 2, deaths: 1 });
  });

  it("does not take other containers for silent when this machine's clock is put forward", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const other = await world.instance({ processId: 1, identity: { host: "elsewhere", boot: "another boot" } });
    await (await world.claimerOf(other)).claimVideos({ limit: 1, alone: false });
    const { clock } = world;
    let stepMs = 0;
    const stepped: Clock = {
      ...clock,
      now: () => clock.now() + stepMs,
      nowFine: () => clock.nowFine() + stepMs,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      timer: (ms, ring) => clock.timer(ms, ring),
      every: (ms, ring) => clock.every(ms, ring),
    };
    const pool = await TestPool.create(world, { clock: stepped });
    await pool.start();
    await advance(world, 1000);
    stepMs = 600_000;
    await advance(world, 80_000, 100);
    expect(await world.rows("SELECT state FROM hidb_instances WHERE id = ?", other.id)).toEqual([{ state: "working" }]);
    await advance(world, 15_000, 100); // With any heartbeat it would have been heard of by now.
    expect(await world.rows("SELECT state FROM hidb_instances WHERE id = ?", other.id)).toEqual([{ state: "gone" }]);
  });

  it("keeps its video through a minute in which its event loop stands still", async () => {
    await using world = await World.create({ videos: [1] });
    const witness = await world.instance({ processId: 1 });
    const process = async () => {
      world.clock.advance(60_000);
      return COMPLETED;
    };
    const pool = await TestPool.create(world, { process });
    await pool.loop.open();
    world.clock.advance(60_000);
    expect(await reclaimVideos(witness, { maxAttempts: 3, thorough: true })).toEqual([]);
    await renewLease(pool.instance, NO_FIGURES);
    await pool.start();
    expect(await reclaimVideos(witness, { maxAttempts: 3, thorough: true })).toEqual([]);
    await advance(world, 100);
    expect(await world.video(1)).toMatchObject({ state: "completed", attempt: 1, deaths: 0 });
    expect(pool.eventsOf("claim.lost")).toEqual([]);
  });
});

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

describe("an instance that was declared over", () => {
  it("stops its attempts, changes nothing of theirs, and ends with 75", async () => {
    await using world = await World.create({ videos: many(3) });
    const pool = await TestPool.create(world, { config: { concurrency: 2 } });
    await pool.start();
    await world.rows("UPDATE hidb_instances SET state = 'gone', gone_at = 1, gone_because = 'died'");
    await world.rows("UPDATE hidb_videos SET instance = 'successor' WHERE state = 'running'");
    for (const id of [1, 2]) {
      const { context, end } = pool.run(id);
      context.signal.addEventListener("abort", () => end());
    }
    await advance(world, 600);
    expect(pool.exitCode).toBe(75);
    expect(pool.eventsOf("claim.lost")).toHaveLength(2);
    expect(await world.video(1)).toMatchObject({ state: "running", instance: "successor" });
    expect(await world.video(3)).toMatchObject({ state: "pending" });
    expect(await world.rows("SELECT gone_because FROM hidb_instances")).toEqual([{ gone_because: "died" }]);
  });
});

describe("an instance that was declared over, on a distant database", () => {
  it("hears of it as well, with its next heartbeat", async () => {
    await using world = await World.create({ videos: many(3) });
    const { database } = new Line(world);
    const pool = await TestPool.create(world, { database });
    await pool.start();
    await expect.poll(() => pool.runs.length, { interval: 5 }).toBe(1);
    pool.run(1).context.signal.addEventListener("abort", () => pool.run(1).end({ kind: "released" }));
    await world.rows("UPDATE hidb_instances SET state = 'gone', gone_at = 1, gone_because = 'died'");
    const exitCode = async () => {
      await advance(world, 50);
      return pool.exitCode;
    };
    await expect.poll(exitCode, { interval: 5 }).toBe(75);
  });
});

describe("an instance above its memory", () => {
  it("claims no more, finishes what it has, and ends with 75", async () => {
    await using world = await World.create({ videos: many(3) });
    const pool = await TestPool.create(world, { config: { instanceMemoryMb: 1 } });
    await pool.start();
    await advance(world, 500);
    expect(pool.eventsOf("memory.high")).toHaveLength(1);
    pool.run(1).end();
    await advance(world, 100);
    expect(await pool.ended).toBe(75);
    expect(await world.states()).toEqual({ completed: 1, pending: 2 });
  });

  it("waits for its turn while another one recycles", async () => {
    await using world = await World.create({ videos: many(3) });
    const other = await world.instance({ processId: 1 });
    await world.rows("UPDATE hidb_instances SET state = 'draining' WHERE id = ?", other.id);
    const pool = await TestPool.create(world, { config: { instanceMemoryMb: 1 } });
    await pool.start();
    await advance(world, 500);
    pool.run(1).end();
    await advance(world, 3000);
    expect(pool.exitCode).toBeUndefined();
    expect(pool.runs).toHaveLength(1);
    expect(pool.eventsOf("memory.high")).toHaveLength(1);
    await world.rows("UPDATE hidb_instances SET state = 'gone', gone_at = 1 WHERE id = ?", other.id);
    await advance(world, 600);
    expect(await pool.ended).toBe(75);
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

describe("a database", () => {
  /** Fails what `when` picks out, with the error of the moment. */
  function troubled(world: World, trouble: { error?: unknown }, when: RegExp): Database {
    return Object.create(world.database, {
      prepare: {
        value: (sql: string) => {
          if (trouble.error !== undefined && when.test(sql)) throw trouble.error;
          return world.database.prepare(sql);
        },
      },
      batch: { value: world.database.batch.bind(world.database) },
    });
  }

  const full = new HidbError({ code: "DATABASE_FULL", message: "expected room", fix: "make some" });
  const corrupt = new HidbError({ code: "DATABASE_CORRUPT", message: "expected soundness", fix: "restore it" });

  it.each([
    ["claims", /SET state = 'running'/],
    ["heartbeats", /SET lease_until/],
  ])("that is full for %s is borne until it has room again", async (_, when) => {
    await using world = await World.create();
    const trouble: { error?: unknown } = {};
    const pool = await TestPool.create(world, { process: instant, database: troubled(world, trouble, when) });
    await pool.start();
    trouble.error = full;
    await world.add(many(3));
    await advance(world, 2000);
    expect(pool.eventsOf("database.trouble").length).toBeGreaterThan(0);
    trouble.error = undefined;
    await advance(world, 1500);
    expect(await world.states()).toEqual({ completed: 3 });
    expect(pool.exitCode).toBeUndefined();
  });

  it("that fails while an outcome is written has it written once more before the instance ends", async () => {
    await using world = await World.create({ videos: [1] });
    const error = new HidbError({ code: "DATABASE_UNREADABLE", message: "expected to write", fix: "check the disk" });
    let failures = 0;
    const database: Database = Object.create(world.database, {
      prepare: { value: world.database.prepare.bind(world.database) },
      batch: {
        value: (statements: { statement: string }[]) => {
          const isSettling = statements.some(({ statement }) => /SET state = 'completed'/.test(statement));
          if (isSettling && failures++ === 0) return Promise.reject(error);
          return world.database.batch(statements as never);
        },
      },
    });
    const pool = await TestPool.create(world, { process: instant, database });
    await pool.start();
    await advance(world, 1000);
    expect(pool.exitCode).toBe(1);
    expect(failures).toBe(2);
    expect(await world.video(1)).toMatchObject({ state: "completed", deaths: 0 });
  });

  it.each([
    ["that is corrupt", corrupt],
    ["that fails in an unknown way", new Error("D1_ERROR: what is this")],
  ])("%s ends the instance, with a line that says why; whether it lasts, the next life finds out", async (_, error) => {
    await using world = await World.create();
    const trouble: { error?: unknown } = {};
    const pool = await TestPool.create(world, { database: troubled(world, trouble, /SET state = 'running'/) });
    await pool.start();
    trouble.error = error;
    await advance(world, 1000);
    expect(await pool.ended).toBe(1);
    expect(pool.eventsOf("instance.failed")).toEqual([{ type: "instance.failed", error }]);
    await settleDown();
  });
});
