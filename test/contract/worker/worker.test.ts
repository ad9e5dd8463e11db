// The shim answers as workerd was seen to answer, in a thread of its own and in process.
import { beforeAll, describe, expect, it } from "vitest";
import { callName } from "./answers.ts";
import type { Answer } from "./case.ts";
import { AREAS, listCases } from "./cases/all.ts";
import { differencesOf, type Isolation } from "./differences.ts";
import { startOutside } from "./outside.ts";
import { recordedAnswers } from "./recorded.ts";
import { startShim } from "./shim.ts";

const ISOLATIONS: Isolation[] = ["thread", "process"];
/** By isolation, area and Worker. */
const answers = new Map<string, Answer[]>();

beforeAll(async () => {
  const outside = await startOutside();
  // Both at once, one for each core.
  await Promise.all(ISOLATIONS.map((isolation) => askAll(isolation, outside.origin)));
  await outside.close();
});

async function askAll(isolation: Isolation, outside: string): Promise<void> {
  const shim = startShim(isolation, outside);
  for (const { area, name, worker } of listCases()) {
    answers.set(key(isolation, area, name), await shim.ask(worker));
  }
  await shim.close();
}

describe.each(ISOLATIONS)("with the isolation %s the shim answers as workerd", (isolation) => {
  describe.each(Object.entries(AREAS))("%s", (area, workers) => {
    it.each(Object.entries(workers))("%s", (name, { calls }) => {
      const declared = differencesOf(isolation, area, name);
      const expected = recordedAnswers(area, name);
      const found = answers.get(key(isolation, area, name)) ?? [];
      const told = expected.map((answer, at) => {
        const call = calls[at];
        return { call: call === undefined ? "" : callName(call), expected: answer, found: found[at] };
      });
      const differing = told.filter((one) => JSON.stringify(one.expected) !== JSON.stringify(one.found));
      const others = differing.filter(({ call }) => !declared.has(call));
      expect(others.map((one) => [one.call, one.found])).toEqual(others.map((one) => [one.call, one.expected]));
      expect(found.length).toBe(expected.length);
      // A difference that is gone has to leave the list, or the list would grow old.
      const still = differing.map(({ call }) => call);
      expect([...declared.keys()].filter((call) => !still.includes(call))).toEqual([]);
    });
  });
});

function key(isolation: Isolation, area: string, name: string): string {
  return `${isolation}: ${area}: ${name}`;
}
