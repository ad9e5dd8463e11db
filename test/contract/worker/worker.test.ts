// The shim answers as workerd was seen to answer, in a thread of its own and in process.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callName } from "./answers.ts";
import { AREAS } from "./cases/all.ts";
import { differencesOf, type Isolation } from "./differences.ts";
import { type Outside, startOutside } from "./outside.ts";
import { recordedAnswers } from "./recorded.ts";
import { type Shim, startShim } from "./shim.ts";

const ISOLATIONS: Isolation[] = ["thread", "process"];

describe.each(ISOLATIONS)("with the isolation %s the shim answers as workerd", (isolation) => {
  let outside: Outside;
  let shim: Shim;

  beforeAll(async () => {
    outside = await startOutside();
    shim = startShim(isolation, outside.origin);
  });
  afterAll(async () => {
    await shim.close();
    await outside.close();
  });

  for (const [area, workers] of Object.entries(AREAS)) {
    describe(area, () => {
      for (const [name, worker] of Object.entries(workers)) {
        it(name, async () => {
          const declared = differencesOf(isolation, area, name);
          const expected = recordedAnswers(area, name);
          const found = await shim.ask(worker);
          const names = worker.calls.map(callName);
          const differing = new Set(names.filter((_, at) => !isSame(found[at], expected[at])));
          const others = names.flatMap((call, at) => (declared.has(call) ? [] : [at]));
          expect(others.map((at) => [names[at], found[at]])).toEqual(others.map((at) => [names[at], expected[at]]));
          // A difference that is gone has to leave the list, or the list would grow old.
          expect([...declared.keys()].filter((call) => !differing.has(call))).toEqual([]);
        });
      }
    });
  }
});

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
