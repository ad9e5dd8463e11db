import { describe, expect, it } from "vitest";
import { verifyJournal } from "../../src/report/journal-check.js";
import { verifyDatabase } from "../../src/report/verify.js";
import { makeFile, makeFolder } from "../catalogue/world.js";
import { findProblems, isDead, judgeJournal, NOW, setup } from "./world.js";

describe("accounting for the database", () => {
  it("finds nothing wrong with every state as the pool leaves it", async () => {
    const { database, catalogue } = await setup({
      instances: [{ id: "a" }],
      videos: [
        { id: -5 },
        { id: 1, attempt: 2, attempts: ["1 retry", "2 retry"] },
        { id: 2, state: "running", attempt: 3, deaths: 1, attempts: ["1 retry", "2 died"] },
        { id: 3, state: "completed" },
        { id: 4, state: "completed", attempt: 2, attempts: ["1 retry"] },
        { id: 5, state: "failed", attempt: 3, attempts: ["1 retry", "2 retry", "3 failed"] },
        { id: 6, state: "quarantined", attempt: 2, deaths: 2, attempts: ["1 died", "2 died"] },
        { id: 7, state: "cancelled", attempt: 0, instance: null },
        { id: 8, state: "cancelled", attempt: 1 },
      ],
    });
    const report = await verifyDatabase(database, { catalogue, now: NOW, isDead });
    expect(report).toEqual({ ok: true, videos: 9, problems: [], toReclaim: 0 });
  });

  it("counts only the attempts since the last retry by hand", async () => {
    const { database } = await setup({
      videos: [
        { id: 1, state: "completed", attempts: ["1 died", "2 failed"] },
        { id: 2, state: "completed", attempt: 2, deaths: 1, attempts: ["1 retry", "2 failed", "1 died"] },
        { id: 3, attempts: ["1 died", "2 died"] },
      ],
    });
    expect(await findProblems(database)).toEqual([]);
  });

  it("finds attempts and deaths without a record, and records without an attempt", async () => {
    const { database } = await setup({
      videos: [
        { id: 1, attempt: 1 },
        { id: 2, attempt: 2, attempts: ["2 retry"] },
        { id: 3, attempt: 1, deaths: 1, attempts: ["1 retry"] },
        { id: 4, attempt: 1, attempts: ["1 died"] },
        { id: 5, state: "failed", attempt: 2, attempts: ["1 retry", "1 failed"] },
      ],
    });
    await database.prepare("INSERT INTO hidb_attempts VALUES (NULL, 99, 1, 'a', 'retry', 'why', 1, 2)").run();
    const expected = [1, 2, 3, 4, 5].map((id) => `attempts.count ${id}`);
    expect(await findProblems(database)).toEqual([...expected, "attempts.stray 99"]);
  });

  it("finds videos without a state, states without a video, and ids that cannot be", async () => {
    const { database, catalogue } = await setup({ videos: [{ id: 1 }, { id: 2 }] });
    await database.prepare("DELETE FROM videos WHERE id = 1").run();
    await database.prepare("INSERT INTO videos (id, source) VALUES (3, 'x://3')").run();
    await database.prepare("CREATE TABLE theirs (id, source)").run();
    await database.prepare("INSERT INTO theirs VALUES (2, 'a'), (2, 'b'), (1, 'c'), ('x', 'd'), (0.5, 'e')").run();
    expect(await findProblems(database)).toEqual(["catalogue.missing 3", "catalogue.surplus 1"]);
    const theirs = { ...catalogue, table: "theirs", title: null, duration: null };
    expect(await findProblems(database, theirs)).toEqual([
      "catalogue.id null",
      "catalogue.id null",
      "catalogue.repeated 2",
    ]);
  });

  it("finds states that the schema forbids, should somebody have got round it", async () => {
    const { database } = await setup({ videos: [1, 2, 3, 4].map((id) => ({ id })) });
    await database.prepare("PRAGMA ignore_check_constraints = on").run();
    await database.prepare("UPDATE hidb_videos SET state = 'done' WHERE video_id = 1").run();
    await database.prepare("UPDATE hidb_videos SET state = 'completed' WHERE video_id = 2").run();
    await database.prepare("UPDATE hidb_videos SET state = 'running', attempt = 1 WHERE video_id = 3").run();
    await database.prepare("UPDATE hidb_videos SET instance = 'a' WHERE video_id = 4").run();
    const problems = (await findProblems(database)).filter((problem) => !problem.startsWith("database"));
    expect(problems).toEqual([
      "state.illegal 1",
      "state.completed 2",
      "state.end 1",
      "state.end 2",
      "state.holder 3",
      "state.holder 4",
    ]);
  });

  it("lets videos of the dead wait for the next instance, and counts them", async () => {
    const { database, catalogue } = await setup({
      instances: [{ id: "dead1" }, { id: "left", state: "gone" }],
      videos: [
        { id: 1, state: "running", instance: "dead1" },
        { id: 2, state: "running", instance: "left" },
      ],
    });
    const report = await verifyDatabase(database, { catalogue, now: NOW, isDead });
    expect(report).toMatchObject({ ok: true, toReclaim: 2 });
  });

  it("finds a video that is left with an instance that has gone while others work", async () => {
    const { database, catalogue } = await setup({
      instances: [{ id: "a" }, { id: "dead1" }, { id: "left", state: "gone" }],
      videos: [
        { id: 1, state: "running", instance: "dead1" },
        { id: 2, state: "running", instance: "left" },
        { id: 3, state: "running", instance: "a" },
      ],
    });
    expect(await findProblems(database)).toEqual(["state.orphaned 2"]);
    expect(await verifyDatabase(database, { catalogue, now: NOW, isDead })).toMatchObject({ toReclaim: 1 });
  });

  it("names a hundred problems of a kind and counts the others", async () => {
    const { database } = await setup({ videos: [] });
    const ids = JSON.stringify(Array.from({ length: 250 }, (_, at) => at));
    await database.prepare("INSERT INTO hidb_videos (video_id) SELECT value FROM json_each(?)").bind(ids).run();
    const problems = await findProblems(database);
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toBe("catalogue.surplus null");
  });
});

