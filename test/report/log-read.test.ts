import { appendFileSync, renameSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { LogFilter, LogLine } from "../../src/report/log/line.js";
import { dayOf, formatLine, PLAIN } from "../../src/report/log/pretty.js";
import { openLogFolder, readLogLines } from "../../src/report/log/read.js";
import { makeFile, makeFolder } from "../catalogue/world.js";

const START = Date.parse("2026-11-24T14:00:00.000Z");

/** `12 warn attempt.finished video=7` is a line of 12 ms after the start. */
function makeLine(text: string, rank = 0): string {
  const [ms, level, msg, ...facts] = text.split(" ");
  const time = new Date(START + Number(ms)).toISOString();
  const more = facts.map((fact) => fact.split("=")).map(([name, value]) => [name, Number(value)]);
  const fields = { level, time, msg, rank, processId: rank, instance: `i${rank}`, ...Object.fromEntries(more) };
  return `${JSON.stringify(fields)}\n`;
}

function setup(files: Record<string, string[]>) {
  const folder = makeFolder();
  for (const [name, lines] of Object.entries(files)) {
    const rank = Number(/\d+/.exec(name)?.[0]);
    makeFile(folder, name, lines.map((line) => makeLine(line, rank)).join(""));
  }
  const read = async (filter: LogFilter = {}, limit = 1000) =>
    (await readLogLines({ folder, limit, ...filter })).map(summarise);
  const append = (name: string, text: string) => appendFileSync(join(folder, name), text);
  return { folder, read, append };
}

function summarise({ at, fields }: LogLine): string {
  return `${at - START} ${fields.msg}`;
}

/** A follower that is told what to do, and hands over what it has seen by then. */
function follow(folder: string, filter: LogFilter = {}) {
  const log = openLogFolder(folder);
  const ending = new AbortController();
  const seen: LogLine[] = [];
  const done = (async () => {
    for await (const batch of log.follow(filter, { clock: systemClock, signal: ending.signal })) seen.push(...batch);
    log.close();
  })();
  const until = async (count: number) => {
    while (seen.length < count) await systemClock.sleep(10);
    await systemClock.sleep(250); // Whatever came twice would come by now.
    return seen.map(summarise);
  };
  const end = () => {
    ending.abort();
    return done;
  };
  return { until, end };
}

const THREE = {
  "hidb-0.log": ["5 info a", "9 warn b"],
  "hidb-0.20261124T140000004Z.i0.log": ["1 info c", "3 error d video=7"],
  "hidb-1.log": ["2 info e video=7", "4 debug f", "9 fatal g"],
  "other.log": ["3 info h"],
};

describe("the log of all instances", () => {
  it("is in time order, whatever file a line stands in", async () => {
    const { read } = setup(THREE);
    expect(await read()).toEqual(["1 c", "2 e", "3 d", "4 f", "5 a", "9 b", "9 g"]);
    expect(await read({}, 3)).toEqual(["5 a", "9 b", "9 g"]);
    expect(await read({}, 0)).toEqual([]);
  });

  it("is sieved by video, rank, level and moment", async () => {
    const { read } = setup(THREE);
    expect(await read({ video: 7 })).toEqual(["2 e", "3 d"]);
    expect(await read({ video: 70 })).toEqual([]);
    expect(await read({ rank: 1, video: 7 })).toEqual(["2 e"]);
    expect(await read({ level: "warn" })).toEqual(["3 d", "9 b", "9 g"]);
    expect(await read({ since: START + 4 })).toEqual(["4 f", "5 a", "9 b", "9 g"]);
    expect(await read({ level: "info" }, 2)).toEqual(["9 b", "9 g"]);
  });

  it("tells the same from the end as from the start", async () => {
    const lines = Array.from({ length: 40_000 }, (_, n) => `${Math.floor(n / 3)} info n${n} video=${n % 100}`);
    const { folder, read } = setup({
      "hidb-0.log": lines.filter((_, n) => n % 7 < 3),
      "hidb-3.log": lines.filter((_, n) => n % 7 >= 3),
    });
    const log = openLogFolder(folder);
    const collect = async (filter: LogFilter) => {
      const all: string[] = [];
      for await (const line of log.all(filter)) all.push(summarise(line));
      return all;
    };
    const all = await collect({});
    expect(all).toHaveLength(40_000);
    expect(await read({}, 1e6)).toEqual(all);
    expect(await read({}, 777)).toEqual(all.slice(-777));
    const some = await collect({ video: 42 });
    expect(some).toHaveLength(400);
    expect(await read({ video: 42 })).toEqual(some);
    log.close();
  });

  it("keeps lines that no instance has written where they stand, and waits for the rest of half a line", async () => {
    const { folder, read, append } = setup({ "hidb-0.log": ["1 info a"] });
    append("hidb-0.log", "Killed\n[1]\n");
    append("hidb-0.log", makeLine("3 info b"));
    append("hidb-0.log", makeLine("4 info c").slice(0, 30));
    expect(await read()).toEqual(["1 a", "3 unreadable", "3 unreadable", "3 b"]);
    const follower = follow(folder);
    append("hidb-0.log", makeLine("4 info c").slice(30));
    expect(await follower.until(1)).toEqual(["4 c"]);
    await follower.end();
  });

  it("takes a line longer than any block, and letters cut by a block's edge", async () => {
    const { folder, append } = setup({ "hidb-0.log": ["1 info a"] });
    const text = "ü€😀".repeat(200_000);
    append("hidb-0.log", `${JSON.stringify({ time: new Date(START + 2).toISOString(), msg: "big", text })}\n`);
    append("hidb-0.log", makeLine("3 info b"));
    const lines = await readLogLines({ folder, limit: 10 });
    expect(lines.map(summarise)).toEqual(["1 a", "2 big", "3 b"]);
    expect(lines[1]?.fields.text === text).toBe(true);
    const log = openLogFolder(folder);
    const all: LogLine[] = [];
    for await (const line of log.all({})) all.push(line);
    log.close();
    expect(all).toEqual(lines);
  });

  it("of a folder that is not there is empty", async () => {
    expect(await readLogLines({ folder: join(makeFolder(), "none"), limit: 10 })).toEqual([]);
  });
});

describe("a follower", () => {
  it("goes on behind what was there, through renames, removals, new files and an emptied one", async () => {
    const { folder, append } = setup({ "hidb-0.log": ["1 info before"] });
    const follower = follow(folder);
    append("hidb-0.log", makeLine("2 info a"));
    await follower.until(1);
    append("hidb-0.log", makeLine("3 info b"));
    renameSync(join(folder, "hidb-0.log"), join(folder, "hidb-0.20261124T140000004Z.i0.log"));
    append("hidb-0.log", makeLine("4 info c"));
    append("hidb-0.20261124T140000004Z.i0.log", makeLine("5 info d"));
    append("hidb-12.log", makeLine("6 info e"));
    expect(await follower.until(5)).toEqual(["2 a", "3 b", "4 c", "5 d", "6 e"]);
    append("hidb-12.log", makeLine("7 info f"));
    rmSync(join(folder, "hidb-12.log"));
    append("hidb-12.log", makeLine("8 info g"));
    expect(await follower.until(7)).toEqual(["2 a", "3 b", "4 c", "5 d", "6 e", "7 f", "8 g"]);
    truncateSync(join(folder, "hidb-0.log"));
    await follower.until(7);
    append("hidb-0.log", makeLine("9 info h"));
    expect((await follower.until(8)).at(-1)).toBe("9 h");
    await follower.end();
  });

  it("begins with a folder that is made later", async () => {
    const folder = join(makeFolder(), "logs");
    const follower = follow(folder, { level: "warn" });
    await systemClock.sleep(200);
    makeFile(folder, "hidb-0.log", makeLine("1 info a") + makeLine("2 warn b"));
    expect(await follower.until(1)).toEqual(["2 b"]);
    await follower.end();
  });
});

describe("a line for people", () => {
  const show = (fields: Record<string, unknown>) => formatLine({ at: START + 7, fields, text: "" }, PLAIN);
  const who = { rank: 2, processId: 3, instance: "k8f2a1c0d5e6f7a8" };

  it("is the moment, the level and the event, then the facts in their order", () => {
    const fields = {
      level: "warn",
      time: "t",
      msg: "attempt.finished",
      ...who,
      video: 7,
      err: 'no "answer"\n',
      durMs: 812,
    };
    expect(show(fields)).toBe(
      String.raw`14:00:00.007 warn  attempt.finished rank=2 instance=k8f2a1c0 video=7 err="no \"answer\"\n" durMs=812`,
    );
    expect(dayOf({ at: START, fields, text: "" })).toBe("2026-11-24");
  });

  it("shows what a Worker printed as it looked, its lines below one another", () => {
    const said = { level: "info", msg: "worker.said", ...who };
    expect(show({ ...said, text: "\u001b[31mred\u001b[0m\tand = more" })).toBe(
      "14:00:00.007 info  worker.said rank=2 instance=k8f2a1c0 | red  and = more",
    );
    expect(show({ ...said, text: "{\n  a: 1\n}\n" })).toBe(
      "14:00:00.007 info  worker.said rank=2 instance=k8f2a1c0\n  | {\n  |   a: 1\n  | }",
    );
  });

  it("lets no text move the cursor, hide or turn around", () => {
    const text = show({ level: "info", msg: "worker.said", ...who, text: "a\rb\u0007\u202ec\u0000", err: "\u001b[2J" });
    expect(text).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});
