import { describe, expect, it } from "vitest";
import { judgeHistory, type VideoInTheEnd } from "./history.js";

const BOTH = ["0 begin a", "0 begin b"];
/** Both say goodbye, so that nothing may be owed. */
const GOODBYE = ["99000 gone a", "99000 gone b"];
const BY_A: VideoInTheEnd = { id: 7, state: "completed", attempt: 1, instance: "a", finishedAt: 50 };
const BY_B: VideoInTheEnd = { ...BY_A, instance: "b" };
const PENDING: VideoInTheEnd = { id: 7, finishedAt: null };

describe("a history in order", () => {
  it.each<[string, string[], VideoInTheEnd]>([
    ["one attempt", ["10 claim 7 1 a", "50 settle 7 1 a completed", ...GOODBYE], BY_A],
    [
      "a release gives the number back",
      ["10 claim 7 1 a", "20 release 7 1 a", "30 claim 7 1 b", "50 settle 7 1 b completed", ...GOODBYE],
      BY_B,
    ],
    [
      "an error spends an attempt",
      ["10 claim 7 1 a", "20 settle 7 1 a retry", "30 claim 7 2 b", "50 settle 7 2 b completed", ...GOODBYE],
      { ...BY_B, attempt: 2, spent: ["1 retry a 10"] },
    ],
    [
      "a death spends an attempt",
      ["10 claim 7 1 a", "20 reclaim 7 1 b pending", "30 claim 7 2 b", "50 settle 7 2 b completed", "99 gone b"],
      { ...BY_B, attempt: 2, spent: ["1 died a 10"] },
    ],
    [
      "a person tries it again",
      [
        "10 claim 7 3 a",
        "20 settle 7 3 a failed",
        "25 retry 7",
        "30 claim 7 1 b",
        "50 settle 7 1 b completed",
        ...GOODBYE,
      ],
      { ...BY_B, spent: ["1 retry x 1", "2 retry x 2", "3 failed a 10"] },
    ],
    [
      "a person cancels what runs, and brings it back",
      [
        "10 claim 7 1 a",
        "20 cancel 7 21",
        "25 lost 7 1 a",
        "30 retry 7",
        "40 claim 7 1 b",
        "50 settle 7 1 b completed",
        ...GOODBYE,
      ],
      BY_B,
    ],
    [
      "a cancelled claim is told as released, since its video was brought back meanwhile",
      [
        "10 claim 7 1 a",
        "20 cancel 7 21",
        "25 retry 7",
        "30 release 7 1 a",
        "40 claim 7 1 b",
        "50 settle 7 1 b completed",
        ...GOODBYE,
      ],
      BY_B,
    ],
    [
      "the same, when the video has come back to the same instance under the same number",
      [
        "10 claim 7 1 a",
        "20 cancel 7 21",
        "25 retry 7",
        "30 claim 7 1 a",
        "40 release 7 1 a",
        "50 settle 7 1 a completed",
        ...GOODBYE,
      ],
      BY_A,
    ],
    [
      "a person has a completed one done again",
      [
        "10 claim 7 1 a",
        "20 settle 7 1 a completed",
        "25 retry 7",
        "30 claim 7 1 b",
        "50 settle 7 1 b completed",
        ...GOODBYE,
      ],
      BY_B,
    ],
    [
      "a person meant to try it again and was refused",
      ["10 claim 7 1 a", "50 settle 7 1 a completed", "60 retry 7", ...GOODBYE],
      BY_A,
    ],
    [
      "a retry is noted, and only then is the last attempt over",
      [
        "10 claim 7 1 a",
        "20 retry 7",
        "22 settle 7 1 a failed",
        "30 claim 7 1 b",
        "50 settle 7 1 b completed",
        ...GOODBYE,
      ],
      { ...BY_B, spent: ["1 failed a 10"] },
    ],
    ["an heir settles what the dead had finished", ["10 claim 7 1 a", "50 settle 7 1 a completed"], BY_A],
  ])("%s", async (_, history, row) => {
    expect(await judgeHistory([...BOTH, ...history], [row])).toEqual([]);
  });
});

