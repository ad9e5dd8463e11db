import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { type JournalLine, type JudgeOptions, judge } from "./judge.js";

type Told = [event: JournalLine["event"], attempt: number, instance: string, outcome?: string];

/** Judges a run of one video whose journal tells these events in this order. */
function judged(told: Told[], row: { state?: string; attempt?: number; spent?: number } = {}, options?: JudgeOptions) {
  const { state = "completed", attempt = 1, spent = attempt - 1 } = row;
  const database = new BetterSqlite3(":memory:");
  database.exec(`
    CREATE TABLE videos (id INTEGER PRIMARY KEY);
    CREATE TABLE hidb_videos (video_id INTEGER PRIMARY KEY, state TEXT, attempt INTEGER, deaths INTEGER);
    CREATE TABLE hidb_attempts (video_id INTEGER);
    INSERT INTO videos VALUES (7);`);
  database.prepare("INSERT INTO hidb_videos VALUES (7, ?, ?, 0)").run(state, attempt);
  for (let n = 0; n < spent; n++) database.prepare("INSERT INTO hidb_attempts VALUES (7)").run();
  const lines = told.map(([event, number, instance, outcome], at) => {
    const line: JournalLine = { time: at, event, video: 7, attempt: number, instance, pid: 1, rank: 0 };
    return outcome === undefined ? line : { ...line, outcome };
  });
  return judge(database, lines, options).map((problem) => problem.replace(/:.*/, ""));
}

const DONE: Told[] = [
  ["claim", 1, "a"],
  ["settle", 1, "a", "completed"],
];

describe("the judge of these runs", () => {
  it("is content with one attempt, a release, a retry and a reclaim", () => {
    expect(judged(DONE)).toEqual([]);
    expect(judged([["claim", 1, "b"], ["release", 1, "b"], ...DONE])).toEqual([]);
    const again: Told[] = [
      ["claim", 2, "b"],
      ["settle", 2, "b", "completed"],
    ];
    expect(judged([["claim", 1, "a"], ["settle", 1, "a", "retry"], ...again], { attempt: 2 })).toEqual([]);
    expect(judged([["claim", 1, "a"], ["reclaim", 1, "c", "pending"], ...again], { attempt: 2 })).toEqual([]);
  });

  it.each<[string, Told[], Parameters<typeof judged>[1]?]>([
    ["video 7 was claimed while it was held", [["claim", 1, "b"], ...DONE]],
    ["video 7 was completed 2 times", [...DONE, ...DONE]],
    ["video 7 went on after it was completed", [...DONE, ["claim", 2, "b"], ["release", 2, "b"]]],
    ["video 7 was completed without a line", []],
    [
      "video 7 has a settle by the wrong instance",
      [
        ["claim", 1, "a"],
        ["settle", 1, "b", "completed"],
      ],
    ],
    [
      "video 7 has a settle of attempt 2",
      [
        ["claim", 1, "a"],
        ["settle", 2, "a", "completed"],
      ],
    ],
    [
      "video 7 ended running",
      [
        ["claim", 1, "a"],
        ["release", 1, "a"],
      ],
      { state: "running" },
    ],
    ["video 7 completed in attempt 2 with 0 attempts spent before", DONE, { attempt: 2, spent: 0 }],
  ])("says that %s", (problem, told, row) => {
    expect(judged(told, row)).toContain(problem);
  });

  it("forgives a killed instance the last line that it owed, and no more", () => {
    const killed = { killed: true };
    expect(judged([["claim", 1, "a"]], {}, killed)).toEqual([]);
    expect(judged([["claim", 1, "b"], ...DONE], {}, killed)).toEqual(["video 7 was claimed while it was held"]);
  });
});
