// `npm run record`: runs all cases in workerd and writes down what D1 and Workers do. Nobody types an expected value.
// `npm run record workers` (or d1) does one of the two.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { AREAS } from "./cases/all.ts";
import { startOracle } from "./oracle.ts";
import { RECORDED_FILE } from "./recorded.ts";
import { recordWorkers } from "./worker/record.ts";
import { RECORDED_FILE as WORKERS_FILE } from "./worker/recorded.ts";

const [only] = process.argv.slice(2);
if (only !== "workers") await recordD1();
if (only !== "d1") {
  const { workers, answers, unsteady } = await recordWorkers();
  formatFile(WORKERS_FILE);
  console.log(`${answers} answers of ${workers} Workers recorded`);
  for (const name of unsteady) console.error(`error: answers differ from run to run: ${name}`);
  if (unsteady.length > 0) process.exitCode = 1;
}

async function recordD1(): Promise<void> {
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
  formatFile(RECORDED_FILE);
  console.log(`${named.length} cases recorded from workerd ${oracle.version}`);
}

/** The formatter has the last word on every file, or the next `npm run check` would refuse a recording. */
function formatFile(file: string): void {
  spawnSync("npx", ["biome", "format", "--write", file], { stdio: "inherit" });
}
