import { writeFileSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { setup } from "./world.js";

const LIST = "id,source\n1,/old/1.mp4\n2,/old/2.mp4\n3,/new/3.mp4\n4,/new/a*b.mp4\n";

async function setupVideos(...changes: string[]) {
  const world = setup();
  expect((await world.run(["add", "-"], { stdin: LIST })).code).toBe(0);
  const database = new BetterSqlite3(world.file);
  for (const change of changes) database.exec(`UPDATE hidb_videos SET ${change}`);
  database.close();
  const ids = async () =>
    (await world.run(["list"])).stdout.split("\n").flatMap((line) => Number.parseInt(line, 10) || []);
  return { ...world, ids };
}

const FAILED = "state = 'failed', attempt = 0, finished_at = 1, error = 'broken'";
const RUNNING = "state = 'running', instance = 'i', claimed_at = 1, attempt = 1";

describe("hidb remove", () => {
  it("says on a dry run what would go, and then takes just that", async () => {
    const { run, ids } = await setupVideos(`${FAILED} WHERE video_id IN (1, 3)`);
    const would = await run(["remove", "--state", "failed", "--dry-run"]);
    expect(would).toEqual({ code: 0, stdout: "2 videos would be removed: 1, 3\n", stderr: "" });
    expect(await ids()).toEqual([1, 2, 3, 4]);
    expect((await run(["remove", "--state", "failed"])).stdout).toBe("2 videos are removed: 1, 3\n");
    expect(await ids()).toEqual([2, 4]);
    expect((await run(["verify"])).code).toBe(0);
  });

  it("takes sources that fit a pattern as a whole", async () => {
    const { ids, json } = await setupVideos();
    expect(await json("remove", "--source", "/old", "--dry-run")).toMatchObject({ removed: 0 });
    expect(await json("remove", "--source", "/new/a[*]b.mp4", "--dry-run")).toMatchObject({ removed: 0 });
    expect(await json("remove", "--source", "/new/?.mp4", "--dry-run")).toMatchObject({ removed: 1, first: [3] });
    expect(await json("remove", "--source", "/old/*")).toEqual({
      removed: 2,
      first: [1, 2],
      running: 0,
      dryRun: false,
    });
    expect(await ids()).toEqual([3, 4]);
  });

  it("leaves what runs and says so, whichever way it was named", async () => {
    const { run, ids } = await setupVideos(`${RUNNING} WHERE video_id = 2`);
    const left = "left as it is: 1 video still running; `hidb cancel` ends that\n";
    expect(await run(["remove", "2"])).toEqual({ code: 0, stdout: "0 videos are removed\n", stderr: left });
    expect(await run(["remove", "--source", "/old/*"])).toMatchObject({
      stdout: "1 video is removed: 1\n",
      stderr: left,
    });
    expect(await run(["remove", "3", "4", "--state", "failed"])).toMatchObject({
      stdout: "0 videos are removed\n",
      stderr: "left as it is: 2 videos of another state or source\n",
    });
    expect((await run(["remove", "--state", "running"])).stderr).toContain("`hidb cancel` the videos first");
    expect(await ids()).toEqual([2, 3, 4]);
  });

  it("refuses nothing at all, unknown ids, and tables that hidb has not made, with nothing removed", async () => {
    const { run, ids, file } = await setupVideos();
    expect(await run(["remove"])).toMatchObject({ code: 2, stdout: "" });
    expect(await run(["remove", "1", "99"])).toMatchObject({ code: 2, stdout: "" });
    expect(await ids()).toEqual([1, 2, 3, 4]);
    const database = new BetterSqlite3(file);
    database.exec("CREATE TABLE films (id INTEGER PRIMARY KEY, source TEXT); INSERT INTO films VALUES (1, '/f/1')");
    database.close();
    const foreign = await run(["remove", "1"], { env: { HIDB_CATALOGUE_TABLE: "films" } });
    expect(foreign).toMatchObject({ code: 2, stdout: "" });
    expect(foreign.stderr).toMatch(
      /hidb never alters\nfix: {3}`hidb cancel` the videos, and delete their rows from films/,
    );
    expect(await ids()).toEqual([1, 2, 3, 4]);
  });

  it("is noted in the journal, by which the id's next video may be completed as well", async () => {
    const { run, ids, folder } = await setupVideos(
      "state = 'completed', attempt = 1, instance = 'i', claimed_at = 1, finished_at = 1, output = '{}' WHERE video_id = 4",
    );
    const journal = join(folder, "journal.ndjson");
    const line = (time: number, event: object) =>
      `${JSON.stringify({ time, ...event, video: 4, attempt: 1, instance: "i", pid: 1, rank: 0 })}\n`;
    const completion = (at: number) =>
      line(at, { event: "claim" }) + line(at + 1, { event: "settle", outcome: "completed" });
    writeFileSync(journal, completion(1));
    const env = { HIDB_JOURNAL: journal };
    expect((await run(["remove", "4"], { env })).code).toBe(0);
    expect(await ids()).toEqual([1, 2, 3]);
    expect(await run(["verify", "--journal", journal])).toMatchObject({ code: 0 });
    writeFileSync(journal, completion(Date.now() + 60_000), { flag: "a" });
    const twice = await run(["verify", "--journal", journal, "--json"]);
    expect(twice.stdout).not.toContain("completed 2 times");
  });
});
