// The strict SQLite database and D1 itself run the same random programs: any difference in an answer or an error text fails.
import fc from "fast-check";
import { expect } from "vitest";
import { openSqlite } from "../../src/database/sqlite.js";
import { type Oracle, startOracle } from "./oracle.js";
import { type Program, runProgram, START } from "./program.js";
import { programs } from "./random-programs.js";
import { outcomeText, roundedText } from "./recorded.js";

/** Which programs; a failure reports the seed and the path that replay it. */
export interface RandomRun {
  seed: number;
  path?: string;
  count: number;
}

export async function comparePrograms({ count, ...replay }: RandomRun): Promise<void> {
  const oracle: Oracle = await startOracle(100);
  try {
    const property = fc.asyncProperty(programs, async (program) => {
      const found = await runStrictly(program);
      const differ = (expected: unknown[]) =>
        expected.findIndex((outcome, index) => comparable(outcome) !== comparable(found[index]));
      if (differ(await oracle.runProgram(program)) === -1) return;
      // It may have been for what the connection has kept of the programs before.
      const expected = await oracle.runProgramAfresh(program);
      const at = differ(expected);
      if (at === -1 || isEmulatorsOwn(expected[at])) return;
      expect({ step: program[at], outcome: found[at] }).toEqual({ step: program[at], outcome: expected[at] });
    });
    await fc.assert(property, { numRuns: count, ...replay });
  } finally {
    await oracle.close();
  }
}

/** SQLite tells one place of all that a schema prohibits, and a driver cannot find out which: see DIFFERENCES. */
function comparable(outcome: unknown): string {
  return roundedText(outcome).replace(/((?:subqueries|parameters) prohibited in [a-z ]*?) at offset \d+/gi, "$1");
}

/** The emulator's own breakdown, with a reference that changes: nothing is promised there, nor behind it. */
function isEmulatorsOwn(outcome: unknown): boolean {
  return outcomeText(outcome).includes('"internal error; reference');
}

async function runStrictly(program: Program): Promise<unknown[]> {
  const database = await openSqlite(":memory:", { create: true, strict: true });
  await database.batch(START.map((sql) => database.prepare(sql)));
  const outcomes = await runProgram(database, program);
  await database.close();
  return outcomes;
}
