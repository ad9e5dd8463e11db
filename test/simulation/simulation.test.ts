import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Store } from "./engine.ts";
import { judgePlan } from "./judge-plan.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { simulate } from "./world.ts";

const SEEDS = 40;
const REGRESSIONS = join(import.meta.dirname, "regressions");

describe("the simulated pool", () => {
  it("keeps every promise, whatever happens to it", { timeout: 600_000 }, async () => {
    const store = await Store.open();
    for (let seed = 1; seed <= SEEDS; seed++) {
      expect((await judgePlan(drawPlan(String(seed)), store)).verdict).toBe("held");
    }
  });

  it("keeps those that it has once broken", async () => {
    const store = await Store.open();
    for (const name of readdirSync(REGRESSIONS)) {
      const plan = JSON.parse(readFileSync(join(REGRESSIONS, name), "utf8")) as Plan;
      expect((await judgePlan(plan, store)).verdict, name).toBe("held");
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
