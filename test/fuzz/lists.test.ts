import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scanFolder } from "../../dist/catalogue/folder.js";
import { GOOD_LISTS } from "./lists/mutate.ts";
import { checkAgainstBytes } from "./lists/reading.ts";
import { fuzzLists } from "./lists/run.ts";
import { raceTree } from "./lists/trees.ts";
import { checkRefusal, ListWorld } from "./lists/world.ts";

const REGRESSIONS = resolve(import.meta.dirname, "lists/regressions");
const HIDB = resolve(import.meta.dirname, "../../dist/cli/hidb.cjs");

let world: ListWorld;
beforeAll(async () => {
  world = await new ListWorld().open();
});
afterAll(() => world.close());

/** `hidb add` of this list, as a person runs it. */
async function addAsPerson(list: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH ?? "", HIDB_SQLITE_FILE: join(world.folder, "person.sqlite"), HIDB_PORT: "0" };
  const child = spawn(process.execPath, [HIDB, "add", list], {
    cwd: world.folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, stdout, stderr };
}

/** With the ending that it has in somebody's folder. */
function copyOf(name: string): string {
  const file = join(world.folder, name.replace(/\.txt$/, ""));
  writeFileSync(file, readFileSync(join(REGRESSIONS, name)));
  return file;
}

describe("a hostile list", () => {
  it("comes in whole as another reader would have it, or is refused whole with one clear message", async () => {
    expect(await fuzzLists({ seed: 6, count: 800 })).toEqual([]);
  });

  it("does so when it is cut at any byte", async () => {
    for (const list of GOOD_LISTS) {
      const bytes = Buffer.from(list);
      for (let end = 0; end <= bytes.length; end++) {
        const cut = bytes.subarray(0, end);
        checkAgainstBytes(cut, await world.add(cut));
      }
    }
  });

  it.each(readdirSync(REGRESSIONS))("does so for what was found once: %s", async (name) => {
    const bytes = readFileSync(join(REGRESSIONS, name));
    checkAgainstBytes(bytes, await world.add(bytes));
  });

  it("keeps a number that JSON would round from becoming the id next to it", async () => {
    const taken = await world.add(readFileSync(join(REGRESSIONS, "rounded-id.json.txt")));
    expect(taken).toMatchObject({ stored: [{ id: 1n, source: "x://b" }] });
  });

  it("is read with semicolons behind empty lines", async () => {
    const taken = await world.add(readFileSync(join(REGRESSIONS, "blank-first-line.csv.txt")));
    expect(taken).toMatchObject({ stored: [{ id: 1n, source: "x://a" }] });
  });

  it("ends the command with one error, one fix, code 2, and nothing that moves a terminal", async () => {
    const odd = join(world.folder, "\u001b[2J\nodd.csv");
    writeFileSync(odd, "id\n1\n");
    const names = ["nested-3000-deep.json.txt", "control-characters.json.txt", "long-key.json.txt", "utf-16.csv.txt"];
    for (const list of [odd, ...names.map((name) => copyOf(name))]) {
      const { code, stdout, stderr } = await addAsPerson(list);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^error: expected [^\n]+\nfix: {3}[^\n]+\n$/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    }
  });

  it("is not waited for when it is a pipe that nobody writes to", async () => {
    const pipe = join(world.folder, "pipe.csv");
    await once(spawn("mkfifo", [pipe]), "close");
    const taken = await world.add(new Uint8Array(), pipe);
    expect("refused" in taken && taken.refused.message).toContain("got a device, pipe or socket");
    expect(() => checkRefusal(new Error("no HidbError"))).toThrow("one clear message");
  });
});

describe("a hostile folder", () => {
  it("is read to its end while its files and folders come and go", async () => {
    await raceTree(world.folder, 150);
  });

  it("gives a file once, whichever links lead to it or to the folder", () => {
    const [real, link, elsewhere] = ["real", "link", "elsewhere"].map((name) => join(world.folder, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(join(elsewhere, "deep"), { recursive: true });
    mkdirSync(real);
    writeFileSync(join(real, "a.mp4"), "");
    writeFileSync(join(elsewhere, "deep", "b.mp4"), "");
    symlinkSync("a.mp4", join(real, "again.mp4"));
    symlinkSync(join(elsewhere, "deep", "b.mp4"), join(real, "b.mp4"));
    symlinkSync(elsewhere, join(real, "z"));
    symlinkSync(real, link);
    const sources = scanFolder(link).entries.map(({ source }) => source);
    expect(sources).toEqual([join(link, "a.mp4"), join(link, "z", "deep", "b.mp4")]);
    for (const path of [real, link, elsewhere]) rmSync(path, { recursive: true });
  });
});
