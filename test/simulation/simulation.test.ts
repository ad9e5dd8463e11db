import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Store } from "./engine.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { Tally } from "./tally.ts";
import { simulate } from "./world.ts";

const FIRST_SEED = Number(process.env.HIDB_TEST_SEED ?? 1);
const SEEDS = 200;
const REGRESSIONS = join(import.meta.dirname, "regressions");

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

async function run(plan: Plan, store: Store) {
  const result = await simulate(plan, store);
  return { ...result, verdict: result.failure === undefined ? "held" : `seed ${plan.seed}: ${result.failure.message}` };
}

describe("the simulated pool", () => {
  it("keeps every promise, whatever happens to it", { timeout: 600_000 }, async () => {
    const store = await Store.open();
    const tally = new Tally();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const result = await run(drawPlan(String(seed)), store);
      expect(result.verdict).toBe("held");
      tally.add(result);
    }
    for (const what of MUST_HAPPEN) expect(tally.summary.counts[what] ?? 0, what).toBeGreaterThan(0);
  });

  it("keeps those that it has once broken", async () => {
    const store = await Store.open();
    for (const name of readdirSync(REGRESSIONS)) {
      const plan = JSON.parse(readFileSync(join(REGRESSIONS, name), "utf8")) as Plan;
      expect((await run(plan, store)).verdict, name).toBe("held");
    }
  });

  it("does the same again for the same seed, step by step, and something else for another", async () => {
    const store = await Store.open();
    const hashes: string[] = [];
    // One of each database, with other runs in between.
    for (const seed of ["1", "12", "1", "12"]) hashes.push((await simulate(drawPlan(seed), store)).hash);
    expect(hashes.slice(2)).toEqual(hashes.slice(0, 2));
    expect(new Set(hashes).size).toBe(2);
  });
});
