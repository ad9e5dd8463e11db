import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { identifyProcess } from "../../src/claim/liveness.js";
import { beginWork, leave, register, renewLease, viewPool } from "../../src/claim/membership.js";
import { reclaimVideos } from "../../src/claim/reclaim.js";
import { isOutcomeUnknown } from "../../src/errors.js";
import { Line } from "./line.js";
import { idsOf, many, NO_FIGURES, World } from "./world.js";

const ALL = { limit: 50, alone: false };
const CLAIM = /SET state = 'running'/;

async function setup(world: World) {
  const line = new Line(world);
  const instance = await world.instance({ database: line.database });
  const claimer = await world.claimerOf(instance);
  const loseClaim = async (fate: "applied" | "gone" | "late") => {
    line.lose(CLAIM, fate);
    const error = await claimer.claimVideos(ALL).catch((reason: unknown) => reason);
    expect(isOutcomeUnknown(error)).toBe(true);
  };
  return { line, instance, claimer, loseClaim };
}

describe("a claim whose answer is lost", () => {
  it("gives back what it has taken before anything else is claimed", async () => {
    await using world = await World.create({ videos: many(3) });
    const { claimer, loseClaim } = await setup(world);
    await loseClaim("applied");
    expect(await world.states()).toEqual({ running: 3 });
    world.clock.advance(10);
    const claims = await claimer.claimVideos(ALL);
    expect(idsOf(claims)).toEqual([1, 2, 3]);
    expect(claims.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    expect(await world.video(1)).toMatchObject({ attempt: 1, claimedAt: claims[0]?.claimedAt });
  });

  it("that never arrived costs nothing", async () => {
    await using world = await World.create({ videos: many(3) });
    const { claimer, loseClaim } = await setup(world);
    await loseClaim("gone");
    expect(idsOf(await claimer.claimVideos(ALL))).toEqual([1, 2, 3]);
  });

  it("that arrives after it was given up takes nothing", async () => {
    await using world = await World.create({ videos: many(3) });
    const { claimer, line, loseClaim } = await setup(world);
    await loseClaim("late");
    await claimer.settleDebts();
    await line.arrive();
    expect(await world.states()).toEqual({ pending: 3 });
    expect(idsOf(await claimer.claimVideos(ALL))).toEqual([1, 2, 3]);
  });

  it("leaves alone what another instance has claimed at the same moment", async () => {
    await using world = await World.create({ videos: many(4) });
    const { claimer, loseClaim } = await setup(world);
    const other = await world.claimer({}, { processId: 1, database: new Line(world).database });
    const [theirs] = await other.claimVideos(ALL);
    await loseClaim("applied");
    await claimer.settleDebts();
    expect(await world.video(theirs?.video.id ?? 0)).toMatchObject({ state: "running", claimedAt: theirs?.claimedAt });
    expect(await world.states()).toEqual({ running: 2, pending: 2 });
  });

  it("leaves alone what the same instance has claimed at another moment", async () => {
    await using world = await World.create({ videos: many(3) });
    const { claimer, loseClaim } = await setup(world);
    const [first] = await claimer.claimVideos({ limit: 1, alone: false });
    await loseClaim("applied");
    await claimer.settleDebts();
    expect(await world.states()).toEqual({ running: 1, pending: 2 });
    expect(await world.video(1)).toMatchObject({ state: "running", claimedAt: first?.claimedAt });
  });

  it.each(["applied", "gone"] as const)(
    "is undone before the instance leaves, though the answer to that is lost as well: %s",
    async (fate) => {
      await using world = await World.create({ videos: many(3) });
      const { claimer, line, loseClaim } = await setup(world);
      await loseClaim("applied");
      line.lose(/SET epoch/, fate);
      await expect(claimer.settleDebts()).resolves.toBeUndefined();
      expect(await world.states()).toEqual({ pending: 3 });
      expect(await world.video(1)).toMatchObject({ attempt: 0, instance: null });
    },
  );
});

describe("a reclaim whose answer is lost", () => {
  it.each(["applied", "gone"] as const)("is done again, and tells what it has taken back: %s", async (fate) => {
    await using world = await World.create({ videos: [1, 2] });
    const { pid } = spawnSync("true");
    const dead = await world.instance({ identity: { pid, pidStartedAt: "1" } });
    await (await world.claimerOf(dead)).claimVideos(ALL);
    const { line, instance } = await setup(world);
    line.lose(/SET deaths = /, fate);
    await expect(reclaimVideos(instance, { maxAttempts: 3, thorough: false })).resolves.toMatchObject([
      { videoId: 1, attempt: 1, state: "pending" },
      { videoId: 2, attempt: 1, state: "pending" },
    ]);
    expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 1, deaths: 1 });
    expect(await world.attempts()).toHaveLength(2);
  });
});

describe("an instance", () => {
  it.each(["applied", "gone"] as const)("registers once though the answer is lost: %s", async (fate) => {
    await using world = await World.create();
    const line = new Line(world);
    const { clock } = world;
    line.lose(/INTO hidb_instances/, fate);
    const parts = { database: line.database, clock, identity: identifyProcess(), processId: 0, leaseMs: 30_000 };
    const registering = register(parts);
    await expect(registering).resolves.toMatchObject({ processId: 0 });
    const instance = await registering;
    line.lose(/SET state = 'working'/, fate);
    await expect(beginWork(instance)).resolves.toBe(true);
    expect(await viewPool(instance)).toEqual({ rank: 0, count: 1 });
    expect(await world.rows("SELECT id FROM hidb_instances")).toEqual([{ id: instance.id }]);
  });

  it.each(["applied", "gone"] as const)("leaves for good though the answer is lost: %s", async (fate) => {
    await using world = await World.create();
    const { line, instance } = await setup(world);
    line.lose(/SET state = 'gone'/, fate);
    await expect(leave(instance, NO_FIGURES, "SIGINT")).resolves.toBeUndefined();
    expect(await world.rows("SELECT gone_because AS because FROM hidb_instances")).toEqual([{ because: "SIGINT" }]);
    expect(await renewLease(instance, NO_FIGURES)).toBe(false);
  });
});
