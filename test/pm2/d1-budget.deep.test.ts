import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { D1Home } from "./d1.js";

/** A server of its own for each: what they count and break is theirs alone, so they can wait side by side. */
async function withHome(use: (home: D1Home) => Promise<void>): Promise<void> {
  const home = await D1Home.start({ seed: 5 });
  try {
    await use(home);
  } finally {
    await home.close();
  }
}

/** HIDB_D1_REQUESTS_PER_5MIN */
const MOST = 1100;
const SHARED = 0.9 * MOST;
/** What a life may take out of the rest: 10 requests to start with, and 5 to say goodbye. */
const APART = 15;

/** All shares together let an eleventh of them through at once and the rest evenly. */
function boundOf(seconds: number, lives: number): number {
  return SHARED / 11 + (SHARED / 330) * seconds + APART * lives;
}

function busiestWindow(times: number[], ms: number): number {
  let from = 0;
  let busiest = 0;
  for (const [to, time] of times.entries()) {
    while ((times[from] ?? time) < time - ms) from++;
    busiest = Math.max(busiest, to - from + 1);
  }
  return busiest;
}

describe.concurrent("a pool on D1", () => {
  it(
    "gives up a request that is not answered within its deadline, and loses nothing",
    {
      timeout: 600_000,
    },
    () =>
      withHome(async (home) => {
        const pool = await home.createPool({ videos: 120, videoMs: 60 });
        await pool.start(["-i", "2"]);
        await pool.waitForProgress(10);
        // The driver's deadline is 35 s. What only reads would be asked again without a word.
        home.setFaults({ stallMs: [36_000, 36_000], next: ["stall"], nextWrites: true });
        await pool.waitFor("the stall", () => home.server.log.some(({ fault }) => fault === "stall"));
        await pool.finish();
        // All may be done long before: the stalled request may have been applied at once.
        await pool.waitFor("the deadline", () => pool.output().includes("no answer within 35000 ms"));
        expect(pool.spentAttempts()).toBe(0);
        await pool.verify();
      }),
  );

  it.each([1, 3, 10])("stays within the account's requests with %i instances", { timeout: 600_000 }, (count) =>
    withHome(async (home) => {
      const settings = {
        HIDB_D1_REQUESTS_PER_5MIN: String(MOST),
        // Hundreds of requests a second, if they were allowed.
        HIDB_CLAIM_COUNT: "2",
        HIDB_GROUP_MS: "20",
      };
      const pool = await home.createPool({ videos: 3000, videoMs: 1, settings });
      home.server.log.length = 0;
      await pool.start(["-i", String(count)]);
      await delay(12_000);
      await pool.ok("stop", "hidb");
      const times = home.server.log.map(({ at }) => at);
      const lives = pool.lives().length;
      for (const seconds of [1, 4, 12]) {
        const busiest = busiestWindow(times, seconds * 1000);
        const bound = Math.floor(boundOf(seconds, lives));
        console.info(`${count} instances: at most ${busiest} requests in ${seconds} s, allowed ${bound}`);
        expect(busiest).toBeLessThanOrEqual(bound);
      }
      expect(times.length).toBeGreaterThan(20);
      expect(home.server.totals.limited).toBe(0);
      // A budget that is spent does not keep anybody from stopping in time.
      expect(pool.lives().filter(({ because }) => because !== "SIGINT")).toEqual([]);
      expect(pool.count("running")).toBe(0);
      expect(pool.spentAttempts()).toBe(0);
      const answer = await pool.hidb(["verify", "--json", "--journal", pool.journal]);
      expect(JSON.parse(answer.stdout)).toMatchObject({ ok: true, problems: [] });
    }),
  );
});