describe("what an instance that was killed owes", () => {
  it.each<[string, string[], VideoInTheEnd]>([
    ["the line of a completion", ["10 claim 7 1 a"], BY_A],
    ["the line of a release", ["10 claim 7 1 a", "30 claim 7 1 b", "50 settle 7 1 b completed", "99 gone b"], BY_B],
    [
      "the line of a retry",
      ["10 claim 7 1 a", "30 claim 7 2 b", "50 settle 7 2 b completed", "99 gone b"],
      { ...BY_B, attempt: 2, spent: ["1 retry a 10"] },
    ],
    [
      "the line of a claim",
      ["20 reclaim 7 1 b pending", "30 claim 7 2 b", "50 settle 7 2 b completed", "99 gone b"],
      { ...BY_B, attempt: 2, spent: ["1 died a 10"] },
    ],
    [
      "the lines of a claim and of the reclaim",
      ["30 claim 7 2 b", "50 settle 7 2 b completed", "99 gone b"],
      { ...BY_B, attempt: 2, spent: ["1 died a 10"] },
    ],
  ])("is %s", async (_, history, row) => {
    expect(await judgeHistory([...BOTH, ...history], [row])).toEqual([]);
  });

  it.each<[string, string[], VideoInTheEnd, string]>([
    [
      "a completion of one that left in good order",
      ["10 claim 7 1 a", "60 gone a"],
      BY_A,
      "video 7: attempt 1 of a has no end, though a left in good order (line 3)",
    ],
    [
      "a completion before others that it has told of",
      ["10 claim 7 1 a", "10 claim 8 1 a", "5000 settle 8 1 a completed"],
      BY_A,
      "video 7: it was completed as attempt 1 of a, but the journal has no settlement of it (line 3)",
    ],
    [
      "a completion of one that lived on for long",
      ["10 claim 7 1 a", "90000 renew a 120000"],
      BY_A,
      "video 7: it was completed as attempt 1 of a, but the journal has no settlement of it (line 3)",
    ],
    [
      "a completion that it never claimed",
      ["5000 renew a 120000"],
      BY_A,
      "video 7: it was completed as attempt 1 of a, but the journal has neither its claim nor its settlement",
    ],
    [
      "an attempt that nothing accounts for",
      ["10 claim 7 1 a", "30 claim 7 2 b", "50 settle 7 2 b completed"],
      { ...BY_B, attempt: 2 },
      "video 7: nothing tells how attempt 1 of a ended before b claimed it (line 3, line 4)",
    ],
    [
      "the claim of one that lived on",
      ["20 reclaim 7 1 b pending", "30 claim 7 2 b", "50 settle 7 2 b completed", "20000 renew a 50000"],
      { ...BY_B, attempt: 2, spent: ["1 died a 10"] },
      "video 7: attempt 1 was taken back by b without a claim of it (line 3)",
    ],
  ])("is not %s", async (_, history, row, finding) => {
    const others = [...new Set(history.flatMap((text) => (/ 8 /.test(text) ? [8] : [])))];
    const rows = [row, ...others.map((id) => ({ ...BY_A, id, finishedAt: 5000 }))];
    expect(await judgeHistory([...BOTH, ...history], rows)).toContain(finding);
  });
});

