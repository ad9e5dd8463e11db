import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it } from "vitest";
import type { PoolPlan } from "../../src/report/plan.js";
import { setup } from "./world.js";

const ORIGINAL = "plan --videos 2376 --seconds-per-video 200 --memory-per-instance 700 --budget 987".split(" ");

/** Videos of which some have been done, each in so many ms. */
async function withDone({ videos, done, ms }: { videos: number; done: number; ms: number }) {
  const world = setup();
  const stdin = `source\n${Array.from({ length: videos }, (_, at) => `http://x/${at}.mp4\n`).join("")}`;
  await world.run(["add", "-"], { stdin });
  const database = new BetterSqlite3(world.file);
  database
    .prepare(
      `UPDATE hidb_videos SET state = 'completed', attempt = 1, instance = 'x', claimed_at = 1795000000000 + video_id * ?,
              finished_at = 1795000000000 + video_id * ? + ? WHERE video_id <= ?`,
    )
    .run(ms, ms, ms, done);
  database.close();
  return world;
}

describe("hidb plan", () => {
  it("makes the original table in one command, without a database", async () => {
    const { run } = setup();
    const { code, stdout } = await run(ORIGINAL);
    expect(code).toBe(0);
    expect(
      stdout
        .split("\n")
        .slice(0, 6)
        .map((line) => line.replace(/ {2,}/g, " | ")),
    ).toEqual([
      "2,376 videos, 200 s each, as given",
      " | instances | done in (p50) | p90 | speed-up | memory | fits | D1 requests | D1 cost",
      expect.stringMatching(/ 1 \| 5\.50 days \| 5\.50 days \| 1\.00 x \| 700 MB \| yes \| /),
      expect.stringMatching(/ 2 \| 2\.75 days \| 2\.75 days \| 2\.00 x \| 1,400 MB \| no \| /),
      expect.stringMatching(/ 3 \| 1\.83 days \| 1\.83 days \| 3\.00 x \| 2,100 MB \| no \| /),
      expect.stringMatching(/ 4 \| 1\.38 days \| 1\.38 days \| 4\.00 x \| 2,800 MB \| no \| /),
    ]);
    expect(stdout).toMatch(/\nmemory: 987 MB as given, room for 1 of 700 MB; 2 and more do not fit\nnext: .*-i 1\n$/);
  });

  it("takes further numbers of instances, and answers machines", async () => {
    const { run } = setup();
    const { stdout } = await run([...ORIGINAL, "-n", "12", "--json"]);
    const { rows, budgetBytes, secondsPerVideo } = JSON.parse(stdout) as PoolPlan;
    expect(rows.map(({ instances }) => instances)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 12]);
    expect(rows.at(-1)).toMatchObject({ p50S: 39_600, p90S: 39_600, speedUp: 12, fits: false });
    expect({ budgetBytes, secondsPerVideo }).toEqual({ budgetBytes: 987 * 1048576, secondsPerVideo: 200 });
  });

  it("goes by what this database has measured", async () => {
    const { json } = await withDone({ videos: 300, done: 100, ms: 60_000 });
    const { rows, videos, basis, measured, secondsPerVideo }: PoolPlan = await json("plan");
    expect({ videos, basis, measured, secondsPerVideo }).toEqual({
      ...{ videos: 200, basis: "measured", measured: 100, secondsPerVideo: 60 },
    });
    const [one, two] = rows;
    expect(one?.p50S).toBeGreaterThan(0.95 * 12_000);
    expect(one?.p50S).toBeLessThan(1.05 * 12_000);
    expect(two?.speedUp).toBeCloseTo(2, 0);
    expect(one?.p90S).toBeGreaterThan(one?.p50S ?? Number.NaN);
    expect(one?.fits).toBe(true);
  });

  it("says what to do where nothing has been measured, and where nothing is left", async () => {
    const fresh = await withDone({ videos: 3, done: 0, ms: 1 });
    const answer = await fresh.run(["plan"]);
    expect(answer).toMatchObject({ code: 2, stdout: "" });
    expect(answer.stderr).toMatch(
      /^error: expected at least one completed video.*\nfix: .*--seconds-per-video 200`\n$/,
    );
    expect((await fresh.run(["plan", "--seconds-per-video", "10"])).stdout).toMatch(/^3 videos, 10 s each, as given\n/);
    const done = await withDone({ videos: 3, done: 3, ms: 1 });
    expect((await done.run(["plan"])).stdout).toBe("nothing is left to plan: no video is pending\n");
  });

  it("refuses figures that are none", async () => {
    const { run } = setup();
    for (const args of [
      ["--videos", "-3"],
      ["-n", "0"],
      ["--seconds-per-video", "soon"],
      ["--budget", "0"],
    ]) {
      const { code, stderr } = await run(["plan", ...args]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error: .*\nfix: {3}.*\n$/);
    }
  });
});
