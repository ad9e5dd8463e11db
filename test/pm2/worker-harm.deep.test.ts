import { afterEach, describe, expect, it } from "vitest";
import { kill } from "../support/process.js";
import type { TestPool } from "./pool.js";
import { createWorkerPool, doneVideos, processing, writing } from "./worker-app.js";

let pool: TestPool;
afterEach(() => pool.end());

describe("a Worker in a pool", () => {
  it("writes a row for each video, whatever is scaled, reloaded and killed", async () => {
    pool = await createWorkerPool(processing(writing(50)), { videos: 300 });
    await pool.start(["-i", "3"]);
    await pool.waitForProgress();
    await pool.ok("scale", "hidb", "2");
    await pool.waitForInstances(2);
    await pool.waitForProgress();
    await pool.ok("reload", "hidb");
    await pool.waitForInstances(2);
    const [victim] = pool.working();
    kill(victim?.pid ?? Number.NaN);
    pool.addVideos(60);
    await pool.finish();
    expect(doneVideos(pool)).toBe(pool.database.prepare("SELECT count(*) FROM videos").pluck().get());
    await pool.verify({ killed: true });
  });

  it("that spins, hangs, exits, allocates without end or throws harms nobody", async () => {
    const misdeeds = `
      if (id === 11) for (;;);
      if (id === 22) await new Promise(() => setInterval(() => {}, 100));
      if (id === 33) process.exit(3);
      if (id === 44) for (const all = []; ; await scheduler.wait(4)) all.push(new Uint8Array(4e6).fill(1));
      if (id === 55) setTimeout(() => { throw new Error("thrown in a timer"); }, 1);
      if (id === 66) return new Promise(() => {});
      if (id === 77) throw new Error("no: " + env.KEY);
      await scheduler.wait(20);`;
    pool = await createWorkerPool(`import process from "node:process"; ${processing(misdeeds)}`, {
      videos: 90,
      settings: {
        HIDB_WORKER_NODE: "full",
        HIDB_TIMEOUT_MS: "10000",
        HIDB_MAX_ATTEMPTS: "2",
        HIDB_CONCURRENCY: "2",
        HIDB_INSTANCE_MEMORY_MB: "400",
      },
    });
    await pool.start(["-i", "3"]);
    await pool.finish();
    const charged = pool.database
      .prepare<[], { id: number; reason: string }>("SELECT video_id AS id, reason FROM hidb_attempts WHERE attempt = 2")
      .all();
    expect(Object.fromEntries(charged.map(({ id, reason }) => [id, reason]))).toEqual({
      11: "no result after 10 s (HIDB_TIMEOUT_MS)",
      22: "no result after 10 s (HIDB_TIMEOUT_MS)",
      33: "expected the Worker to stay alive, but it ended itself with exit code 3",
      44: "expected the Worker to stay alive, but it held more than 224 MB",
      66: expect.stringMatching(/had hung|no result/),
      77: "expected POST /api/videos/77/process to answer, got Error: no: ***",
    });
    // Whoever was in hand beside one of them has lost nothing.
    const innocent = pool.database.prepare(
      "SELECT count(*) FROM hidb_videos WHERE state = 'completed' AND attempt = 1",
    );
    expect(innocent.pluck().get()).toBe(90 - charged.length);
    expect(pool.spentAttempts()).toBe(2 * charged.length);
    expect((await pool.jlist()).map((one) => one.pm2_env.restart_time)).toEqual([0, 0, 0]);
    await pool.verify({ allowed: ["failed"] });
  });
});
