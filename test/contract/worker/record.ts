// Asks workerd for the answers of all Workers and writes them down. Nobody types an expected value.
import { writeFileSync } from "node:fs";
import { listCases } from "./cases/all.ts";
import { askWorkerd, workerdVersion } from "./oracle.ts";
import { startOutside } from "./outside.ts";
import { RECORDED_FILE, type Recorded } from "./recorded.ts";

/** Errors where a Worker does not answer the same twice: a time, a port or chance is in its answers. */
export async function recordWorkers(): Promise<{ workers: number; answers: number }> {
  const outside = await startOutside();
  const cases = listCases().sort((one, other) => (key(one) < key(other) ? -1 : 1));
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
  const unsteady = cases.filter((_, at) => JSON.stringify(asked[at]) !== JSON.stringify(again[at]));
  if (unsteady.length > 0) {
    throw new Error(
      `answers differ from run to run: ${unsteady.map(({ area, name }) => `${area}: ${name}`).join("; ")}`,
    );
  }
  return { workers: cases.length, answers: asked.flat().length };
}

function key({ area, name }: { area: string; name: string }): string {
  return `${area}\n${name}`;
}
