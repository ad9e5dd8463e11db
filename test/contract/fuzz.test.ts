// The strict home and D1 itself run the same random programs: any difference in an answer or an error text fails.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSqlite } from "../../src/database/sqlite.js";
import { type Oracle, startOracle } from "./oracle.js";
import { type Program, runProgram, START } from "./program.js";
import { programs } from "./random-programs.js";
import { outcomeText, roundedText } from "./recorded.js";

const CASES = 2000;
/** To see a failure again, put the seed and path of its report here. */
const REPLAY: { seed?: number; path?: string } = {};

describe("random programs", () => {
  let oracle: Oracle;

  beforeAll(async () => {
    oracle = await startOracle(100);
  });
  afterAll(() => oracle.close());

  it("end the same on SQLite, strictly, as on D1", { timeout: 600_000 }, async () => {
    const property = fc.asyncProperty(programs, async (program) => {
      const [expected, found] = [await oracle.runProgram(program), await runStrictly(program)];
      const at = expected.findIndex((outcome, index) => roundedText(outcome) !== roundedText(found[index]));
      if (at === -1 || isEmulatorsOwn(expected[at])) return;
      expect({ step: program[at], outcome: found[at] }).toEqual({ step: program[at], outcome: expected[at] });
    });
    await fc.assert(property, { numRuns: CASES, ...REPLAY });
  });
});

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
