import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Outcome } from "../../src/video.js";
import { World } from "../claim/world.js";
import { advance, COMPLETED, fakeTimers, TestPool } from "./world.js";

beforeEach(fakeTimers);
afterEach(() => vi.useRealTimers());

const HOURS = 3_600_000;
const FAILED: Outcome = { kind: "retry", reason: "no answer", afterMs: 4000 };

it("a wait of seconds takes seconds, though the clock is set back by two hours meanwhile", async () => {
  await using world = await World.create({ videos: [1] });
  let attempts = 0;
  const pool = await TestPool.create(world, { process: async () => (++attempts === 1 ? FAILED : COMPLETED) });
  await pool.start();
  await advance(world, 1000);
  expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 1 });
  world.clock.setByMs = -2 * HOURS;
  await advance(world, 4000);
  expect(await world.video(1)).toMatchObject({ state: "completed", attempt: 2 });
});
