// Times that were written before somebody set the clock back: none is waited for longer than it can have been meant.
import { describe, expect, it } from "vitest";
import { endFarWaits } from "../../src/claim/ahead.js";
import { renewLease, viewPool } from "../../src/claim/membership.js";
import { reclaimVideos } from "../../src/claim/reclaim.js";
import { holdPool } from "../../src/claim/stops.js";
import { Line } from "./line.js";
import { idsOf, NO_FIGURES, World } from "./world.js";

const HOURS = 3_600_000;
const LIMITS = { maxAttempts: 3, thorough: true };
const ELSEWHERE = { host: "elsewhere", boot: "another boot" };

async function waitAfterFailure(world: World, id: number, waitMs: number): Promise<void> {
  const now = world.clock.now();
  await world.rows(
    `INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
     VALUES (?, 1, 'a', 'retry', 'no answer', ?, ?)`,
    ...[id, now - 1, now],
  );
  await world.set(id, "attempt = 1, run_after = ?", now + waitMs);
}

describe("a wait between two attempts", () => {
  it("ends when the clock is set back to before it began, and goes on when it is not", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const instance = await world.instance();
    const claimer = await world.claimerOf(instance);
    await waitAfterFailure(world, 1, 4000);
    expect(await endFarWaits(instance)).toBe(0);
    expect(idsOf(await claimer.claimVideos({ limit: 9, alone: false }))).toEqual([2]);
    world.clock.setByMs = -2 * HOURS;
    expect(await endFarWaits(instance)).toBe(1);
    claimer.rewind({ news: true });
    expect(idsOf(await claimer.claimVideos({ limit: 9, alone: false }))).toEqual([1]);
  });

  it("goes on where only an earlier attempt ended in the future", async () => {
    await using world = await World.create({ videos: [1] });
    const instance = await world.instance();
    world.clock.setByMs = 2 * HOURS;
    await waitAfterFailure(world, 1, 0);
    world.clock.setByMs = 0;
    await waitAfterFailure(world, 1, 4000);
    expect(await endFarWaits(instance)).toBe(0);
  });

  it("goes on where it began while a request that ends waits was on its way, asked for anew meanwhile", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const line = new Line(world);
    const instance = await world.instance({ database: line.database });
    world.clock.setByMs = 2 * HOURS;
    await waitAfterFailure(world, 1, 0);
    world.clock.setByMs = 0;
    line.lose(/SET run_after = 0/, "late");
    expect(await endFarWaits(instance)).toBe(1);
    world.clock.advance(60_000);
    await waitAfterFailure(world, 2, 4000);
    await line.arrive();
    expect(await world.video(1)).toMatchObject({ runAfter: 0 });
    expect(await world.video(2)).toMatchObject({ runAfter: world.clock.now() + 4000 });
  });

  it("of a day that a server has asked for is none too long", async () => {
    await using world = await World.create({ videos: [1] });
    const instance = await world.instance();
    await waitAfterFailure(world, 1, 24 * HOURS);
    world.clock.advance(1000);
    expect(await endFarWaits(instance)).toBe(0);
  });
});

describe("a lease of another boot", () => {
  it("that lies hours ahead has run out once nobody has renewed it for as long as a lease lasts", async () => {
    await using world = await World.create({ videos: [1] });
    const dead = await world.instance({ identity: ELSEWHERE });
    await (await world.claimerOf(dead)).claimVideos({ limit: 1, alone: false });
    world.clock.setByMs = -2 * HOURS;
    const witness = await world.instance({ processId: 1 });
    expect(await reclaimVideos(witness, LIMITS)).toEqual([]);
    world.clock.advance(30_000);
    expect(await reclaimVideos(witness, LIMITS)).toEqual([]);
    world.clock.advance(1);
    expect(await reclaimVideos(witness, LIMITS)).toMatchObject([{ videoId: 1, state: "pending" }]);
  });

  it("that its owner goes on renewing holds, however far ahead its clock is", async () => {
    await using world = await World.create({ videos: [1] });
    const owner = await world.instance({ identity: ELSEWHERE });
    await (await world.claimerOf(owner)).claimVideos({ limit: 1, alone: false });
    const witness = await world.instance({ processId: 1 });
    for (let beat = 0; beat < 10; beat++) {
      world.clock.setByMs = 2 * HOURS;
      await renewLease(owner, NO_FIGURES);
      world.clock.setByMs = 0;
      expect(await reclaimVideos(witness, LIMITS)).toEqual([]);
      world.clock.advance(60_000);
      await renewLease(witness, NO_FIGURES);
    }
  });
});

describe("a hold of the whole pool", () => {
  it("is over when the clock has been set back by more than any hold lasts, and gives way to a new one", async () => {
    await using world = await World.create({ videos: [1] });
    const instance = await world.instance();
    const hold = (ms: number) => holdPool(world.database, { reason: "slow down", until: world.clock.now() + ms });
    const stops = async () => {
      await viewPool(instance);
      return instance.stops.length;
    };
    await hold(60_000);
    expect(await stops()).toBe(1);
    world.clock.setByMs = -2 * HOURS;
    expect(await stops()).toBe(0);
    await hold(20_000);
    expect(await stops()).toBe(1);
    await hold(10_000);
    world.clock.advance(15_000);
    expect(await stops()).toBe(1);
    world.clock.advance(5000);
    expect(await stops()).toBe(0);
  });

  it("is not what a pause by a person is: that lasts as long as it was said to", async () => {
    await using world = await World.create();
    const instance = await world.instance();
    const value = JSON.stringify({ reason: null, until: world.clock.now() + 72 * HOURS });
    await world.rows("INSERT INTO hidb_pool (key, value) VALUES ('paused', ?)", value);
    await viewPool(instance);
    expect(instance.stops).toHaveLength(1);
  });
});
