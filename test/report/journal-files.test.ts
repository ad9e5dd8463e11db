import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { verifyJournal } from "../../src/report/journal-check.js";
import { makeFile, makeFolder } from "../catalogue/world.js";
import { judgeHistory, makeEnd, toLines, toText, type VideoInTheEnd } from "./history.js";

const BOTH = ["0 begin a", "0 begin b"];
const GOODBYE = ["99000 gone a", "99000 gone b"];
const BY_A: VideoInTheEnd = { id: 7, state: "completed", attempt: 1, instance: "a", finishedAt: 50 };
const BY_B: VideoInTheEnd = { ...BY_A, instance: "b" };

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
