import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterEach, describe, expect, it } from "vitest";
import { createPool, ROOT, type TestPool } from "./pool.js";

const REAL = join(ROOT, "..", "shared", "catalogue", "videos-2376.csv");
const VIDEOS = 2376;
/** All of them one after the other take so long. */
const WORK_MS = 9000;

let pool: TestPool;
afterEach(() => pool.end());

/** Seconds each. */
function readDurations(): number[] {
  if (existsSync(REAL)) {
    const rows = parse(readFileSync(REAL), { columns: true }) as { duration_s: string }[];
    return rows.map((row) => Number(row.duration_s));
  }
  console.log(`skipped: the real catalogue, since there is no ${REAL}; a generated one stands for it`);
  return Array.from({ length: VIDEOS }, (_, at) => (at % 60 === 0 ? 9000 : 1200 + ((at * 7919) % 1600)));
}

/** Started as a person does it; resolves to the time from the first claim to the last settlement. */
async function work(instances: number, durations: number[]): Promise<number> {
  const sumS = durations.reduce((sum, one) => sum + one, 0);
  const settings = { HIDB_REHEARSE_FACTOR: String(WORK_MS / 1000 / sumS) };
  pool = await createPool({ settings });
  const insert = pool.database.prepare("INSERT INTO videos (source, duration_s) VALUES (?, ?)");
  pool.database.transaction(() => {
    for (const [at, durationS] of durations.entries()) insert.run(`/v/${at}`, durationS);
  })();
  await pool.start(["-i", String(instances)]);
  await pool.finish();
  expect(pool.count("completed")).toBe(durations.length);
  expect(pool.lives()).toHaveLength(instances);
  await pool.verify();
  const span = pool.database.prepare("SELECT max(finished_at) - min(claimed_at) FROM hidb_videos").pluck();
  return span.get() as number;
}

describe("the original checklist, on the catalogue it was written for", () => {
  const durations = readDurations();
  const tookMs: number[] = [];

  it.each([
    [1, "one instance"],
    [2, "two in parallel"],
    [3, "three in parallel"],
  ])("brings every video to its end with %i (%s)", async (instances) => {
    const ms = await work(instances, durations);
    const speedUp = (tookMs[0] ?? ms) / ms;
    console.log(
      `checklist: ${durations.length} videos, -i ${instances}: ${(ms / 1000).toFixed(1)} s, ${speedUp.toFixed(2)} times as fast as one`,
    );
    tookMs.push(ms);
    // How much faster depends on what else the machine does; that none of them was idle does not.
    const shares = pool.database.prepare("SELECT count(*) FROM hidb_videos GROUP BY instance").pluck().all();
    expect(shares).toHaveLength(instances);
    expect(Math.min(...(shares as number[]))).toBeGreaterThan(durations.length / 20);
  });
});
