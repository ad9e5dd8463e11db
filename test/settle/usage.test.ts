import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addVideos } from "../../src/catalogue/add.js";
import { retryVideos } from "../../src/catalogue/backlog.js";
import { readOver } from "../../src/report/usage.js";
import { listVideos, showVideo } from "../../src/report/videos.js";
import { recoverSpools } from "../../src/store/remote/recovery.js";
import { REMOTE_SETTLEMENTS } from "../../src/store/remote/remote.js";
import { Spool } from "../../src/store/remote/spool.js";
import type { Outcome, UsageReport } from "../../src/video.js";
import { makeFolder, readList } from "../catalogue/world.js";
import { CATALOGUE, many, World } from "../claim/world.js";
import { OPTIONS, openDesk } from "./world.js";

const LONG = 60_000;
const NOTHING = {
  cpuMs: 0,
  memoryMb: 0,
  subrequests: 0,
  serviceCalls: 0,
  cacheCalls: 0,
  d1Queries: 0,
  requestBytes: 0,
  responseBytes: 0,
  logBytes: 0,
  waitUntilMs: 0,
};
const within: UsageReport = { plan: "paid", over: [], ...NOTHING, cpuMs: 12, limits: {} };
const over = (cpuMs: number): UsageReport => ({ ...within, over: ["cpu"], cpuMs, limits: { cpu: 30_000 } });

const completed = (usage?: UsageReport): Extract<Outcome, { kind: "completed" }> => ({
  kind: "completed",
  output: "{}",
  ...(usage === undefined ? {} : { usage }),
});
const OUTCOMES: Outcome[] = [
  completed(over(41_200)),
  { kind: "retry", reason: "no", usage: over(41_200) },
  { kind: "failed", reason: "no", usage: over(41_200) },
];

const rowsOf = (world: World) =>
  world.rows("SELECT video_id AS id, attempt, plan, over_limits AS over FROM hidb_usage");

async function usageOf(world: World, id: number): Promise<UsageReport | null | undefined> {
  return (await showVideo(world.database, CATALOGUE, id))?.usage;
}

/** The same desk, which also counts the statements of each of its transactions. */
async function openCountingDesk(world: World) {
  const counts: number[] = [];
  const database = Object.create(world.database, {
    prepare: { value: world.database.prepare.bind(world.database) },
    batch: {
      value: (statements: Parameters<typeof world.database.batch>[0]) => {
        counts.push(statements.length);
        return world.database.batch(statements);
      },
    },
  });
  return { counts, ...(await openDesk(world, { database })) };
}

