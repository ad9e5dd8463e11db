// Makespan of the catalogue, scaled to about a minute, against the lower bound max(sum / N, longest).
import { readCatalogue } from "./catalogue.ts";
import { World } from "./world.ts";

export interface MakespanFigure {
  order: string;
  sharding: string;
  instances: number;
  boundS: number;
  makespanS: number;
  ratio: number;
}

const PLANS = [
  ...[1, 2, 3, 4].map((instances) => ({ order: "longest", sharding: "modulo", instances })),
  ...[1, 2, 3, 4].map((instances) => ({ order: "id", sharding: "modulo", instances })),
  { order: "id", sharding: "strict", instances: 3 },
  { order: "id", sharding: "ranges", instances: 3 },
  { order: "longest", sharding: "none", instances: 3 },
];

export async function benchMakespan(seconds = 60, plans = PLANS): Promise<MakespanFigure[]> {
  const figures: MakespanFigure[] = [];
  for (const plan of plans) figures.push(await measure(plan, seconds));
  return figures;
}

async function measure(plan: (typeof PLANS)[number], seconds: number): Promise<MakespanFigure> {
  const { order, sharding, instances } = plan;
  const { entries } = readCatalogue();
  const durations = entries.map(({ durationS }) => durationS ?? 0);
  const sum = durations.reduce((total, one) => total + one, 0);
  const factor = (seconds * instances) / sum;
  const boundS = Math.max(sum / instances, Math.max(...durations)) * factor;
  const world = await World.create(entries, {
    HIDB_REHEARSE_FACTOR: factor.toFixed(12),
    HIDB_ORDER: order,
    HIDB_SHARDING: sharding,
  });
  try {
    world.pause();
    world.start(instances);
    world.resume();
    await world.untilDone();
    const makespanS = world.makespanMs() / 1000;
    return { ...plan, boundS, makespanS, ratio: boundS / makespanS };
  } finally {
    world.end();
  }
}

if (import.meta.main) console.table(await benchMakespan(Number(process.argv[2] ?? 10)));
