// Makes a failing plan smaller: drops kinds of faults, then single ones, then instances, pools and videos, as long as the
// same rule is still broken.
import type { Store } from "./engine.ts";
import type { Plan } from "./plan.ts";
import { simulate } from "./world.ts";

const MOST_TRIES = 250;

export interface Smallest {
  plan: Plan;
  tries: number;
}

export async function shrink(plan: Plan, failure: { rule: string }, store: Store): Promise<Smallest> {
  let best = plan;
  let tries = 0;
  const holds = async (smaller: Plan): Promise<boolean> => {
    if (tries >= MOST_TRIES) return false;
    tries++;
    const result = await simulate(smaller, store);
    if (result.failure?.rule !== failure.rule) return false;
    best = smaller;
    return true;
  };
  for (const kind of new Set(plan.events.map((event) => event.kind))) {
    await holds({ ...best, events: best.events.filter((event) => event.kind !== kind) });
  }
  for (const mishap of Object.keys(plan.temper.rates)) {
    await holds({ ...best, temper: { ...best.temper, rates: { ...best.temper.rates, [mishap]: 0 } } });
  }
  await holds({ ...best, temper: { ...best.temper, poison: 0 } });
  for (const event of plan.events) {
    if (best.events.includes(event)) await holds({ ...best, events: best.events.filter((one) => one !== event) });
  }
  if (best.pools.length > 1)
    for (const pool of best.pools) await holds({ ...best, pools: best.pools.filter((one) => one !== pool) });
  for (let at = 0; at < best.pools.length; at++) {
    while ((best.pools[at]?.count ?? 0) > 1) {
      const pools = best.pools.map((pool, place) => (place === at ? { ...pool, count: pool.count - 1 } : pool));
      if (!(await holds({ ...best, pools }))) break;
    }
  }
  for (let half = Math.ceil(best.videos.length / 2); half >= 1; half = Math.floor(half / 2)) {
    for (let at = 0; at + half <= best.videos.length && best.videos.length > half; ) {
      const videos = best.videos.toSpliced(at, half);
      if (!(await holds({ ...best, videos }))) at += half;
    }
  }
  return { plan: best, tries };
}
