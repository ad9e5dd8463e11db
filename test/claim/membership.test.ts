import { describe, expect, it } from "vitest";
import * as membership from "../../src/claim/membership.js";
import { NO_FIGURES, World } from "./world.js";

async function rowOf(world: World, id: string) {
  const [row] = await world.rows<Record<string, unknown>>("SELECT * FROM hidb_instances WHERE id = ?", id);
  return row;
}

describe("membership", () => {
  it("begins as starting, outside the pool, with everything that proves whether its process lives", async () => {
    await using world = await World.create();
    const { database, clock } = world;
    const identity = { host: "here", boot: "boot 1", pid: 4711, pidStartedAt: "99" };
    const instance = await membership.register({ database, clock, identity, processId: 5, leaseMs: 1000 });
    expect(await rowOf(world, instance.id)).toMatchObject({
      host: "here",
      boot: "boot 1",
      pid: 4711,
      pid_started_at: "99",
      process_id: 5,
      state: "starting",
      started_at: clock.now(),
      lease_until: clock.now() + 1000,
      gone_at: null,
    });
    expect(await membership.viewPool(instance)).toEqual({ rank: 0, count: 0 });
    await membership.beginWork(instance);
    expect(await membership.viewPool(instance)).toEqual({ rank: 0, count: 1 });
  });

  it("is renewed by each heartbeat, which also brings the figures", async () => {
    await using world = await World.create();
    const instance = await world.instance({ leaseMs: 1000 });
    world.clock.advance(900);
    const figures = {
      ...NO_FIGURES,
      completed: 7,
      retried: 6,
      failed: 5,
      released: 4,
      lost: 3,
      busyMs: 2.4,
      inHand: 1,
    };
    expect(await membership.renewLease(instance, { ...figures, rssBytes: 123 })).toBe(true);
    expect(await rowOf(world, instance.id)).toMatchObject({
      lease_until: world.clock.now() + 1000,
      completed: 7,
      retried: 6,
      failed: 5,
      released: 4,
      lost: 3,
      busy_ms: 2,
      in_hand: 1,
      rss_bytes: 123,
    });
  });

  it("comes back by a late heartbeat, as long as nobody has declared it over", async () => {
    await using world = await World.create();
    const instance = await world.instance({ leaseMs: 1000 });
    world.clock.advance(5000);
    expect(await membership.viewPool(instance)).toMatchObject({ count: 0 });
    expect(await membership.renewLease(instance, NO_FIGURES)).toBe(true);
    expect(await membership.viewPool(instance)).toEqual({ rank: 0, count: 1 });
  });

  it("notices at the next heartbeat that it has been declared over", async () => {
    await using world = await World.create();
    const instance = await world.instance();
    await world.rows("UPDATE hidb_instances SET state = 'gone', gone_at = 1, gone_because = 'died'");
    expect(await membership.renewLease(instance, NO_FIGURES)).toBe(false);
    expect(await rowOf(world, instance.id)).toMatchObject({ state: "gone", gone_because: "died" });
  });

  it("ends with a reason and the last figures, and never begins again", async () => {
    await using world = await World.create();
    const instance = await world.instance();
    world.clock.advance(10);
    await membership.leave(instance, { ...NO_FIGURES, completed: 3, inHand: 2 }, "SIGINT");
    const gone = { state: "gone", gone_at: world.clock.now(), gone_because: "SIGINT", completed: 3, in_hand: 0 };
    expect(await rowOf(world, instance.id)).toMatchObject(gone);
    await membership.beginWork(instance);
    await membership.beginDrain(instance);
    await membership.leave(instance, NO_FIGURES, "again");
    expect(await rowOf(world, instance.id)).toMatchObject(gone);
  });

  it("keeps a drained instance out of the ranks while its lease goes on", async () => {
    await using world = await World.create();
    const draining = await world.instance({ processId: 0 });
    const other = await world.instance({ processId: 1 });
    await membership.beginDrain(draining);
    expect(await membership.renewLease(draining, NO_FIGURES)).toBe(true);
    expect(await membership.viewPool(other)).toEqual({ rank: 0, count: 1 });
  });

  it("lets one instance recycle at a time", async () => {
    await using world = await World.create();
    const [first, second, third] = [await world.instance(), await world.instance(), await world.instance()];
    expect(await membership.beginRecycle(first)).toBe(true);
    expect(await membership.beginRecycle(second)).toBe(false);
    expect(await rowOf(world, second.id)).toMatchObject({ state: "working" });
    await membership.leave(first, NO_FIGURES, "recycled");
    expect(await membership.beginRecycle(second)).toBe(true);
    expect(await membership.beginRecycle(third)).toBe(false);
  });

  it("does not let an instance that has stopped beating stand in the way of a recycle", async () => {
    await using world = await World.create();
    const stuck = await world.instance({ leaseMs: 1000 });
    const waiting = await world.instance();
    expect(await membership.beginRecycle(stuck)).toBe(true);
    world.clock.advance(1000);
    expect(await membership.beginRecycle(waiting)).toBe(false);
    world.clock.advance(1);
    expect(await membership.beginRecycle(waiting)).toBe(true);
  });

  it("forgets lives that ended two weeks ago, when a new one begins", async () => {
    await using world = await World.create();
    const old = await world.instance();
    await membership.leave(old, NO_FIGURES, "SIGINT");
    world.clock.advance(14 * 86_400_000);
    await world.instance();
    expect(await rowOf(world, old.id)).toBeDefined();
    world.clock.advance(1);
    await world.instance();
    expect(await rowOf(world, old.id)).toBeUndefined();
  });
});
