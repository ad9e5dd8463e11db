// A sample of `npm run faults -- nth`: of every command some operations that fail, and one that is the last.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomFrom } from "../support/random.ts";
import { isJourney, isKill, type Strike } from "./nth/fault.ts";
import type { Lane } from "./nth/place.ts";
import { openLanes, PLANS, type Plan } from "./nth/run.ts";

/** The same operations every time; another seed picks others. */
const SEED = Number(process.env.TEST_SEED ?? 1);

let lanes: Lane[] = [];
let end = async () => {};
beforeAll(async () => {
  console.log(`operations picked by TEST_SEED=${SEED}`);
  ({ lanes, end } = await openLanes(2, { isRemote: true }));
});
afterAll(() => end());

/** One of the modes that fail, and one that kills; of those on the way to D1 where there are any. */
function pick({ name, modes }: Plan, counts: { operations: number; requests: number }): Strike[] {
  const random = randomFrom(SEED + [...name].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7));
  const oneOf = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)] as T;
  const kinds = [modes.filter((mode) => !isJourney(mode)), modes.filter(isJourney)].filter((kind) => kind.length > 0);
  return kinds.flatMap((kind) =>
    [kind.filter((mode) => !isKill({ mode })), kind.filter((mode) => isKill({ mode }))].map((some) => {
      const mode = oneOf(some);
      // Where something is killed compiling does not count, and the last operations may have other numbers.
      const most = isJourney(mode) ? counts.requests : counts.operations * (isKill({ mode }) ? 0.4 : 0.9);
      return { mode, at: 1 + Math.floor(random() * most) };
    }),
  );
}

describe("an operation of the database that fails or is the last one", () => {
  it.for(PLANS)("is of no consequence to the next $name", async (plan) => {
    const trial = await plan.open(lanes[0] as Lane);
    try {
      const strikes = pick(plan, trial.counts);
      const verdicts: unknown[] = [];
      for (const strike of strikes) {
        const { hit, problems } = await trial.run(strike, lanes[0] as Lane);
        verdicts.push({ ...strike, isHit: hit !== undefined, problems });
      }
      expect(verdicts).toEqual(strikes.map((strike) => ({ ...strike, isHit: true, problems: [] })));
    } finally {
      trial.end();
    }
  });
});
