// Guards the recording itself: what is in the file must still be what this workerd does, and all of it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AREAS } from "./cases/all.ts";
import { DIFFERENCES } from "./differences.ts";
import { type Oracle, startOracle } from "./oracle.ts";
import { outcomeText, recordedNames, recordedOutcome, recordedVersion } from "./recorded.ts";

const AREA_NAMES = Object.keys(AREAS);
const COUNT = Object.values(AREAS).reduce((count, cases) => count + Object.keys(cases).length, 0);

describe("the recording of D1", () => {
  let oracle: Oracle;

  beforeAll(async () => {
    oracle = await startOracle(COUNT);
  });
  afterAll(() => oracle.close());

  it("was made with the workerd that is installed", () => {
    expect(recordedVersion()).toBe(oracle.version);
  });

  it("has at least 200 cases", () => {
    expect(COUNT).toBeGreaterThanOrEqual(200);
  });

  it("knows every case that a difference is declared for", () => {
    for (const { cases } of DIFFERENCES) {
      for (const [area, names] of Object.entries(cases)) {
        expect(Object.keys(AREAS[area] ?? {})).toEqual(expect.arrayContaining(names));
      }
    }
  });

  describe.each(AREA_NAMES)("of %s", (area) => {
    const names = Object.keys(AREAS[area] ?? {});

    it("holds these cases and no others", () => {
      expect(recordedNames(area)).toEqual([...names].sort());
    });

    it.each(names)("%s", async (name) => {
      expect(outcomeText(await oracle.runCase(area, name))).toBe(recordedOutcome(area, name));
    });
  });
});
