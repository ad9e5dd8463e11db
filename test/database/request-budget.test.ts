// What keeps an account from being blocked: each instance within its share, and all shares within the sum.
import { describe, expect, it } from "vitest";
import { identifyProcess } from "../../src/claim/liveness.js";
import { type Instance, leave, register, renewLease } from "../../src/claim/membership.js";
import { RequestBudget } from "../../src/database/d1/request-budget.js";
import { ManualClock, NO_FIGURES, World } from "../claim/world.js";
import { randomFrom } from "../support/random.js";

const WINDOW_MS = 300_000;

/** Sleeping takes no time, only the clock moves on. */
function hurried(): ManualClock {
  const clock = new ManualClock();
  clock.sleep = async (ms) => clock.advance(ms);
  return clock;
}

/** The most within any five minutes. */
function mostIn(times: number[]): number {
  return Math.max(...times.map((from, at) => times.slice(at).filter((time) => time < from + WINDOW_MS).length));
}

describe("the requests of an instance", () => {
  it.each([30, 110, 330, 900])(
    "are no more than its share in any five minutes, however many it wants: %i",
    async (share) => {
      const clock = hurried();
      const budget = new RequestBudget(clock, 1000);
      budget.grant(share);
      const times: number[] = [];
      // At first all at once, then after a pause in which it could have saved some up.
      for (let request = 0; request < 2.2 * share; request++) {
        if (request === share) clock.advance(WINDOW_MS / 2);
        await budget.take();
        times.push(clock.monotonic());
      }
      // What an instance starts with is not of its share.
      expect(mostIn(times)).toBeLessThanOrEqual(share + 10);
      expect(mostIn(times.slice(10))).toBeLessThanOrEqual(share);
    },
  );

  it("end at once out of the reserve when it has to leave", async () => {
    const clock = hurried();
    const budget = new RequestBudget(clock, 1000);
    for (let request = 0; request < 10; request++) await budget.take();
    const before = clock.monotonic();
    budget.useReserve();
    for (let request = 0; request < 5; request++) await budget.take();
    expect(clock.monotonic()).toBe(before);
  });
});

describe("the shares of all instances", () => {
  it.each([1, 2, 3])("stay within the sum, whoever comes, works, idles, leaves and dies: seed %i", async (seed) => {
    await using world = await World.create();
    const random = randomFrom(seed);
    const { database, clock } = world;
    const budget = () => new RequestBudget(clock, 1000);
    let lives: Instance[] = [];
    const sums: number[] = [];
    for (let step = 0; step < 200; step++) {
      clock.advance(1000);
      const chance = random();
      const one = lives[Math.floor(random() * lives.length)];
      if (chance < 0.1 || one === undefined) {
        const parts = { database, clock, identity: identifyProcess(), processId: step, leaseMs: 1e9 };
        lives.push(await register({ ...parts, budget: budget() }));
      } else if (chance < 0.15) {
        await leave(one, NO_FIGURES, "test");
        lives = lives.filter((life) => life !== one);
      } else {
        await renewLease(one, { ...NO_FIGURES, inHand: random() < 0.5 ? 1 : 0 });
      }
      const [row] = await world.rows<{ sum: number }>(
        "SELECT coalesce(sum(request_share), 0) AS sum FROM hidb_instances WHERE gone_at IS NULL",
      );
      sums.push(row?.sum ?? 0);
    }
    expect(Math.max(...sums)).toBeLessThanOrEqual(900);
    expect(Math.max(...sums)).toBeGreaterThan(400);
  });
});
