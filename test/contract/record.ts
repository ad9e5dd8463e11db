// `npm run record`: runs all cases in workerd and writes down what D1 does. Nobody types an expected value.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { AREAS } from "./cases/all.ts";
import { startOracle } from "./oracle.ts";
import { RECORDED_FILE } from "./recorded.ts";

const named = Object.entries(AREAS).flatMap(([area, cases]) => Object.keys(cases).map((name) => ({ area, name })));
const oracle = await startOracle(named.length);
const cases: Record<string, Record<string, unknown>> = {};
for (const area of Object.keys(AREAS).sort()) {
  const recorded: Record<string, unknown> = {};
  for (const name of Object.keys(AREAS[area] ?? {}).sort()) recorded[name] = await oracle.runCase(area, name);
  cases[area] = recorded;
}
await oracle.close();
writeFileSync(RECORDED_FILE, JSON.stringify({ workerd: oracle.version, cases }, null, 1));
// The formatter has the last word on every file, or the next `npm run check` would refuse this one.
spawnSync("npx", ["biome", "format", "--write", RECORDED_FILE], { stdio: "inherit" });
console.log(`${named.length} cases recorded from workerd ${oracle.version}`);
