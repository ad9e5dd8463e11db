import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { LogLine } from "../../src/report/log/line.js";
import { openLogFolder } from "../../src/report/log/read.js";
import { openLog } from "../../src/report/log.js";
import { makeFile, makeFolder } from "../catalogue/world.js";

const HOUR = 3_600_000;
const WRITER = fileURLToPath(new URL("log-writer.ts", import.meta.url));

interface SetupParts {
  maxBytes?: number;
  fileBytes?: number;
  fileMs?: number;
}

function setup({ maxBytes = 1e9, fileBytes = 1e9, fileMs = HOUR }: SetupParts = {}) {
  const folder = makeFolder();
  const clock = { ...systemClock, ahead: 0, now: () => Date.now() + clock.ahead };
  const open = (instance: string, processId = 0) => {
    const bounds = { maxBytes, fileBytes, fileMs };
    const write = openLog({ folder, level: "info", processId, instance, bounds, clock });
    return (text: string) => write({ type: "worker.said", level: "log", text }, 0);
  };
  const names = () => readdirSync(folder).sort();
  const texts = () => names().flatMap((name) => readTexts(join(folder, name)));
  const bytes = () => names().reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return { folder, clock, open, names, texts, bytes };
}

function readTexts(file: string): string[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line).text);
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => `line ${at}`);

/** One that runs the same code as an instance does. */
function startWriter(folder: string, processId: number, instance: string, { count = 0, fileBytes = 1e9 }) {
  const args = [WRITER, folder, processId, instance, count, fileBytes].map(String);
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  return new Promise<number | null>((resolve) => child.on("close", resolve));
}

describe("a log file", () => {
  it("is set aside before it grows beyond its size, and every line stays", async () => {
    const { open, names, texts, folder } = setup({ fileBytes: 5000 });
    const say = open("k8f2");
    for (const text of numbers(300)) {
      say(text);
      await setImmediate();
    }
    expect(texts()).toEqual(numbers(300));
    expect(names().length).toBeGreaterThan(5);
    expect(names().at(-1)).toBe("hidb-0.log");
    for (const name of names()) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(5000);
  });

  it("is set aside at its age, which a restart does not make younger", () => {
    const { open, names, clock } = setup({ fileMs: HOUR });
    open("old")("first");
    clock.ahead = HOUR - 10_000;
    const say = open("new");
    say("second");
    expect(names()).toEqual(["hidb-0.log"]);
    clock.ahead = HOUR + 10_000;
    say("third");
    expect(names()).toHaveLength(2);
  });

  it("that somebody has deleted or moved is begun anew within a second, with the next line", () => {
    const { open, folder, texts, clock } = setup();
    const say = open("k8f2");
    say("lost on purpose");
    rmSync(join(folder, "hidb-0.log"));
    clock.ahead += 1000;
    say("kept");
    expect(texts()).toEqual(["kept"]);
  });

  it("takes a line that is longer than a file may be", () => {
    const { open, texts } = setup({ fileBytes: 100 });
    const say = open("k8f2");
    say("x".repeat(1000));
    say("y");
    expect(texts().sort()).toEqual(["x".repeat(1000), "y"]);
  });

  it("loses nothing when two processes of one number write to it", async () => {
    const { folder, texts, names } = setup();
    const parts = { count: 5000, fileBytes: 20_000 };
    const codes = await Promise.all([startWriter(folder, 3, "old", parts), startWriter(folder, 3, "new", parts)]);
    expect(codes).toEqual([0, 0]);
    expect(names().length).toBeGreaterThan(50);
    for (const instance of ["old", "new"]) {
      const own = texts().filter((text) => text.includes(` of ${instance} `));
      expect(own).toHaveLength(5000);
      expect(new Set(own).size).toBe(5000);
    }
  });
});

describe("the folder", () => {
  it("stays within its bound, and the oldest lines of all instances go first", async () => {
    const { open, bytes, texts } = setup({ maxBytes: 60_000, fileBytes: 10_000 });
    const [quiet, loud] = [open("a", 0), open("b", 1)];
    let most = 0;
    for (let number = 0; number < 3000; number++) {
      loud(`loud ${number}`);
      if (number % 10 === 0) quiet(`quiet ${number}`);
      await setImmediate();
      if (number % 20 === 0) most = Math.max(most, bytes());
    }
    expect(most).toBeGreaterThan(40_000);
    expect(most).toBeLessThanOrEqual(60_000);
    const loudest = texts()
      .filter((text) => text.startsWith("loud"))
      .map((text) => Number(text.slice(5)))
      .sort((a, b) => a - b);
    expect(loudest.at(-1)).toBe(2999);
    expect(loudest).toEqual(loudest.map((_, at) => (loudest[0] ?? 0) + at)); // No gap: the oldest are gone, nothing else.
  });

  it("is tidied at the first line after a start, files of numbers that are no longer used included", () => {
    const { open, folder, names, clock } = setup({ maxBytes: 10_000, fileBytes: 1000 });
    for (const number of [5, 6, 7]) {
      const file = makeFile(folder, `hidb-${number}.log`, `{"text":"${"x".repeat(6000)}"}\n`);
      utimesSync(file, number, number);
    }
    writeFileSync(join(folder, "notes.log"), "y".repeat(50_000));
    open("k8f2")("hello");
    expect(names()).toEqual([
      "hidb-0.log",
      expect.stringMatching(/^hidb-7\.19700101T000007000Z\.k8f2\.log$/),
      "notes.log",
    ]);
    expect(clock.ahead).toBe(0);
  });
});

describe("a follower", () => {
  it("sees each of 200,000 lines once, in order, while two processes of one number rotate 400 times", async () => {
    const { folder, names } = setup();
    const log = openLogFolder(folder);
    const ending = new AbortController();
    const parts = { count: 100_000, fileBytes: 75_000 };
    const writers = Promise.all([startWriter(folder, 0, "old", parts), startWriter(folder, 0, "new", parts)]);
    writers.then(() => setTimeout(() => ending.abort(), 500));
    const seen: LogLine[] = [];
    for await (const batch of log.follow({}, { clock: systemClock, signal: ending.signal })) seen.push(...batch);
    log.close();
    expect(await writers).toEqual([0, 0]);
    expect(names().length).toBeGreaterThan(200);
    expect(seen).toHaveLength(200_000);
    expect(new Set(seen.map(({ fields }) => fields.text)).size).toBe(200_000);
    for (const instance of ["old", "new"]) {
      // Of one millisecond, lines on both sides of a seam may change places.
      const own = seen.filter(({ fields }) => fields.instance === instance).map(({ at }) => at);
      expect(own.findIndex((at, number) => at < (own[number - 1] ?? 0))).toBe(-1);
    }
  });
});
