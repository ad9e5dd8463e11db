// Guards the recording of Workers: it holds all of them, and a sample still answers so in the workerd that is installed.
// WORKER_ORACLE=all asks for all of them, as `npm run record` does.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callName } from "./answers.ts";
import type { Answer } from "./case.ts";
import { AREAS, listCases } from "./cases/all.ts";
import { DIFFERENCES } from "./differences.ts";
import { askWorkerd, workerdVersion } from "./oracle.ts";
import { type Outside, startOutside } from "./outside.ts";
import { readRecorded, recordedAnswers } from "./recorded.ts";

const EVERY = process.env.WORKER_ORACLE === "all" ? 1 : 6;
const CASES = listCases();
const SAMPLE = CASES.filter((_, at) => at % EVERY === 0);

describe("the recording of Workers", () => {
  it("was made with the workerd that is installed", () => {
    expect(readRecorded().workerd).toBe(workerdVersion());
  });

  it("holds at least 60 Workers and 300 answers", () => {
    expect(CASES.length).toBeGreaterThanOrEqual(60);
    const answers = CASES.flatMap(({ area, name }) => recordedAnswers(area, name));
    expect(answers.length).toBeGreaterThanOrEqual(300);
  });

  it("holds these Workers and no others, with an answer for each call of those that start", () => {
    const recorded = Object.entries(readRecorded().answers).flatMap(([area, workers]) =>
      Object.keys(workers).map((name) => `${area}: ${name}`),
    );
    expect(recorded.sort()).toEqual(CASES.map(({ area, name }) => `${area}: ${name}`).sort());
    for (const { area, name, worker } of CASES) {
      const answers = recordedAnswers(area, name);
      const starts = !(answers.length === 1 && answers[0] !== undefined && "error" in answers[0]);
      if (starts) expect([name, answers.length]).toEqual([name, worker.calls.length]);
    }
  });

  it("knows every call that a difference is declared for", () => {
    for (const { calls } of DIFFERENCES) {
      for (const [area, workers] of Object.entries(calls)) {
        for (const [name, names] of Object.entries(workers)) {
          expect(AREAS[area]?.[name]?.calls.map(callName)).toEqual(expect.arrayContaining(names));
        }
      }
    }
  });

  describe("is what workerd answers today", () => {
    let outside: Outside;
    let answers: Answer[][] = [];

    beforeAll(async () => {
      outside = await startOutside();
      answers = await askWorkerd(
        SAMPLE.map(({ worker }) => worker),
        outside.origin,
      );
    });
    afterAll(() => outside.close());

    it.each(SAMPLE.map(({ area, name }, at) => [`${area}: ${name}`, at] as const))("%s", (_, at) => {
      const { area = "", name = "" } = SAMPLE[at] ?? {};
      expect(answers[at]).toEqual(recordedAnswers(area, name));
    });
  });
});
