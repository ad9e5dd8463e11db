import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { kill } from "../support/process.js";
import { randomFrom } from "../support/random.js";
import { createPool, percentile, type TestPool } from "./pool.js";

let pool: TestPool;
afterEach(() => pool.end());

describe("kill -9", () => {
  it("of a random instance every second for 20 s loses and doubles nothing", async () => {
    const seed = Number(process.env.TEST_SEED ?? 1);
    const random = randomFrom(seed);
    pool = await createPool({ videos: 200, videoMs: 40 });
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    pool.keepBusy();
    const started = clock.monotonic();
    let kills = 0;
    for (let second = 1; second <= 20; second++) {
      await delay(started + second * 1000 - clock.monotonic());
      const live = pool.working();
      const victim = live[Math.floor(random() * live.length)];
      if (victim === undefined) continue;
      kill(victim.pid);
      kills++;
    }
    await pool.finish();
    await pool.waitForInstances(3);
    const total = pool.count("completed", "quarantined");
    const quarantined = pool.count("quarantined");
    console.info(`kill -9: seed ${seed}, ${kills} kills, ${total} videos, ${quarantined} quarantined`);
    expect(kills).toBeGreaterThan(5);
    expect(quarantined).toBeLessThanOrEqual(total * 0.1);
    // Innocent, as a person would find: they were in hand twice by chance.
    if (quarantined > 0) expect(await pool.hidb(["retry", "--quarantined"])).toMatchObject({ code: 0 });
    await pool.finish();
    await pool.verify({ killed: true });
  });

  it("while a video runs puts the same video back to work", async () => {
    // One long video an instance, so that the victim's is known and nothing else is to be done.
    pool = await createPool({ videos: 60, videoMs: 600_000, settings: { HIDB_HEARTBEAT_MS: "500" } });
    await pool.start(["-i", "3"]);
    const figures: number[] = [];
    for (let round = 0; round < 20; round++) {
      await pool.waitForInstances(3);
      const held = pool.database.prepare(
        "SELECT video_id AS video FROM hidb_videos WHERE instance = ? AND state = 'running' AND deaths = 0",
      );
      const [victim, video] = await pool.find("an instance that runs a fresh video", () => {
        for (const life of pool.working()) {
          const row = held.get(life.id) as { video: number } | undefined;
          if (row !== undefined) return [life, row.video] as const;
        }
        return undefined;
      });
      const killedAt = clock.now();
      kill(victim.pid);
      const claimedAt = pool.database
        .prepare("SELECT claimed_at FROM hidb_videos WHERE video_id = ? AND state = 'running' AND deaths = 1")
        .pluck();
      const again = await pool.find("its video to run again", () => claimedAt.get(video) as number | undefined);
      figures.push(again - killedAt);
      // It has shown what it is here for: out of the way, so that the next round finds a fresh one.
      pool.database
        .prepare("UPDATE hidb_videos SET state = 'cancelled', finished_at = 1 WHERE video_id = ?")
        .run(video);
    }
    // To reach: 1,500, in `npm run bench recovery`; a busy machine is no failure.
    console.info(
      `recovery after kill -9: median ${percentile(figures, 0.5)} ms, p95 ${percentile(figures, 0.95)} ms, of 20`,
    );
  });

  it("by the video itself quarantines it at the second time, and harms no other", async () => {
    // About one attempt in twelve takes its instance along; the seed makes some videos do so twice.
    pool = await createPool({
      videos: 60,
      videoMs: 15,
      settings: { HIDB_REHEARSE_DIE: "0.12", HIDB_REHEARSE_SEED: "5" },
    });
    await pool.start(["-i", "2"]);
    await pool.finish();
    const rows = pool.database
      .prepare<[], { state: string; deaths: number; n: number }>(
        "SELECT state, deaths, count(*) AS n FROM hidb_videos GROUP BY 1, 2 ORDER BY 1, 2",
      )
      .all();
    console.info(`videos that kill: ${JSON.stringify(rows)}`);
    for (const { state, deaths } of rows) {
      if (state === "completed") expect(deaths).toBeLessThanOrEqual(1);
      else expect({ state, deaths }).toEqual({ state: "quarantined", deaths: 2 });
    }
    const died = pool.database.prepare("SELECT count(*) FROM hidb_attempts WHERE outcome = 'died'").pluck().get();
    const deaths = pool.database.prepare("SELECT sum(deaths) FROM hidb_videos").pluck().get();
    expect(died).toBe(deaths);
    // What has killed once gets an instance to itself, so that its second death takes nobody along.
    const taken = pool.database.prepare(
      `SELECT other.video_id FROM hidb_attempts AS second, hidb_attempts AS other
        WHERE second.outcome = 'died' AND other.outcome = 'died' AND other.instance = second.instance
          AND other.video_id <> second.video_id
          AND second.attempt = (SELECT attempt FROM hidb_videos AS v WHERE v.video_id = second.video_id AND state = 'quarantined')`,
    );
    expect(taken.all()).toEqual([]);
    await pool.verify({ killed: true, allowed: ["quarantined"] });
  });
});
