// Whether tests notice that a protection is gone.
import type { Copy } from "./copy.ts";
import { isAssertion, isOf, type Ran, runTests } from "./judge.ts";
import type { Mutation } from "./mutation.ts";

export interface Verdict {
  caught: boolean;
  by: string;
  /** The first that failed, or why nothing did. */
  first: string;
}

/** A test that fails anyway, or that is not there, catches nothing. */
export async function findBroken(copy: Copy, chosen: Mutation[]): Promise<string[]> {
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

export async function judgeByTests(copy: Copy, { tests }: Mutation): Promise<Verdict> {
  const by = `test/${tests.file}.test.ts`;
  let ran = await runTests(copy, [tests]);
  // On a machine that is busy vitest may give up on a process before it has begun.
  if (ran.length === 0) ran = await runTests(copy, [tests]);
  const failed = ran.find(isAssertion) ?? ran.find(({ status }) => status === "failed");
  if (failed === undefined) return { caught: false, by, first: `${ran.length} tests passed` };
  if (!isAssertion(failed)) return { caught: false, by, first: `no assertion: ${failed.name}: ${firstLine(failed)}` };
  return { caught: true, by, first: failed.name };
}

function firstLine({ failure }: Ran): string {
  return failure.split("\n", 1)[0] ?? "";
}
