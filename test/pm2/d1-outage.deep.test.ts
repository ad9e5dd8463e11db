import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readSpools } from "../../src/store/remote/spool.js";
import { isRunning, kill } from "../support/process.js";
import { D1Home } from "./d1.js";
import type { TestPool } from "./pool.js";

let home: D1Home;
beforeAll(async () => {
  home = await D1Home.start({ seed: 5 });
});
afterEach(() => home.endPools());
afterAll(() => home.close());

/** What an instance has finished and not yet brought to D1. */
function finishedBy(pool: TestPool, instance: string): number[] {
  const spools = readSpools(join(pool.folder, "spool"));
  const own = spools.filter(({ owner }) => owner.instance === instance);
  return own.flatMap(({ outcomes }) => outcomes.map(({ claim }) => claim.video.id));
}

function runningOf(pool: TestPool, instance: string): number[] {
  const rows = pool.database
    .prepare("SELECT video_id FROM hidb_videos WHERE instance = ? AND state = 'running'")
    .pluck();
  return rows.all(instance) as number[];
}

function triedAgain(pool: TestPool): number[] {
  const rows = pool.database.prepare("SELECT video_id FROM hidb_videos WHERE attempt > 1 OR deaths > 0").pluck();
  return rows.all() as number[];
}

describe("an outage of D1", () => {
  it("costs no attempt, and a kill in the middle of it no video that was finished", async () => {
    const settings = { HIDB_CLAIM_COUNT: "8" };
    const pool = await home.createPool({ videos: 90, videoMs: 300, settings });
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    await pool.waitForProgress(12);
    home.server.faults.outage = true;
    const victim = await pool.find("an instance with finished work in its spool", () =>
      pool.working().find(({ id }) => finishedBy(pool, id).length > 1 && runningOf(pool, id).length > 2),
    );
    kill(victim.pid);
    await pool.waitFor("it to be gone", () => !isRunning(victim.pid));
    const finished = finishedBy(pool, victim.id);
    expect(finished).not.toEqual([]);
    const held = runningOf(pool, victim.id);
    // Longer than the lease: nobody may take the silent ones for dead.
    await delay(8000);
    home.server.faults.outage = false;
    await pool.finish();
    const claims = pool.readJournal().filter((line) => line.event === "claim" && finished.includes(line.video));
    expect(claims.map((line) => line.video).toSorted()).toEqual(finished.toSorted());
    const again = triedAgain(pool);
    expect(again.filter((video) => finished.includes(video) || !held.includes(video))).toEqual([]);
    await pool.verify({ killed: true });
  });
});
