import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adoptVideos } from "../../src/catalogue/adopt.js";
import { setDraining, setPaused } from "../../src/catalogue/backlog.js";
import { createBatches } from "../../src/claim/batches.js";
import type { Config } from "../../src/config/settings.js";
import { readBatches } from "../../src/report/batches.js";
import { beginRun, claimNotice, endRun, haltRun, lookAtRun, noteNotice, type PoolRun } from "../../src/report/runs.js";
import { readSwitches } from "../../src/report/switches.js";
import type { Outcome } from "../../src/video.js";
import { CATALOGUE, type LifeOptions, prepareDatabase, startLife } from "../d1/life.ts";
import { type D1Server, startD1Server } from "../d1/server.ts";

let server: D1Server;
beforeAll(async () => {
  server = await startD1Server({ seed: 1, slots: 64, limits: { max: 1_000_000 } });
});
afterAll(() => server.close());

/** Two instances work through 200 videos; who had which, and what the claims cost. */
async function work(sharding: Config["sharding"], batches: boolean) {
  const { databaseId, database } = await prepareDatabase(server, { videos: 200 });
  await adoptVideos(database, CATALOGUE);
  if (batches) await createBatches(database, { count: 4 });
  const videos: number[][] = [[], []];
  const lives = await Promise.all(
    [0, 1].map((processId) => {
      const process: LifeOptions["process"] = async ({ id }) => {
        videos[processId]?.push(id);
        await delay(15);
        return { kind: "completed", output: null };
      };
      // A life of this test may take more memory than there is, which nobody shall wait for.
      const config = { claimCount: 10, force: true, sharding };
      return startLife(server, databaseId, {
        process,
        processId,
        config,
      });
    }),
  );
  while ((await database.prepare("SELECT 1 FROM hidb_videos WHERE finished_at IS NULL LIMIT 1").first()) !== null) {
    await delay(50);
  }
  for (const { loop } of lives) loop.drain("the test is over");
  await Promise.all(lives.map(({ ended }) => ended));
  const sum = (cost: "requests" | "rowsRead") => lives.reduce((total, { budget }) => total + budget.costs[cost], 0);
  return { database, videos, requests: sum("requests"), rowsRead: sum("rowsRead") };
}

describe("on D1", () => {
  it("batches cost hardly more than shards, and each instance begins with its own", async () => {
    const shards = await work("modulo", false);
    const { database, videos, ...costs } = await work("ranges", true);
    expect(videos.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
    // The first to come has the pool to itself for a moment; from then on each has its own, and the tail is shared.
    const early = (videos[1] ?? []).slice(0, 10);
    expect(early).not.toEqual([]);
    expect(early.filter((id) => Math.floor((id - 1) / 50) % 2 === 0)).toEqual([]);
    console.log(
      `200 videos: shards ${shards.requests} requests, ${shards.rowsRead} rows read; batches ${costs.requests}, ${costs.rowsRead}`,
    );
    // Among them are two heartbeats a second of each instance: a busy machine needs more of them.
    expect(costs.requests).toBeLessThanOrEqual(2 * shards.requests + 12);
    expect(costs.rowsRead).toBeLessThanOrEqual(1.5 * shards.rowsRead + 200);
    const batches = await readBatches(database, { now: Date.now() });
    expect(batches.map(({ ended, total }) => [ended, total])).toEqual([
      [50, 50],
      [50, 50],
      [50, 50],
      [50, 50],
    ]);
  });

  it("a quota holds the pool, and the attempt is given back", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 3 });
    let open = false;
    const tooMany: Outcome = { kind: "retry", reason: "slow down", afterMs: 1500, quota: true };
    const process: LifeOptions["process"] = async () => (open ? { kind: "completed", output: null } : tooMany);
    const life = await startLife(server, databaseId, { process, config: { heartbeatMs: 500 } });
    let hold = null;
    while (hold === null) ({ hold } = await readSwitches(database, Date.now()));
    open = true;
    expect(hold).toMatchObject({ reason: "slow down" });
    while ((await database.prepare("SELECT 1 FROM hidb_videos WHERE finished_at IS NULL LIMIT 1").first()) !== null) {
      await delay(50);
    }
    expect(await database.prepare("SELECT max(attempt) AS most FROM hidb_videos").first("most")).toBe(1);
    expect(life.events.some((event) => event.type === "pool.stopped" && event.by === "hold")).toBe(true);
    life.loop.drain("the test is over");
    await life.ended;
  });

  it("pauses, drains, halts and notices are as on SQLite", async () => {
    const { database } = await prepareDatabase(server, { videos: 3 });
    await adoptVideos(database, CATALOGUE);
    const now = Date.now();
    await setPaused(database, true, { until: now + 1000, reason: "backup" });
    await setDraining(database);
    expect(await readSwitches(database, now)).toEqual({
      paused: { reason: "backup", until: now + 1000 },
      hold: null,
      draining: true,
      halted: false,
    });
    expect(await readSwitches(database, now + 1000)).toMatchObject({ paused: null, draining: true });
    expect(await setPaused(database, false)).toBe(true);
    expect(await lookAtRun(database)).toEqual({ run: null, open: true, halted: null, counted: true });
    await beginRun(database, null, now);
    await beginRun(database, null, now);
    const ended = { completed: 2, failed: 1, since: now };
    const { run, counted } = await lookAtRun(database, ended);
    expect({ run, counted }).toMatchObject({ run: { id: 1, completed: 2, failed: 1, endedAt: null }, counted: true });
    await haltRun(database, run as PoolRun, { reason: "too many", now });
    expect(await lookAtRun(database)).toMatchObject({ run: { haltedAt: now }, halted: "too many" });
    const asked = [0, 0, 0].map(() => claimNotice(database, run as PoolRun, { now, until: now + 10 }));
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
    await noteNotice(database, run as PoolRun, now);
    expect(await claimNotice(database, run as PoolRun, { now: now + 20, until: now + 30 })).toBe(false);
    await endRun(database, run as PoolRun, now);
    expect(await lookAtRun(database, { ...ended, since: now + 1 })).toMatchObject({ counted: false });
  });
});
