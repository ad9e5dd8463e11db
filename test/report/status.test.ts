import { describe, expect, it } from "vitest";
import { readFailures, readStatus } from "../../src/report/status.js";
import { listVideos, showVideo } from "../../src/report/videos.js";
import { isDead, NOW, setup } from "./world.js";

async function collect(pages: AsyncIterable<{ id: number }[]>): Promise<number[]> {
  const ids: number[] = [];
  for await (const page of pages) ids.push(...page.map((video) => video.id));
  return ids;
}

describe("the status", () => {
  it("counts every state, also those that no video is in", async () => {
    const { database } = await setup({ videos: [{ id: 1 }, { id: 2 }, { id: 3, state: "completed" }] });
    expect(await readStatus(database, { now: NOW, isDead })).toEqual({
      counts: { total: 3, pending: 2, running: 0, completed: 1, failed: 0, quarantined: 0, cancelled: 0 },
      instances: [],
      rate: null,
      eta: null,
      paused: false,
      reason: null,
      until: null,
      hold: null,
      draining: false,
      halted: false,
    });
  });

  it("lists live instances with the rank that their claims have, and leaves out the dead", async () => {
    const { database } = await setup({
      instances: [
        { id: "c", processId: 2 },
        { id: "a", processId: 0 },
        { id: "b", processId: 1, state: "draining" },
        { id: "silent", processId: 3, leaseUntil: NOW - 1 },
        { id: "dead1", processId: 4 },
        { id: "left", processId: 5, state: "gone" },
      ],
    });
    const { instances } = await readStatus(database, { now: NOW, isDead });
    expect(instances.map(({ id, rank }) => [id, rank])).toEqual([
      ["a", 0],
      ["b", null],
      ["c", 1],
      ["silent", null],
    ]);
    expect(Object.keys(instances[0] ?? {})).toEqual(
      "id rank processId pid host state inHand completed failed rssBytes startedAt leaseUntil heldBack".split(" "),
    );
  });

  it("tells rate and time left from what ended since the pool started, a minute back at most", async () => {
    const done = Array.from({ length: 30 }, (_, at) => ({
      id: at,
      state: "completed" as const,
      finishedAt: NOW - 10_000,
    }));
    const videos = [
      ...done,
      { id: 100, state: "completed" as const, finishedAt: NOW - 70_000 },
      { id: 101 },
      { id: 102 },
    ];
    const { database } = await setup({ videos, instances: [{ id: "a", startedAt: NOW - 30_000 }] });
    expect(await readStatus(database, { now: NOW, isDead })).toMatchObject({ rate: 1, eta: 2 });
    await database.prepare("UPDATE hidb_instances SET started_at = 0").run();
    expect(await readStatus(database, { now: NOW, isDead })).toMatchObject({ rate: 0.5, eta: 4 });
    await database.prepare("INSERT INTO hidb_pool VALUES ('paused', '1')").run();
    expect(await readStatus(database, { now: NOW, isDead })).toMatchObject({ rate: 0.5, eta: null, paused: true });
  });

  it("has no time left when nothing is open", async () => {
    const { database } = await setup({ videos: [{ id: 1, state: "completed" }] });
    expect(await readStatus(database, { now: NOW, isDead })).toMatchObject({ rate: null, eta: 0 });
  });

  it("groups failures by reason, the most frequent first", async () => {
    const failed = (id: number, error: string) => ({ id, state: "failed" as const, error });
    const { database } = await setup({
      videos: [failed(1, "x"), failed(2, "y"), failed(3, "y"), { id: 4, error: "z" }],
    });
    expect(await readFailures(database, 5)).toEqual([
      { reason: "y", state: "failed", count: 2 },
      { reason: "x", state: "failed", count: 1 },
    ]);
  });
});

describe("the list", () => {
  it("goes through all videos by id, negative ones first, page by page", async () => {
    const { database, catalogue } = await setup();
    const ids = Array.from({ length: 2500 }, (_, at) => 7 * (at - 100));
    const json = JSON.stringify(ids);
    await database.batch([
      database.prepare("INSERT INTO videos (id, source) SELECT value, 'x://' || value FROM json_each(?)").bind(json),
      database.prepare("INSERT INTO hidb_videos (video_id) SELECT value FROM json_each(?)").bind(json),
    ]);
    expect(await collect(listVideos(database, catalogue, {}))).toEqual(ids);
    expect(await collect(listVideos(database, catalogue, { offset: 1200, limit: 1100 }))).toEqual(
      ids.slice(1200, 2300),
    );
    expect(await collect(listVideos(database, catalogue, { after: 0, limit: 2 }))).toEqual([7, 14]);
    expect(await collect(listVideos(database, catalogue, { limit: 0 }))).toEqual([]);
  });

  it("can be limited to some states", async () => {
    const { database, catalogue } = await setup({
      videos: [{ id: 1 }, { id: 2, state: "failed" }, { id: 3, state: "quarantined" }, { id: -4, state: "failed" }],
    });
    expect(await collect(listVideos(database, catalogue, { states: ["failed", "quarantined"] }))).toEqual([-4, 2, 3]);
  });

  it("shows outputs as values", async () => {
    const { database, catalogue } = await setup({ videos: [{ id: 1, state: "completed", output: '{"a":[1]}' }] });
    for await (const page of listVideos(database, catalogue, {})) {
      expect(page).toEqual([
        { id: 1, source: "x://1", title: null, state: "completed", attempt: 1, error: null, output: { a: [1] } },
      ]);
    }
  });
});

describe("one video", () => {
  it("is shown with its output and with what went wrong", async () => {
    const { database, catalogue } = await setup({
      videos: [{ id: -7, state: "completed", attempt: 2, output: '{"a":1}', attempts: ["1 retry"] }],
    });
    expect(await showVideo(database, catalogue, -7)).toMatchObject({
      video: { id: -7, source: "x://-7", title: null, durationS: null },
      state: "completed",
      attempt: 2,
      deaths: 0,
      output: { a: 1 },
      attempts: [{ attempt: 1, instance: "a", outcome: "retry", reason: "why", claimedAt: 1, endedAt: 2 }],
    });
    expect(await showVideo(database, catalogue, 8)).toBeUndefined();
  });

  it("is still shown when the catalogue has lost it", async () => {
    const { database, catalogue } = await setup({ videos: [{ id: 1 }] });
    await database.prepare("DELETE FROM videos").run();
    expect(await showVideo(database, catalogue, 1)).toMatchObject({ video: { id: 1, source: null }, state: "pending" });
  });
});