describe("judging the journal", () => {
  const COMPLETED = { videos: [{ id: 1, state: "completed" as const }] };

  it("finds nothing wrong with claims that end before the next one begins", async () => {
    const { database } = await setup(COMPLETED);
    const lines = [
      "1 claim 1 1 a",
      "2 release 1 1 a",
      "3 claim 1 1 b",
      "4 settle 1 1 b retry",
      "5 claim 1 2 a",
      "6 settle 1 2 a completed",
    ];
    expect(await judgeJournal(database, lines)).toEqual([]);
  });

  it("sorts by time, since instances write when they get to it", async () => {
    const { database } = await setup(COMPLETED);
    const lines = ["5 claim 1 2 b", "1 claim 1 1 a", "6 settle 1 2 b completed", "2 settle 1 1 a retry"];
    expect(await judgeJournal(database, lines)).toEqual([]);
  });

  it("allows that an instance was killed between a commit and its line", async () => {
    const { database } = await setup(COMPLETED);
    expect(await judgeJournal(database, ["1 claim 1 1 a", "3 claim 1 2 b", "4 settle 1 2 b completed"])).toEqual([]);
    expect(
      await judgeJournal(database, ["2 reclaim 1 1 b pending", "3 claim 1 2 b", "4 settle 1 2 b completed"]),
    ).toEqual([]);
    expect(await judgeJournal(database, ["1 claim 1 1 a"])).toEqual([]);
  });

  it("allows the line of a reclaim to come after the claim that it made possible", async () => {
    const { database } = await setup(COMPLETED);
    const lines = ["1 claim 1 1 a", "3 claim 1 2 c", "3.5 reclaim 1 1 b pending", "4 settle 1 2 c completed"];
    expect(await judgeJournal(database, lines)).toEqual([]);
  });

  it("finds two attempts of one video at the same time", async () => {
    const { database } = await setup(COMPLETED);
    const lines = ["1 claim 1 1 a", "2 claim 1 2 b", "3 settle 1 1 a retry", "4 settle 1 2 b completed"];
    expect(await judgeJournal(database, lines)).toEqual(["journal.overlap 1"]);
  });

  it("finds an attempt that was taken from an instance which went on living", async () => {
    const { database } = await setup({ videos: [...COMPLETED.videos, { id: 2 }] });
    const lines = [
      "1 claim 1 1 a",
      "2 reclaim 1 1 b pending",
      "3 claim 1 2 b",
      "4 claim 2 1 a",
      "5 settle 1 2 b completed",
    ];
    expect(await judgeJournal(database, lines)).toEqual(["journal.overlap 1"]);
  });

  it("finds a video that was completed twice", async () => {
    const { database } = await setup(COMPLETED);
    const lines = ["1 claim 1 1 a", "2 settle 1 1 a completed", "3 claim 1 2 b", "4 settle 1 2 b completed"];
    expect(await judgeJournal(database, lines)).toEqual(["journal.resurrection 1", "journal.completed 1"]);
  });

  it("finds a settlement without a claim", async () => {
    const { database } = await setup(COMPLETED);
    const lines = ["1 claim 1 1 a", "2 settle 1 1 b completed"];
    expect(await judgeJournal(database, lines)).toEqual(["journal.unclaimed 1"]);
    expect(await judgeJournal(database, ["1 release 1 1 b"])).toEqual(["journal.unclaimed 1"]);
  });

  it("finds a video that came back after its end, but not one that a person has sent round again", async () => {
    const { database } = await setup(COMPLETED);
    const failed = ["1 claim 1 1 a", "2 settle 1 1 a failed"];
    const completed = ["4 settle 1 1 b completed"];
    expect(await judgeJournal(database, [...failed, "3 claim 1 2 b", "4 settle 1 2 b completed"])).toEqual([
      "journal.resurrection 1",
    ]);
    expect(await judgeJournal(database, [...failed, "3 claim 1 1 b", ...completed])).toEqual([]);
    const quarantined = ["1 claim 1 2 a", "2 reclaim 1 2 b quarantined", "3 claim 1 3 b", "4 settle 1 3 b completed"];
    expect(await judgeJournal(database, quarantined)).toEqual(["journal.resurrection 1"]);
  });

  it("allows a completed video to be completed again once a retry is on record", async () => {
    const { database } = await setup(COMPLETED);
    const once = ["1 claim 1 1 a", "2 settle 1 1 a completed"];
    const again = ["4 claim 1 1 b", "5 settle 1 1 b completed"];
    expect(await judgeJournal(database, [...once, "3 retry 1 0 hidb", ...again])).toEqual([]);
    expect(await judgeJournal(database, [...once, ...again])).toEqual([
      "journal.resurrection 1",
      "journal.completed 1",
    ]);
  });

  it("allows a cancelled attempt to be cut short", async () => {
    const { database } = await setup(COMPLETED);
    const lines = [
      "1 claim 1 1 a",
      "2 cancel 1 0 hidb",
      "3 retry 1 0 hidb",
      "4 claim 1 1 b",
      "5 claim 2 1 a",
      "6 settle 1 1 b completed",
    ];
    expect(await judgeJournal(database, lines)).toEqual([]);
  });

  it("finds a completion that the database has lost", async () => {
    const { database } = await setup({ videos: [{ id: 1 }] });
    expect(await judgeJournal(database, ["1 claim 1 1 a", "2 settle 1 1 a completed"])).toEqual(["journal.settled 1"]);
  });

  it("names lines that cannot be read, and a file that is not there", async () => {
    const { database } = await setup();
    const file = makeFile(makeFolder(), "journal", '{"time":1\n');
    expect(await verifyJournal(database, file)).toMatchObject([
      { rule: "journal.line", message: expect.stringContaining("line 1") },
    ]);
    await expect(verifyJournal(database, `${file}.gone`)).rejects.toMatchObject({
      message: expect.stringContaining(`${file}.gone`),
    });
  });
});
