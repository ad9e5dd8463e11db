// More seeds than `npm test` has time for, and whether each kind of fault occurs in them.
import { expect, it } from "vitest";
import { Store } from "./engine.ts";
import { judgePlan } from "./judge-plan.ts";
import { drawPlan } from "./plan.ts";
import { Tally } from "./tally.ts";

const FIRST_SEED = Number(process.env.TEST_SEED ?? 41);
const SEEDS = 200;

/** A fault that never happens is a fault of the simulator. */
const MUST_HAPPEN = [
  "killed before a statement",
  "killed after a statement",
  "frozen beyond its lease",
  "buried alive, after its lease",
  "clock forwards",
  "clock back",
  "rebooted",
  "scaled",
  "reloaded",
  "restarted",
  "paused",
  "cancelled",
  "retried by a person",
  "videos added",
  "videos removed",
  "memory",
  "reclaimed",
  "quarantined",
  "inherited",
  "given back",
  "given back unstarted",
  "event: claim.lost",
  "event: attempt.hung",
  "disk: locked",
  "disk: full",
  "disk: broken",
  "d1: lost request",
  "d1: lost answer",
  "d1: late request",
  "d1: late answer",
  "d1: overloaded",
  "d1: limit 429",
  "d1: spurious 7403",
  "d1: truncated",
  "d1: outage",
  "d1: quota",
];

it("the simulated pool keeps every promise under every fault", { timeout: 1_200_000 }, async () => {
  const store = await Store.open();
  const tally = new Tally();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const result = await judgePlan(drawPlan(String(seed)), store);
    expect(result.verdict).toBe("held");
    tally.add(result);
  }
  for (const what of MUST_HAPPEN) expect(tally.summary.counts[what] ?? 0, what).toBeGreaterThan(0);
});
