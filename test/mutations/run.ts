// `npm run mutations`: takes one protection out of a copy of src/ at a time; the tests that it names must fail.
//   --only <name>  those whose name contains it     --table  prints the table of test/README.md
//   --simulate <seeds>  asks a simulated pool instead of the tests
import { parseArgs } from "node:util";
import { Copy } from "./copy.ts";
import type { Mutation } from "./mutation.ts";
import { describeMutations, MUTATIONS } from "./mutations.ts";
import { simulateSeeds } from "./simulated.ts";
import { findBroken, judgeByTests, type Verdict } from "./trial.ts";

/** As many as cores in CI. */
const SIDE_BY_SIDE = 2;

/** What runs in a copy that lacks a protection. */
type Judge = (copy: Copy, mutation: Mutation) => Promise<Verdict>;

// That Node's stripping of types is experimental is nothing to anybody who runs this.
process.removeAllListeners("warning");

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    table: { type: "boolean" },
    simulate: { type: "string" },
  },
});

if (values.table) console.log(describeMutations());
else process.exitCode = await main();

async function main(): Promise<number> {
  const started = performance.now();
  const seeds = Number(values.simulate ?? 0);
  const named = MUTATIONS.filter(({ name }) => name.includes(values.only ?? ""));
  const chosen = seeds > 0 && values.only === undefined ? named.filter(({ simulated }) => simulated) : named;
  if (chosen.length === 0) throw new Error(`expected a mutation whose name contains "${values.only}", got none`);
  const copies = Array.from({ length: SIDE_BY_SIDE }, () => new Copy());
  process.once("SIGINT", () => {
    for (const copy of copies) copy.remove();
    process.exit(130);
  });
  try {
    const [copy] = copies as [Copy];
    const broken = seeds > 0 ? [] : await findBroken(copy, chosen);
    for (const line of broken) console.log(line);
    if (broken.length > 0) return 1;
    const judge = seeds > 0 ? await judgeBySeeds(copy, seeds) : judgeByTests;
    console.log("| mutation | protects | caught by | first failing | s |\n| --- | --- | --- | --- | --- |");
    const waiting = [...chosen];
    const survivors: string[] = [];
    await Promise.all(
      copies.map(async (own) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const { line, caught } = await tryWithout(own, next, judge);
          if (!caught) survivors.push(line);
          console.log(line);
        }
      }),
    );
    const seconds = Math.round((performance.now() - started) / 1000);
    const caught = chosen.length - survivors.length;
    console.log(`${caught} of ${chosen.length} mutations were caught in ${seconds} s`);
    if (survivors.length > 0) console.log(`These survived:\n${survivors.join("\n")}`);
    return survivors.length === 0 ? 0 : 1;
  } finally {
    for (const copy of copies) copy.remove();
  }
}

async function tryWithout(copy: Copy, mutation: Mutation, judge: Judge): Promise<{ line: string; caught: boolean }> {
  const started = performance.now();
  const { caught, by, first } = await copy
    .without(mutation, () => judge(copy, mutation))
    .catch((error: unknown) => ({ caught: false, by: "", first: error instanceof Error ? error.message : `${error}` }));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const line = `| ${mutation.name} | ${mutation.protects} | ${caught ? by : "nothing"} | ${first} | ${seconds} |`;
  return { line, caught };
}

async function judgeBySeeds(unbroken: Copy, count: number): Promise<Judge> {
  const anyway = await simulateSeeds(unbroken, { count, except: new Set(), bail: false });
  for (const { seed, rule } of anyway) console.log(`breaks without any mutation: seed ${seed}: ${rule}`);
  const except = new Set(anyway.map(({ seed }) => seed));
  return async (copy) => {
    const [first] = await simulateSeeds(copy, { count, except, bail: true });
    if (first === undefined) return { caught: false, by: "", first: `${count} seeds held` };
    return { caught: true, by: "simulator", first: `seed ${first.seed}: ${first.rule}` };
  };
}
