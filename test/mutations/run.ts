// `npm run mutations`: takes one protection out of a copy of src/ at a time; the tests that it names must fail.
//   --only <name>  those whose name contains it     --table  prints the README's table and ends
//   --json <file>  writes the counts for CI
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Copy } from "./copy.ts";
import { isAssertion, isOf, type Ran, runTests } from "./judge.ts";
import type { Mutation } from "./mutation.ts";
import { describeRooms, MUTATIONS } from "./mutations.ts";

/** As many as cores in CI. */
const SIDE_BY_SIDE = 2;

interface Result {
  mutation: Mutation;
  caught: boolean;
  first: string;
  seconds: number;
}

// That Node's stripping of types is experimental is nothing to anybody who runs this.
process.removeAllListeners("warning");

const { values } = parseArgs({
  options: { only: { type: "string" }, table: { type: "boolean" }, json: { type: "string" } },
});

if (values.table) console.log(describeRooms());
else process.exitCode = await main();

async function main(): Promise<number> {
  const started = performance.now();
  const chosen = MUTATIONS.filter(({ name }) => name.includes(values.only ?? ""));
  if (chosen.length === 0) throw new Error(`expected a mutation whose name contains "${values.only}", got none`);
  const copies = Array.from({ length: SIDE_BY_SIDE }, () => new Copy());
  process.once("SIGINT", () => {
    for (const copy of copies) copy.remove();
    process.exit(130);
  });
  try {
    const broken = await findBroken(copies[0] as Copy, chosen);
    for (const line of broken) console.log(line);
    if (broken.length > 0) return end({ passed: 0, failed: broken.length });
    console.log("| mutation | protects | caught by | first failing test | s |\n| --- | --- | --- | --- | --- |");
    const results: Result[] = [];
    const waiting = [...chosen];
    await Promise.all(
      copies.map(async (copy) => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const result = await tryWithout(copy, next);
          results.push(result);
          console.log(describe(result));
        }
      }),
    );
    const survivors = results.filter(({ caught }) => !caught);
    for (const { mutation, first } of survivors) console.log(`survived: ${mutation.name}: ${first}`);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(`${results.length - survivors.length} of ${results.length} mutations were caught in ${seconds} s`);
    return end({ passed: results.length - survivors.length, failed: survivors.length });
  } finally {
    for (const copy of copies) copy.remove();
  }
}

function end(counts: { passed: number; failed: number }): number {
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(counts)}\n`);
  return counts.failed === 0 ? 0 : 1;
}

/** A test that fails anyway, or that is not there, catches nothing. */
async function findBroken(copy: Copy, chosen: Mutation[]): Promise<string[]> {
  const ran = await runTests(
    copy,
    chosen.map(({ tests }) => tests),
  );
  return chosen.flatMap(({ name, tests }) => {
    const own = ran.filter((one) => isOf(one, tests));
    if (own.length === 0) return [`no test for "${name}": expected /${tests.only}/ in test/${tests.file}.test.ts`];
    const failed = own.find(({ status }) => status === "failed");
    return failed === undefined ? [] : [`fails without the mutation "${name}": ${failed.name}: ${firstLine(failed)}`];
  });
}

async function tryWithout(copy: Copy, mutation: Mutation): Promise<Result> {
  const started = performance.now();
  const verdict = await copy.without(mutation, async () => {
    const ran = await runTests(copy, [mutation.tests]);
    const failed = ran.find(isAssertion) ?? ran.find(({ status }) => status === "failed");
    if (failed === undefined) return { caught: false, first: `${ran.length} tests passed` };
    if (!isAssertion(failed)) return { caught: false, first: `no assertion: ${failed.name}: ${firstLine(failed)}` };
    return { caught: true, first: failed.name };
  });
  return { mutation, ...verdict, seconds: (performance.now() - started) / 1000 };
}

function describe({ mutation, caught, first, seconds }: Result): string {
  const by = caught ? `test/${mutation.tests.file}.test.ts` : "nothing";
  return `| ${mutation.name} | ${mutation.protects} | ${by} | ${first} | ${seconds.toFixed(1)} |`;
}

function firstLine({ failure }: Ran): string {
  return failure.split("\n", 1)[0] ?? "";
}
