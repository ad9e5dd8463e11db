// How a plan's run is put into a test's words.
import type { Store } from "./engine.ts";
import type { Plan } from "./plan.ts";
import { simulate } from "./world.ts";

/** "held", or with the plan's seed which promise was broken. */
export async function judgePlan(plan: Plan, store: Store) {
  const result = await simulate(plan, store);
  return { ...result, verdict: result.failure === undefined ? "held" : `seed ${plan.seed}: ${result.failure.message}` };
}
