import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { renewLease } from "../../src/claim/membership.js";
import { reclaimVideos } from "../../src/claim/reclaim.js";
import type { Clock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { HidbError } from "../../src/errors.js";
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
