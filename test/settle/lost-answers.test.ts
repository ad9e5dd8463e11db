import { describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";
import type { Outcome } from "../../src/video.js";
import { Line } from "../claim/line.js";
import { many, settleDown, World } from "../claim/world.js";
import { type Desk, openDesk } from "./world.js";

const SETTLEMENT = /hidb_videos/;
const completed: Outcome = { kind: "completed", output: "{}" };
const OUTCOMES: [name: string, outcome: Outcome, row: Record<string, unknown>][] = [
  ["completed", completed, { state: "completed", attempt: 1, output: "{}" }],
  ["retry", { kind: "retry", reason: "no" }, { state: "pending", attempt: 1, error: "no" }],
  ["failed", { kind: "failed", reason: "no" }, { state: "failed", attempt: 1, error: "no" }],
  ["released", { kind: "released" }, { state: "pending", attempt: 0, error: null }],
];

/** Settles over a line, moving the clock on while it waits to try again. */
async function settle(world: World, { settler, troubles, claim }: Desk, outcome: Outcome) {
  const settling = settler.settleOutcome(claim(1), outcome, 1000);
  await expect.poll(() => troubles.length, { interval: 2 }).toBe(1);
  await settleDown();
  world.clock.advance(1000);
  return settling;
}

/** A database whose batches go through a function of the test. */
function withBatch(world: World, batch: Database["batch"]): Database {
  return Object.create(world.database, {
    prepare: { value: world.database.prepare.bind(world.database) },
    batch: { value: batch },
  });
}

describe("an outcome whose answer is lost", () => {
  it.each(OUTCOMES)("counts as held once it was applied, and is written once: %s", async (_, outcome, row) => {
    await using world = await World.create({ videos: [1] });
    const line = new Line(world);
    const desk = await openDesk(world, { database: line.database });
    line.lose(SETTLEMENT, "applied");
    expect(await settle(world, desk, outcome)).toMatchObject({ held: true });
    expect(await world.video(1)).toMatchObject(row);
    expect(await world.attempts()).toHaveLength(outcome.kind === "retry" || outcome.kind === "failed" ? 1 : 0);
  });

  it.each(OUTCOMES)("is written by the next try when it never arrived: %s", async (_, outcome, row) => {
    await using world = await World.create({ videos: [1] });
    const line = new Line(world);
    const desk = await openDesk(world, { database: line.database });
    line.lose(SETTLEMENT, "gone");
    expect(await settle(world, desk, outcome)).toMatchObject({ held: true });
    expect(await world.video(1)).toMatchObject(row);
  });

  it.each(OUTCOMES)("is lost when the claim was lost meanwhile: %s", async (_, outcome) => {
    await using world = await World.create({ videos: [1] });
    const line = new Line(world);
    const desk = await openDesk(world, { database: line.database });
    line.lose(SETTLEMENT, "gone");
    // As a reclaim leaves it: a death on record, and another attempt.
    await world.rows(
      `INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
       SELECT video_id, attempt, instance, 'died', 'its instance died', claimed_at, ? FROM hidb_videos`,
      world.clock.now(),
    );
    await world.set(1, "instance = 'another', attempt = 2, deaths = 1");
    const before = await world.video(1);
    expect(await settle(world, desk, outcome)).toMatchObject({ held: false });
    expect(await world.video(1)).toEqual(before);
  });

  it("changes nothing when it arrives after its second try", async () => {
    await using world = await World.create({ videos: [1] });
    const line = new Line(world);
    const desk = await openDesk(world, { database: line.database });
    line.lose(SETTLEMENT, "late");
    expect(await settle(world, desk, { kind: "retry", reason: "no" })).toMatchObject({ held: true });
    const before = await world.video(1);
    await line.arrive();
    expect(await world.video(1)).toEqual(before);
    expect(await world.attempts()).toHaveLength(1);
  });

  it("is asked about until an answer comes", async () => {
    await using world = await World.create({ videos: [1] });
    const line = new Line(world);
    const desk = await openDesk(world, { database: line.database });
    for (const what of [SETTLEMENT, /SELECT 1 AS yes/, /SELECT 1 AS yes/]) line.lose(what, "applied");
    const settling = desk.settler.settleOutcome(desk.claim(1), { kind: "retry", reason: "no" }, 1000);
    for (let round = 1; round <= 3; round++) {
      await expect.poll(() => desk.troubles.length, { interval: 2 }).toBe(round);
      await settleDown();
      world.clock.advance(1000);
    }
    expect(await settling).toMatchObject({ held: true });
  });

  it("is not taken for written because an earlier settlement of the same claim was", async () => {
    await using world = await World.create({ videos: [1] });
    const line = new Line(world);
    const desk = await openDesk(world, { database: line.database });
    await desk.settler.settleOutcome(desk.claim(1), { kind: "retry", reason: "first" }, 1000);
    world.clock.advance(5);
    line.lose(SETTLEMENT, "gone");
    expect(await settle(world, desk, { kind: "failed", reason: "second" })).toMatchObject({ held: false });
    expect(await world.video(1)).toMatchObject({ state: "pending", error: "first" });
  });

  it("counts as held with its statements, which are applied once", async () => {
    await using world = await World.create({ videos: [1] });
    await world.rows("CREATE TABLE notes (text TEXT)");
    const line = new Line(world);
    const desk = await openDesk(world, { database: line.database });
    const statements = [line.database.prepare("INSERT INTO notes VALUES ('once')")];
    line.lose(/INTO notes/, "applied");
    expect(await settle(world, desk, { ...completed, statements })).toMatchObject({ held: true });
    expect(await world.rows("SELECT text FROM notes")).toEqual([{ text: "once" }]);
  });
});

describe("the statements of an outcome", () => {
  it("are never seen without the state", async () => {
    await using world = await World.create({ videos: [1] });
    await world.rows("CREATE TABLE notes (text TEXT)");
    const seen: unknown[] = [];
    const database = withBatch(world, async (batch) => {
      const answers = await world.database.batch<never>(batch);
      seen.push(...(await world.rows("SELECT state, (SELECT count(*) FROM notes) AS notes FROM hidb_videos")));
      return answers;
    });
    const { settler, claim } = await openDesk(world, { database });
    const statements = [world.database.prepare("INSERT INTO notes VALUES ('one')")];
    await settler.settleOutcome(claim(1), { ...completed, statements }, 1000);
    expect(seen).toEqual([{ state: "completed", notes: 1 }]);
  });
});

describe("a group that is under way", () => {
  it("is waited for: a flush waits for the groups before its own", async () => {
    await using world = await World.create({ videos: many(2) });
    const first = Promise.withResolvers<void>();
    let batches = 0;
    const database = withBatch(world, async (batch) => {
      if (batches++ === 0) await first.promise;
      return world.database.batch<never>(batch);
    });
    const { settler, claim } = await openDesk(world, { database });
    void settler.settleOutcome(claim(1), completed, 1);
    void settler.flush();
    void settler.settleOutcome(claim(2), completed, 1);
    let flushed = false;
    const flushing = settler.flush().then(() => {
      flushed = true;
    });
    await settleDown(20);
    expect(flushed).toBe(false);
    first.resolve();
    await flushing;
    expect(await world.states()).toEqual({ completed: 2 });
  });
});