describe("a history that cannot be", () => {
  it.each<[string, string[], VideoInTheEnd, string]>([
    [
      "two at once",
      ["10 claim 7 1 a", "20 claim 7 1 b", "30 release 7 1 a", "50 settle 7 1 b completed"],
      BY_B,
      "video 7: attempt 1 of b began at 20 while a had attempt 1 (line 3, line 4)",
    ],
    [
      "one that has it claims it once more",
      ["10 claim 7 1 a", "20 claim 7 2 a", "50 settle 7 2 a completed"],
      { ...BY_A, attempt: 2, spent: ["1 retry a 10"] },
      "video 7: attempt 2 of a began at 20 while a had attempt 1 (line 3, line 4)",
    ],
    [
      "taken from the living",
      ["10 claim 7 1 a", "20 reclaim 7 1 b pending", "30 claim 7 2 b", "50 settle 7 2 b completed", "60 renew a 90"],
      { ...BY_B, attempt: 2, spent: ["1 died a 10"] },
      "video 7: attempt 1 was taken by b from a, which went on living (line 3, line 4)",
    ],
    [
      "an attempt left out",
      ["10 claim 7 1 a", "20 settle 7 1 a retry", "30 claim 7 3 b", "50 settle 7 3 b completed", ...GOODBYE],
      { ...BY_B, attempt: 3, spent: ["1 retry a 10", "2 retry a 15"] },
      "video 7: attempt 3 was claimed by b, expected attempt 2 (line 5)",
    ],
    [
      "an attempt not given back",
      ["10 claim 7 1 a", "20 release 7 1 a", "30 claim 7 2 b", "50 settle 7 2 b completed", ...GOODBYE],
      { ...BY_B, attempt: 2 },
      "video 7: attempt 2 was claimed by b, expected attempt 1 (line 5)",
    ],
    [
      "an attempt not counted",
      ["10 claim 7 1 a", "20 settle 7 1 a retry", "30 claim 7 1 b", "50 settle 7 1 b completed", ...GOODBYE],
      { ...BY_B, spent: ["1 retry a 10"] },
      "video 7: attempt 1 was claimed by b, expected attempt 2 (line 5)",
    ],
    [
      "settled by a stranger",
      ["10 claim 7 1 a", "20 release 7 1 a", "50 settle 7 1 b completed", ...GOODBYE],
      BY_B,
      "video 7: attempt 1 was settled as completed by b, which did not hold it (line 5)",
    ],
    [
      "released by a stranger, whatever was cancelled before",
      [
        "10 claim 7 1 a",
        "20 cancel 7 21",
        "25 retry 7",
        "30 release 7 1 b",
        "40 claim 7 1 a",
        "50 settle 7 1 a completed",
      ],
      BY_A,
      "video 7: attempt 1 was released by b, which did not hold it (line 6)",
    ],
    [
      "settled for an attempt that was over",
      [
        "10 claim 7 1 a",
        "20 settle 7 1 a retry",
        "30 claim 7 2 a",
        "40 settle 7 1 a completed",
        "50 settle 7 2 a retry",
      ],
      { ...BY_A, spent: ["1 retry a 10", "2 retry a 30"] },
      "video 7: attempt 1 was settled as completed by a, which did not hold it (line 5, line 6)",
    ],
    [
      "back from the dead",
      ["10 claim 7 3 a", "20 settle 7 3 a failed", "30 claim 7 4 b", "50 settle 7 4 b completed", ...GOODBYE],
      { ...BY_B, attempt: 4, spent: ["1 retry x 1", "2 retry x 2", "3 failed a 10"] },
      "video 7: attempt 4 was claimed by b after the video was failed (line 4, line 5)",
    ],
    [
      "back after it was cancelled",
      [
        "10 claim 7 1 a",
        "15 settle 7 1 a retry",
        "20 cancel 7",
        "30 claim 7 2 b",
        "50 settle 7 2 b completed",
        ...GOODBYE,
      ],
      { ...BY_B, attempt: 2, spent: ["1 retry a 10"] },
      "video 7: attempt 2 was claimed by b after the video was cancelled (line 5, line 6)",
    ],
    [
      "cancelled after it was completed",
      ["10 claim 7 1 a", "20 settle 7 1 a completed", "30 cancel 7", ...GOODBYE],
      BY_A,
      "video 7: it was cancelled after it was completed (line 4, line 5)",
    ],
    [
      "taken back twice",
      [
        "10 claim 7 1 a",
        "20 reclaim 7 1 b pending",
        "21 reclaim 7 1 b pending",
        "30 claim 7 2 b",
        "50 settle 7 2 b completed",
      ],
      { ...BY_B, attempt: 2, spent: ["1 died a 10"] },
      "video 7: attempt 1 was taken back by b, though nobody held it (line 5)",
    ],
    [
      "completed, and lost by the database",
      ["10 claim 7 1 a", "50 settle 7 1 a completed", ...GOODBYE],
      PENDING,
      "video 7: the journal has it completed, the database says pending (line 4)",
    ],
    [
      "completed, and overwritten by somebody else",
      ["10 claim 7 1 a", "50 settle 7 1 a completed", ...GOODBYE],
      BY_B,
      "video 7: the journal has it completed as attempt 1 of a, the database as attempt 1 of b (line 4)",
    ],
  ])("is found: %s", async (_, history, row, finding) => {
    expect(await judgeHistory([...BOTH, ...history], [row])).toContain(finding);
  });

  it("is found: completed twice, and the second time is no resurrection of its own", async () => {
    const twice = ["10 claim 7 1 a", "20 settle 7 1 a completed", "30 claim 7 1 b", "50 settle 7 1 b completed"];
    expect(await judgeHistory([...BOTH, ...twice, ...GOODBYE], [BY_B])).toEqual([
      "video 7: attempt 1 was claimed by b after the video was completed (line 4, line 5)",
      "video 7: it was completed 2 times, last as attempt 1 of b (line 6)",
    ]);
  });

  it("is found once a retry has been used up", async () => {
    const once = [
      "10 claim 7 1 a",
      "20 settle 7 1 a completed",
      "25 retry 7",
      "30 claim 7 1 b",
      "40 settle 7 1 b completed",
    ];
    const more = ["42 claim 7 1 a", "50 settle 7 1 a completed"];
    expect(await judgeHistory([...BOTH, ...once, ...more, ...GOODBYE], [BY_A])).toContain(
      "video 7: attempt 1 was claimed by a after the video was completed (line 7, line 8)",
    );
  });
});
