// What finds out that the others have failed.
import type { Mutation } from "../mutation.ts";

const JOURNAL = "src/report/journal-video.ts";
const TESTS = "report/verify";

export const REPORT: Mutation[] = [
  {
    name: "journal: two at once",
    protects: "I2: the history of a run shows two attempts of one video that overlap",
    file: JOURNAL,
    find: `this.#complain("overlap", both, held, claim);`,
    replace: "void both;",
    tests: { file: TESTS, only: "finds two attempts of one video at the same time" },
  },
  {
    name: "journal: back after its end",
    protects: "I2: it shows a video that was claimed after a terminal state",
    file: JOURNAL,
    find: `this.#complain("resurrection", what, ended, line);`,
    replace: "void what;",
    tests: { file: TESTS, only: "finds a video that came back after its end" },
  },
  {
    name: "journal: completed twice",
    protects: "I2: it shows a second completion",
    file: JOURNAL,
    find: "if (this.#completions > this.#completionsAllowed) {",
    replace: "if (this.#completions > this.#completionsAllowed + 9) {",
    tests: { file: TESTS, only: "finds a video that was completed twice" },
  },
  {
    name: "journal: settled without a claim",
    protects: "I2: it shows an outcome of somebody who did not hold the video",
    file: JOURNAL,
    find: "else if (at < 0 && !takeFirst(this.#perhapsHeld, line)) {",
    replace: "else if (at < -1) {",
    tests: { file: TESTS, only: "finds a settlement without a claim" },
  },
  {
    name: "verify: attempts accounted for",
    protects: "I1: an attempt without a record, or a record without an attempt, is found",
    file: "src/report/statements.ts",
    find: "HAVING coalesce(sum(f.attempt = e.n - f.back), 0) <> e.n OR",
    replace: "HAVING",
    tests: { file: TESTS, only: "finds attempts and deaths without a record" },
  },
];
