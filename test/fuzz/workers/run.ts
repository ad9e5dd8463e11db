// `npm run fuzz -- workers`: hostile Workers by seed in both isolations, in a process that stands for the instance.
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FuzzOptions } from "../run.ts";
import { keptWorkers } from "./found.ts";
import { makeWorker } from "./grammar.ts";
import { Instance } from "./instance.ts";
import { judgeSeen, PATIENCE_MS, TIMEOUT_MS } from "./judge.ts";

const COUNT = 600;
const FINDS = join(tmpdir(), "hidb-fuzz-finds");
const SIDE_BY_SIDE = 2;

export async function fuzz({ seed, count = COUNT, only }: FuzzOptions): Promise<number> {
  const indexes = only === undefined ? Array.from({ length: count }, (_, index) => index) : [only];
  const kept = only === undefined ? keptWorkers() : [];
  const tally = new Map<string, number>();
  let found = 0;
  let rss = 0;
  const work = async () => {
    const instance = new Instance();
    for (let index = indexes.shift(); index !== undefined; index = indexes.shift()) {
      if (index % 50 === 49) console.log(`  ${index + 1} of ${count}`);
      const worker = makeWorker(seed, index);
      const seen = await instance.host({ ...worker, timeoutMs: TIMEOUT_MS }, PATIENCE_MS);
      // What it has changed of the process stays changed, as in an instance, which hosts one Worker all its life.
      if (worker.isolation === "process") instance.close();
      rss = Math.max(rss, seen.told?.rssMb ?? 0);
      const hostile = seen.told?.videos.find(({ id }) => id === 66);
      const ending = `${worker.isolation}: ${hostile?.kind ?? (seen.told === undefined ? "instance gone" : "refused")}`;
      tally.set(ending, (tally.get(ending) ?? 0) + 1);
      if (only !== undefined) console.log(`${worker.source}\n`, seen);
      const faults = judgeSeen(worker, seen);
      if (faults.length === 0) continue;
      found++;
      mkdirSync(FINDS, { recursive: true });
      const copy = join(FINDS, `workers-${seed}-${index}.mjs`);
      writeFileSync(copy, worker.source);
      console.log(`  ${index} ${worker.isolation}, ${worker.names.join(", ")}: ${faults.join("; ")}`);
      console.log(`    ${copy}; again: npm run fuzz -- workers --seed ${seed} --only ${index}`);
    }
    instance.close();
  };
  for (const { name, worker } of kept) {
    const instance = new Instance();
    const whole = { ...worker, isolation: "thread" } as const;
    const faults = judgeSeen(whole, await instance.host({ ...whole, timeoutMs: TIMEOUT_MS }, PATIENCE_MS));
    instance.close();
    if (faults.length > 0) console.log(`  regressions/${name}: ${faults.join("; ")}`);
    found += faults.length > 0 ? 1 : 0;
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  for (const [ending, times] of tally) console.log(`  ${String(times).padStart(6)}  ${ending}`);
  console.log(`  between two Workers an instance held ${Math.round(rss)} MB at the most`);
  return found;
}