describe("what an attempt used", () => {
  it.each(OUTCOMES)("is kept with `$kind` where it went over a limit", async (outcome) => {
    await using world = await World.create({ videos: many(3) });
    const { settler, claim } = await openDesk(world);
    expect(await settler.settleOutcome(claim(2), outcome, LONG)).toMatchObject({ held: true, outcome });
    expect(await rowsOf(world)).toEqual([{ id: 2, attempt: 1, plan: "paid", over: '["cpu"]' }]);
    expect(await usageOf(world, 2)).toEqual(over(41_200));
    expect(await usageOf(world, 1)).toBeNull();
  });

  it("costs no statement and no row where it kept within the limits, or where nobody measured", async () => {
    await using world = await World.create({ videos: many(40) });
    const { settler, claim, counts } = await openCountingDesk(world);
    for (const id of many(40)) void settler.settleOutcome(claim(id), completed(id % 2 === 0 ? within : undefined), 1);
    await settler.flush();
    expect(counts).toEqual([1]);
    expect(await world.states()).toEqual({ completed: 40 });
    expect(await rowsOf(world)).toEqual([]);
  });

  it("costs one statement for all of a group that went over, and parts nobody from the group", async () => {
    await using world = await World.create({ videos: many(40) });
    const { settler, claim, counts } = await openCountingDesk(world);
    const settled = many(40).map((id) => settler.settleOutcome(claim(id), completed(id > 37 ? over(id) : within), 1));
    await settler.flush();
    expect(counts).toEqual([2]);
    expect((await Promise.all(settled)).every((one) => one.held)).toBe(true);
    expect(await rowsOf(world)).toMatchObject([{ id: 38 }, { id: 39 }, { id: 40 }]);
  });

  it("is told apart in a group of all kinds, of which some have lost their claims", async () => {
    await using world = await World.create({ videos: many(8) });
    const { settler, claim } = await openDesk(world);
    for (const id of [1, 2, 3]) await world.set(id, "instance = 'another'");
    const kinds = (id: number) => OUTCOMES[id % 3] as Outcome;
    const settled = many(8).map((id) => settler.settleOutcome(claim(id), kinds(id), 1));
    await settler.flush();
    expect((await Promise.all(settled)).map((one) => one.held)).toEqual(many(8).map((id) => id > 3));
    expect((await rowsOf(world)).map((row) => row.id)).toEqual([4, 5, 6, 7, 8]);
  });

  it.each(OUTCOMES)("is not kept with `$kind` of a late loser", async (outcome) => {
    for (const change of ["instance = 'another'", "attempt = 2", "claimed_at = claimed_at + 1"]) {
      await using world = await World.create({ videos: many(3) });
      const { settler, claim } = await openDesk(world);
      await world.set(2, change);
      expect(await settler.settleOutcome(claim(2), outcome, LONG)).toMatchObject({ held: false });
      expect(await rowsOf(world)).toEqual([]);
    }
  });

  it("is that of the first of two settlements under one claim", async () => {
    await using world = await World.create({ videos: [1] });
    const { settler, claim } = await openDesk(world);
    const first = settler.settleOutcome(claim(1), { kind: "failed", reason: "first", usage: over(40_000) }, 1);
    const second = settler.settleOutcome(claim(1), { kind: "failed", reason: "second", usage: over(50_000) }, 1);
    await settler.flush();
    expect([(await first).held, (await second).held]).toEqual([true, false]);
    expect(await usageOf(world, 1)).toMatchObject({ cpuMs: 40_000 });
  });

  it("is committed together with the statements of the outcome", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const { settler, claim } = await openDesk(world);
    await world.rows("CREATE TABLE notes (text)");
    const statements = [world.database.prepare("INSERT INTO notes VALUES ('done')")];
    const outcome = { ...completed(over(41_200)), statements };
    await world.set(2, "instance = 'another'");
    const settled = [1, 2].map((id) => settler.settleOutcome(claim(id), outcome, LONG));
    expect((await Promise.all(settled)).map((one) => one.held)).toEqual([true, false]);
    expect(await world.rows("SELECT * FROM notes")).toHaveLength(1);
    expect(await rowsOf(world)).toMatchObject([{ id: 1 }]);
  });

  it("is kept, too, when those statements fail, and when an attempt was the last", async () => {
    await using world = await World.create({ videos: [1, 2] });
    await world.set(2, "attempt = 2");
    const { settler, claim } = await openDesk(world);
    const statements = [world.database.prepare("INSERT INTO nowhere VALUES (1)")];
    await settler.settleOutcome(claim(1), { ...completed(over(41_200)), statements }, LONG);
    await settler.settleOutcome(claim(2), { kind: "retry", reason: "no", usage: over(51_200) }, LONG);
    expect(await world.video(1)).toMatchObject({ state: "pending" });
    expect(await world.video(2)).toMatchObject({ state: "failed" });
    expect(await usageOf(world, 1)).toMatchObject({ cpuMs: 41_200 });
    expect(await usageOf(world, 2)).toMatchObject({ cpuMs: 51_200 });
  });

  it.each([
    ["no object", 7],
    ["null", null],
    ["without names", { plan: "paid", over: "cpu" }],
    ["with unknown names", { plan: "paid", over: ["colour"] }],
    ["of an unknown plan", { plan: 1n, over: ["cpu"] }],
  ])("does no harm to the others of its group when it is %s", async (_, usage) => {
    await using world = await World.create({ videos: many(3) });
    const { settler, claim } = await openDesk(world);
    const odd = { ...completed(), usage } as Outcome;
    const settled = [1, 2, 3].map((id) => settler.settleOutcome(claim(id), id === 2 ? odd : completed(over(9)), 1));
    await settler.flush();
    expect((await Promise.all(settled)).map((one) => one.held)).toEqual([true, true, true]);
    expect(await rowsOf(world)).toMatchObject([{ id: 1 }, { id: 3 }]);
  });

  it("is read back with figures that somebody has put there as no numbers", async () => {
    await using world = await World.create({ videos: [1] });
    const { settler, claim } = await openDesk(world);
    const odd = { ...over(41_200), memoryMb: 5n, logBytes: "many" } as unknown as UsageReport;
    await settler.settleOutcome(claim(1), completed(odd), LONG);
    expect(await usageOf(world, 1)).toEqual(over(41_200));
  });
});

