import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { verifyJournal } from "../../src/report/journal-check.js";
import { makeFile, makeFolder } from "../catalogue/world.js";
import { judgeHistory, makeEnd, toLines, toText, type VideoInTheEnd } from "./history.js";

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

describe("several hosts", () => {
  const APART = ["0 begin a here", "0 begin b there"];
  const spent = { ...BY_B, attempt: 2, spent: ["1 died a 10"] };

  it("may have clocks that differ by a second", async () => {
    const history = ["10 claim 7 1 a", "400 claim 7 1 b", "1000 release 7 1 a", "1100 settle 7 1 b completed"];
    expect(await judgeHistory([...APART, ...history, ...GOODBYE], [BY_B])).toEqual([]);
    expect(await judgeHistory([...BOTH, ...history, ...GOODBYE], [BY_B])).not.toEqual([]);
    const later = ["10 claim 7 1 a", "400 claim 7 1 b", "1500 release 7 1 a", "1600 settle 7 1 b completed"];
    expect(await judgeHistory([...APART, ...later, ...GOODBYE], [BY_B])).toContain(
      "video 7: attempt 1 of b began at 400 while a had attempt 1 (line 3, line 4)",
    );
  });

  it("take videos from one another only once the lease is over, and from whoever lives as well", async () => {
    const frozen = [
      "10 claim 7 1 a",
      "20 renew a 5000",
      "9000 reclaim 7 1 b pending",
      "9010 claim 7 2 b",
      "9050 settle 7 2 b completed",
    ];
    const woken = ["20000 lost 7 1 a", "20001 gone a 75", "99000 gone b"];
    expect(await judgeHistory([...APART, ...frozen, ...woken], [spent])).toEqual([]);
    const renewed = frozen.map((text) => text.replace("renew a 5000", "renew a 30000"));
    expect(await judgeHistory([...APART, ...renewed, ...woken], [spent])).toEqual([
      "video 7: attempt 1 was taken by b from a, which went on living (line 3, line 5)",
    ]);
  });

  it("each leave a journal in one folder, and findings name the file", async () => {
    const folder = makeFolder();
    const database = await makeEnd([BY_B]);
    const write = (name: string, history: string[]) => writeFileSync(join(folder, name), toText(toLines(history)));
    write("here.ndjson", ["0 begin a here", "10 claim 7 1 a", "8000 renew a 9000", "99000 gone a"]);
    write("there.ndjson", ["0 begin b there", "5000 claim 7 1 b", "5050 settle 7 1 b completed", "99000 gone b"]);
    writeFileSync(join(folder, "notes.txt"), "no journal");
    expect((await verifyJournal(database, folder)).map(({ message }) => message)).toEqual([
      "video 7: attempt 1 of b began at 5000 while a had attempt 1 (here.ndjson:2, there.ndjson:2)",
      "video 7: attempt 1 of a has no end, though a left in good order (here.ndjson:2)",
    ]);
    mkdirSync(join(folder, "empty"));
    await expect(verifyJournal(database, join(folder, "empty"))).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });
});

describe("a line that was torn", () => {
  const text = toText(toLines([...BOTH, "10 claim 7 1 a", "50 settle 7 1 a completed"]));
  let database: Awaited<ReturnType<typeof makeEnd>>;
  beforeEach(async () => {
    database = await makeEnd([BY_A]);
  });
  const judge = async (journal: string) => {
    const problems = await verifyJournal(database, makeFile(makeFolder(), "journal.ndjson", journal));
    return problems.map(({ message }) => message);
  };

  it("is forgiven at the end, wherever it was cut off", async () => {
    for (let length = 1; length < 60; length++)
      expect(await judge(text + text.slice(0, length)), String(length)).toEqual([]);
  });

  it("is forgiven where another instance has gone on in the same line, which still counts", async () => {
    const [first = "", ...rest] = text.split("\n");
    expect(await judge(`${first.slice(0, 30)}${first}\n${rest.join("\n")}`)).toEqual([]);
    expect(await judge(text.replace("\n", `\n${first.slice(0, 40)}\n`))).toEqual([
      `the journal has a line that cannot be read (line 2: ${first.slice(0, 40)})`,
    ]);
  });

  it("is named anywhere else, and so is whatever no instance would write", async () => {
    for (const wrong of [
      "hello",
      "{}",
      '{"time":1}',
      "null",
      '{"time":1,"event":"claim","instance":"a"}',
      '{"time":"x"',
    ]) {
      expect(await judge(`${wrong}\n${text}`), wrong).toEqual([
        `the journal has a line that cannot be read (line 1: ${wrong})`,
      ]);
    }
  });
});

it("names a hundred problems of a kind and counts the others", async () => {
  const history = Array.from({ length: 250 }, (_, id) => `${id + 1} release ${id} 1 a`);
  const found = await judgeHistory([...BOTH, ...history], []);
  expect(found).toHaveLength(101);
  expect(found.at(-1)).toBe("and 150 more of this kind (journal.unclaimed)");
});

it("finds the same in portions as in one piece", async () => {
  const history = Array.from({ length: 60 }, (_, id) => [
    `${id} claim ${id - 30} 1 a`,
    `${id + 0.5} settle ${id - 30} 1 b completed`,
  ]);
  const file = makeFile(makeFolder(), "journal.ndjson", toText(toLines([...BOTH, ...history.flat()])));
  const database = await makeEnd([
    { ...BY_A, id: -3 },
    { ...BY_B, id: 4 },
    { id: 900, finishedAt: null },
  ]);
  const whole = (await verifyJournal(database, file)).map(({ message }) => message);
  const parts = (await verifyJournal(database, file, { portionBytes: 1500 })).map(({ message }) => message);
  expect(whole.length).toBeGreaterThan(60);
  expect(parts.toSorted()).toEqual(whole.toSorted());
});
