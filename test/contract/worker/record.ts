// Asks workerd for the answers of all Workers and writes them down. Nobody types an expected value.
import { writeFileSync } from "node:fs";
import { listCases } from "./cases/all.ts";
import { askWorkerd, workerdVersion } from "./oracle.ts";
import { startOutside } from "./outside.ts";
import { RECORDED_FILE, type Recorded } from "./recorded.ts";

/** `unsteady` are Workers that did not answer the same twice: a time, a port or chance is in their answers. */
export async function recordWorkers(): Promise<{ workers: number; answers: number; unsteady: string[] }> {
  const outside = await startOutside();
  const cases = listCases().sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const workers = cases.map(({ worker }) => worker);
  const asked = await askWorkerd(workers, outside.origin);
  const again = await askWorkerd(workers, outside.origin);
  await outside.close();
  const answers: Recorded["answers"] = {};
  cases.forEach(({ area, name }, at) => {
    answers[area] ??= {};
    answers[area][name] = asked[at] ?? [];
  });
  writeFileSync(RECORDED_FILE, JSON.stringify({ workerd: workerdVersion(), answers } satisfies Recorded, null, 1));
  const unsteady = cases.filter((_, at) => JSON.stringify(asked[at]) !== JSON.stringify(again[at])).map(nameOf);
  return { workers: cases.length, answers: asked.flat().length, unsteady };
}

function nameOf({ area, name }: { area: string; name: string }): string {
  return `${area}: ${name}`;
}