describe("of several attempts", () => {
  async function attemptAgain(world: World, usage: UsageReport | undefined): Promise<void> {
    const { settler, claim } = await openDesk(world);
    await settler.settleOutcome(claim(1), { kind: "retry", reason: "no", ...(usage ? { usage } : {}) }, LONG);
    world.clock.advance(1_000_000);
  }

  it("the last one counts", async () => {
    await using world = await World.create({ videos: [1] });
    await attemptAgain(world, over(40_000));
    await attemptAgain(world, over(50_000));
    expect(await usageOf(world, 1)).toMatchObject({ cpuMs: 50_000 });
    expect(await rowsOf(world)).toEqual([{ id: 1, attempt: 2, plan: "paid", over: '["cpu"]' }]);
  });

  it("one within the limits ends what the one before it has left, without a statement", async () => {
    for (const later of [within, undefined]) {
      await using world = await World.create({ videos: [1] });
      await attemptAgain(world, over(40_000));
      expect(await readOver(world.database)).toEqual([{ plan: "paid", videos: 1, limits: { cpu: 1 } }]);
      await attemptAgain(world, later);
      expect(await usageOf(world, 1)).toBeNull();
      expect(await readOver(world.database)).toEqual([]);
      for await (const page of listVideos(world.database, CATALOGUE, { over: ["cpu"] })) expect(page).toEqual([]);
    }
  });

  it("one that is given back leaves the one before it to count", async () => {
    await using world = await World.create({ videos: [1] });
    await attemptAgain(world, over(40_000));
    const { settler, claim } = await openDesk(world);
    await settler.settleOutcome(claim(1), { kind: "released" }, LONG);
    expect(await usageOf(world, 1)).toMatchObject({ cpuMs: 40_000 });
  });

  it("nothing counts any more once a person has it tried anew", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const { settler, claim } = await openDesk(world);
    for (const id of [1, 2]) await settler.settleOutcome(claim(id), { ...(OUTCOMES[2] as Outcome) }, LONG);
    expect(await retryVideos(world.database, { ids: [1], states: ["failed"] })).toEqual([1]);
    expect(await rowsOf(world)).toMatchObject([{ id: 2 }]);
    await attemptAgain(world, undefined);
    expect(await usageOf(world, 1)).toBeNull();
    expect(await usageOf(world, 2)).toMatchObject({ cpuMs: 41_200 });
  });

  it("nothing counts of a deleted video whose number is given away again", async () => {
    await using world = await World.create({ videos: [1] });
    await attemptAgain(world, over(40_000));
    await world.rows("DELETE FROM videos");
    const list = await readList("-", { stdin: "id,source\n1,http://x/new.mp4\n" });
    await addVideos(world.database, CATALOGUE, list);
    await attemptAgain(world, undefined);
    expect(await usageOf(world, 1)).toBeNull();
    expect(await rowsOf(world)).toEqual([]);
  });
});

describe("what a dead instance had spooled", () => {
  it("comes with what it used, under the claims of the dead", async () => {
    await using world = await World.create({ videos: many(4) });
    const { instance, claim } = await openDesk(world);
    const folder = makeFolder();
    const identity = { host: "h", boot: "b", pid: 1, pidStartedAt: "1" };
    const spool = new Spool(folder, { database: "d", instance: instance.id, ...identity }, world);
    const statements = [world.database.prepare("CREATE TABLE made (id)")];
    spool.keep(claim(1), completed(over(41_200)), 1);
    spool.keep(claim(2), { ...completed(over(42_200)), statements }, 1);
    spool.keep(claim(3), OUTCOMES[1] as Outcome, 1);
    spool.keep(claim(4), completed(within), 1);
    spool.close();
    const { database, clock } = world;
    const held = await recoverSpools({
      folder,
      databaseName: "d",
      isDead: () => true,
      settler: { ...OPTIONS, database, clock, style: REMOTE_SETTLEMENTS, onTrouble: () => undefined },
      onSettled: () => undefined,
    });
    expect(held).toBe(4);
    expect(readdirSync(folder).map((name) => rmSync(join(folder, name)))).toEqual([]);
    expect((await rowsOf(world)).map((row) => row.id)).toEqual([1, 2, 3]);
    expect(await usageOf(world, 2)).toEqual(over(42_200));
  });
});
