import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { setup } from "./world.js";

async function setupVideos(count: number) {
  const world = setup();
  const rows = Array.from({ length: count }, (_, at) => `${at + 1},/v/${at + 1}.mp4`);
  expect((await world.run(["add", "-"], { stdin: `id,source\n${rows.join("\n")}\n` })).code).toBe(0);
  return world;
}

describe("hidb batches", () => {
  it("cuts the ids by count or by size, and says how far each is", async () => {
    const { run, json, file } = await setupVideos(10);
    expect((await run(["batches", "list"])).stdout).toBe("no batches; `hidb batches create --count 3` makes some\n");
    const made = await run(["batches", "create", "--count", "3"], { env: { HIDB_SHARDING: "ranges" } });
    expect(made).toEqual({
      code: 0,
      stdout:
        "3 batches of 10 videos\n  1  ids 1 to 4   4 videos\n  2  ids 5 to 7   3 videos\n  3  ids 8 to 10  3 videos\n",
      stderr: "",
    });
    const database = new BetterSqlite3(file);
    const now = Date.now();
    database
      .prepare(
        "UPDATE hidb_videos SET state = 'completed', attempt = 1, claimed_at = ?, finished_at = ? WHERE video_id <= 2",
      )
      .run(now - 60_000, now - 1000);
    database.prepare("UPDATE hidb_videos SET state = 'failed', finished_at = 1 WHERE video_id IN (5, 6, 7)").run();
    database.close();
    const { batches } = await json("batches", "list");
    expect(batches).toMatchObject([
      { id: 1, first: 1, last: 4, rank: null, total: 4, ended: 2, pending: 2, completed: 2 },
      { id: 2, first: 5, last: 7, total: 3, ended: 3, failed: 3, rate: null, eta: null },
      { id: 3, first: 8, last: 10, total: 3, ended: 0, rate: null, eta: null },
    ]);
    expect(batches[0].rate).toBeCloseTo(2 / 60, 2);
    expect(batches[0].eta - now).toBeGreaterThan(55_000);
    expect(batches[0].eta - now).toBeLessThan(75_000);
    const listed = await run(["batches", "list"]);
    expect(listed.stdout.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual([
      "batch ids rank done running failed rate left",
      expect.stringMatching(/^1 1 to 4 - 2 of 4 50 % 0 0 (1\.\d|2\.0) videos\/min \d+ s$/),
      "2 5 to 7 - 3 of 3 100 % 0 3 - done",
      "3 8 to 10 - 0 of 3 0 % 0 0 - -",
      "",
    ]);
    expect(listed.stderr).toBe("hidb: batches count where HIDB_SHARDING is ranges; it is modulo here\n");
  });

  it("replaces batches only when told to, and deletes no video with them", async () => {
    const { run, json } = await setupVideos(10);
    await run(["batches", "create", "--size", "4"]);
    const refused = await run(["batches", "create", "--size", "5"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("error: expected no batches yet, found 3\nfix:   add `--replace`");
    const planned = await json("batches", "create", "--size", "5", "--replace", "--dry-run");
    expect(planned).toEqual({ count: 2, replaced: 3, dryRun: true, batches: [] });
    expect(await json("batches", "create", "--size", "5", "--replace")).toMatchObject({ count: 2, replaced: 3 });
    expect((await run(["batches", "delete", "--dry-run"])).stdout).toBe("2 batches would be deleted\n");
    expect((await run(["batches", "delete"])).stdout).toBe("2 batches deleted; no video is\n");
    expect(await json("status")).toMatchObject({ counts: { total: 10, pending: 10 } });
  });

  it.each([
    [["create"], "expected either --count or --size, got neither"],
    [["create", "--count", "2", "--size", "3"], "expected either --count or --size, got both"],
    [["create", "--count", "0"], "Expected a whole number >= 1."],
    [["create", "--count", "x"], "Expected a whole number >= 1."],
    [["create", "--count", "3"], "expected videos to cut into batches, found none"],
    [["make"], "unknown command"],
  ])("refuses %j", async (args, message) => {
    const { run } = setup();
    await run(["migrate"]);
    const answer = await run(["batches", ...args]);
    expect(answer).toMatchObject({ code: 2, stdout: "" });
    expect(answer.stderr).toContain(message);
  });
});
