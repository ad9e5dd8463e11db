import { describe, expect, it } from "vitest";
import { REMOTE_PACING } from "../../src/database/pacing.js";
import { readOverview } from "../../src/report/overview.js";
import { isDead, NOW, setup } from "./world.js";

describe("the overview", () => {
  it("counts every state and names what each instance has in hand", async () => {
    const { database } = await setup({
      videos: [
        { id: 1 },
        { id: 2, state: "running", instance: "a" },
        { id: 3, state: "completed" },
        { id: 4, state: "failed", error: "x" },
      ],
      instances: [{ id: "a", inHand: 1 }],
    });
    const overview = await readOverview(database, { now: NOW, isDead });
    expect(overview.counts).toEqual({
      total: 4,
      pending: 1,
      running: 1,
      completed: 1,
      failed: 1,
      quarantined: 0,
      cancelled: 0,
    });
    expect(overview.instances).toMatchObject([
      { id: "a", rank: 0, restarts: 0, held: [{ videoId: 2, attempt: 1, claimedAt: NOW - 10 }] },
    ]);
    expect(overview.failures).toEqual([{ reason: "x", state: "failed", count: 1 }]);
  });

  it("tells rates over a minute, a quarter of an hour and the run, none longer than the run", async () => {
    const done = (id: number, agoMs: number) => ({ id, state: "completed" as const, finishedAt: NOW - agoMs });
    const { database } = await setup({
      videos: [done(1, 1000), done(2, 50_000), done(3, 100_000), done(4, 100_001)],
      instances: [{ id: "a", startedAt: NOW - 200_000 }],
    });
    const { rates } = await readOverview(database, { now: NOW, isDead });
    expect(rates).toEqual({ minute: 2 / 60, quarter: 4 / 200, run: 4 / 200 });
  });

  it("counts the earlier lives of a process id in this run as restarts, and those of an earlier run not", async () => {
    const { database } = await setup({
      instances: [
        { id: "old", state: "gone", startedAt: NOW - 900_000 },
        { id: "first", state: "gone", startedAt: NOW - 50_000 },
        { id: "now", startedAt: NOW - 10_000 },
      ],
    });
    await database
      .prepare("UPDATE hidb_instances SET gone_at = ? WHERE id = 'old'")
      .bind(NOW - 800_000)
      .run();
    const { instances } = await readOverview(database, { now: NOW, isDead });
    expect(instances.map(({ id, restarts }) => [id, restarts])).toEqual([["now", 1]]);
  });

  it("names the last failures, each video once, and those no longer that were tried again", async () => {
    const failed = { state: "failed" as const, attempt: 1, error: "x", attempts: ["1 failed"] };
    const { database } = await setup({
      videos: [
        { id: 1, ...failed, attempts: ["1 failed", "1 failed"] },
        { id: 2, ...failed },
        { id: 3, attempts: ["1 failed"] },
      ],
    });
    const { lastFailures } = await readOverview(database, { now: NOW, isDead });
    expect(lastFailures.map(({ videoId, reason }) => [videoId, reason])).toEqual([
      [2, "x"],
      [1, "x"],
    ]);
  });

  it("tells who has died with videos in hand", async () => {
    const { database } = await setup({
      instances: [
        { id: "dead1", inHand: 2 },
        { id: "a", processId: 1 },
      ],
    });
    const { dead, instances } = await readOverview(database, { now: NOW, isDead });
    expect(dead).toEqual({ instances: 1, inHand: 2 });
    expect(instances.map(({ id }) => id)).toEqual(["a"]);
  });

  it("counts a database that charges for rows seldom, and meanwhile believes what instances say", async () => {
    const { database: near } = await setup({
      videos: [...Array(10).keys()].map((id) => ({ id })),
      instances: [{ id: "a" }],
    });
    let questions: string[] = [];
    const prepare = (statement: string) => {
      questions.push(statement);
      return near.prepare(statement);
    };
    const database = { ...near, prepare, pacing: REMOTE_PACING } as typeof near;
    await readOverview(database, { now: NOW, isDead });
    await near.prepare("UPDATE hidb_instances SET completed = 3, failed = 1").run();
    questions = [];
    const later = await readOverview(database, { now: NOW + 9999, isDead });
    expect(later.counts).toMatchObject({ pending: 6, running: 0, completed: 3, failed: 1, total: 10 });
    expect(later.countedAt).toBe(NOW);
    expect(questions.filter((question) => question.includes("hidb_videos"))).toEqual([]);
    expect((await readOverview(database, { now: NOW + 10_000, isDead })).counts).toMatchObject({ pending: 10 });
    expect((await readOverview(database, { now: NOW + 10_001, isDead, fresh: true })).countedAt).toBe(NOW + 10_001);
  });
});
