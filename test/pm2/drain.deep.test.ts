import { existsSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { isRunning, kill } from "../support/process.js";
import { createPool, type TestPool } from "./pool.js";

let pool: TestPool;
afterEach(() => pool.end());

function attempts(): unknown[] {
  return pool.database.prepare("SELECT DISTINCT state, attempt, deaths FROM hidb_videos").all();
}

describe("a drain", () => {
  it("lets the running video finish, however often it is asked for", async () => {
    pool = await createPool({ videos: 2, videoMs: 2500 });
    await pool.start(["-i", "2"]);
    await pool.waitFor("both to run", () => pool.count("running") === 2);
    const lives = pool.working();
    // Ctrl-C twice under pm2-runtime, `delete` during a `stop`: every way of asking again.
    for (const signal of ["SIGINT", "SIGINT", "SIGTERM", "SIGINT"] as const) {
      for (const { pid } of lives) kill(pid, signal);
      await pool.waitFor("the drain to begin", () => pool.working().length === 0);
    }
    await pool.finish();
    const ofVideos = pool.readJournal().filter((line) => !["begin", "renew", "gone"].includes(line.event));
    expect(ofVideos.map((line) => line.event).toSorted()).toEqual(["claim", "claim", "settle", "settle"]);
    await pool.waitFor("the lives to end", () => lives.every((life) => !isRunning(life.pid)));
    expect(pool.lives().slice(0, 2)).toMatchObject([{ because: "SIGINT" }, { because: "SIGINT" }]);
    await pool.verify();
  });

  it("is what every signal means that can be caught, and no death is counted", async () => {
    pool = await createPool({ videos: 3, videoMs: 60_000, settings: { HIDB_DRAIN_MS: "300" } });
    await pool.start(["-i", "3"]);
    await pool.waitFor("three to run", () => pool.count("running") === 3);
    const lives = pool.working();
    const signals = ["SIGHUP", "SIGQUIT", "SIGUSR2"] as const;
    for (const [at, { pid }] of lives.entries()) kill(pid, signals[at]);
    const before = new Set(lives.map(({ id }) => id));
    const left = () => pool.lives().filter(({ id, state }) => before.has(id) && state === "gone");
    await pool.waitFor("all three to leave", () => left().length === 3);
    expect(
      left()
        .map(({ because }) => because)
        .toSorted(),
    ).toEqual(["SIGHUP", "SIGQUIT", "SIGUSR2"]);
    // PM2 starts others in their place.
    await pool.waitForInstances(3);
    expect(pool.database.prepare("SELECT max(deaths) AS deaths FROM hidb_videos").get()).toEqual({ deaths: 0 });
    expect(pool.spentAttempts()).toBe(0);
  });

  it("past HIDB_DRAIN_MS gives the attempts back, and spends none", async () => {
    pool = await createPool({ videos: 40, videoMs: 60_000, settings: { HIDB_DRAIN_MS: "300", HIDB_CONCURRENCY: "4" } });
    await pool.start(["-i", "3"]);
    await pool.waitFor("twelve to run", () => pool.count("running") === 12);
    const started = clock.monotonic();
    await pool.ok("stop", "hidb");
    console.info(`stop with HIDB_DRAIN_MS=300: ${Math.round(clock.monotonic() - started)} ms`);
    expect(attempts()).toEqual([{ state: "pending", attempt: 0, deaths: 0 }]);
    const lines = pool.readJournal();
    expect(lines.filter((line) => line.event === "release")).toHaveLength(12);
    pool.database.prepare("UPDATE videos SET duration_s = 0.02").run();
    await pool.ok("start", "hidb");
    await pool.finish();
    expect(attempts()).toEqual([{ state: "completed", attempt: 1, deaths: 0 }]);
    await pool.verify();
  });
});

describe("an instance with a blocked event loop", () => {
  it("keeps its video beyond HIDB_LEASE_MS", async () => {
    pool = await createPool({
      videos: 3,
      videoMs: 2500,
      settings: { HIDB_REHEARSE_BLOCK: "1", HIDB_LEASE_MS: "700", HIDB_HEARTBEAT_MS: "100" },
    });
    await pool.start(["-i", "3"]);
    await pool.finish();
    expect(attempts()).toEqual([{ state: "completed", attempt: 1, deaths: 0 }]);
    expect(pool.readJournal().map((line) => line.event)).not.toContain("reclaim");
    await pool.verify();
  });
});

describe("an attempt that hangs past HIDB_TIMEOUT_MS", () => {
  it("ends its instance with 75 and spends that attempt alone", async () => {
    // The seed lets only video 4 hang, and only once. Beside it its instance has long videos, while the other one is
    // idle by then and takes at once whatever becomes free.
    pool = await createPool({
      videos: 30,
      videoMs: 950,
      settings: {
        HIDB_SHARDING: "strict",
        HIDB_REHEARSE_HANG: "0.02",
        HIDB_REHEARSE_SEED: "19",
        HIDB_TIMEOUT_MS: "1000",
        HIDB_CONCURRENCY: "2",
      },
    });
    pool.database.exec("UPDATE videos SET duration_s = 0.02 WHERE id % 2 = 1");
    await pool.start(["-i", "2"]);
    await pool.finish();
    const hung = pool.database.prepare("SELECT outcome, reason FROM hidb_attempts").all();
    expect(hung).toEqual([{ outcome: "retry", reason: expect.stringContaining("ignored its signal") }]);
    await pool.waitForInstances(2);
    const gone = pool.lives().filter((life) => life.state === "gone");
    expect(gone).toMatchObject([{ because: "an attempt ignored its signal" }]);
    // Its code may still run until its process ends: only then is the video anybody else's.
    const again = pool.readJournal().find((line) => line.event === "claim" && line.attempt === 2);
    const lastWordsMs = 50;
    expect(again?.time).toBeGreaterThanOrEqual((gone[0]?.goneAt ?? Number.NaN) - lastWordsMs);
    const listed = await pool.jlist();
    expect(listed.map((one) => one.pm2_env.exit_code).filter((code) => code === 75)).toHaveLength(1);
    await pool.verify();
  });
});

describe("the memory of an instance", () => {
  it("above its limit recycles it: one at a time, nothing spent", async () => {
    pool = await createPool({
      videos: 120,
      videoMs: 30,
      settings: { HIDB_REHEARSE_ALLOC_MB: "4", HIDB_INSTANCE_MEMORY_MB: "130", HIDB_HEARTBEAT_MS: "100" },
    });
    await pool.start(["-i", "2"]);
    await pool.finish();
    const recycled = pool.lives().filter((life) => life.because?.startsWith("memory above"));
    console.info(`recycled for memory: ${recycled.length} lives`);
    expect(recycled.length).toBeGreaterThanOrEqual(2);
    expect((await pool.jlist()).map((one) => one.pm2_env.exit_code)).toContain(75);
    expect(pool.spentAttempts()).toBe(0);
    const drains = recycled
      .map((life) => [drainBegan(life.id), life.goneAt ?? 0] as const)
      .toSorted(([a], [b]) => a - b);
    for (const [at, [began]] of drains.entries()) expect(began).toBeGreaterThanOrEqual(drains[at - 1]?.[1] ?? 0);
    await pool.verify();
  });

  function drainBegan(id: string): number {
    for (const number of [0, 1]) {
      const file = `${pool.folder}/logs/hidb-${number}.log`;
      if (!existsSync(file)) continue;
      for (const text of readFileSync(file, "utf8").split("\n")) {
        if (!text.includes("instance.draining") || !text.includes(id)) continue;
        return Date.parse((JSON.parse(text) as { time: string }).time);
      }
    }
    throw new Error(`no drain of ${id} in the logs`);
  }
});

describe("the shares of three instances", () => {
  it.each(["modulo", "strict", "ranges", "none"])("are whole under HIDB_SHARDING=%s", async (sharding) => {
    pool = await createPool({
      videos: 120,
      videoMs: 20,
      settings: {
        HIDB_SHARDING: sharding,
        HIDB_CONCURRENCY: "4",
        HIDB_ORDER: sharding === "none" ? "longest" : "id",
      },
    });
    await pool.start(["-i", "3"]);
    await pool.finish();
    const settled = pool.readJournal().filter((line) => line.event === "settle");
    expect(settled).toHaveLength(120);
    if (sharding === "strict") {
      await pool.waitForInstances(3);
      pool.addVideos(120);
      await pool.finish();
      const own = pool.readJournal().filter((line) => line.event === "settle" && line.video > 120);
      expect(own.filter((line) => line.video % 3 !== line.rank)).toEqual([]);
    }
    await pool.verify();
  });
});
