// `npm run bench [name ...]`: all figures, or those named; a table for people, JSON behind it for machines.
import { benchChaos } from "./chaos.ts";
import { benchD1 } from "./d1.ts";
import { benchDispatch } from "./dispatch.ts";
import { benchEta } from "./eta.ts";
import { benchGrowth } from "./growth.ts";
import { benchMakespan } from "./makespan.ts";
import { benchMemory } from "./memory.ts";
import { benchPages } from "./pages.ts";
import { benchPlan } from "./plan.ts";
import { benchProbe } from "./probe.ts";
import { benchRecovery } from "./recovery.ts";
import { benchWorker } from "./worker.ts";

const BENCHES: Record<string, () => Promise<object[]>> = {
  dispatch: () => benchDispatch(),
  growth: () => benchGrowth(),
  memory: () => benchMemory(),
  recovery: async () => [await benchRecovery()],
  chaos: async () => [await benchChaos()],
  d1: () => benchD1(),
  makespan: () => benchMakespan(),
  plan: () => benchPlan(),
  worker: () => benchWorker(),
  pages: () => benchPages(),
  eta: () => benchEta(),
  probe: () => benchProbe(),
};

const named = process.argv.slice(2);
const unknown = named.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  console.error(`error: expected ${Object.keys(BENCHES).join(", ")}, got ${unknown}`);
  process.exit(2);
}

const figures: Record<string, object[]> = {};
for (const name of named.length > 0 ? named : Object.keys(BENCHES)) {
  console.error(`bench: ${name} ...`);
  figures[name] = await (BENCHES[name] as () => Promise<object[]>)();
  console.log(`\n${name}`);
  console.table(figures[name]);
}
console.log(JSON.stringify(figures));
