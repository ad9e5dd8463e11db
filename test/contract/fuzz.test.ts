// The strict home and D1 itself run the same random programs: any difference in an answer or an error text fails.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSqlite } from "../../src/database/sqlite.js";
import { type Oracle, startOracle } from "./oracle.js";
import { type Program, runProgram, START } from "./program.js";
import { programs } from "./random-programs.js";
import { outcomeText, roundedText } from "./recorded.js";

const CASES = 2000;
/** Every run has the same programs. For others put another seed here; for a failure again, the seed and path of its report. */
const REPLAY: { seed: number; path?: string } = { seed: 1 };

describe("random programs", () => {
  let oracle: Oracle;

  beforeAll(async () => {
    oracle = await startOracle(100);
  });
  afterAll(() => oracle.close());

  it("end the same on SQLite, strictly, as on D1", { timeout: 600_000 }, async () => {
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
    await fc.assert(property, { numRuns: CASES, ...REPLAY });
  });
});

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
