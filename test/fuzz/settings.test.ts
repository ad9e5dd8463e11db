import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "../../dist/config/read.js";
import { makeFolder } from "./cases.ts";
import { tryCommand, tryEcosystem, tryInstance } from "./settings/processes.ts";
import { checkRefusal, fuzzSettings } from "./settings/run.ts";

const folder = makeFolder("settings-test");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The `.env` of a folder of its own. */
function withDotenv(make: (file: string) => void): string {
  const place = join(folder, String(Math.random()));
  mkdirSync(place);
  make(join(place, ".env"));
  return place;
}

describe("hostile settings", () => {
  it("work and are what was asked, or end with one clear message", async () => {
    expect(await fuzzSettings({ seed: 6, count: 2000, withProcesses: false })).toEqual([]);
  });

  it("of two commands and instances do so, too, and show no secret", async () => {
    const cases = [
      { HIDB_TOKEN: "planted secret 0123456789" },
      { HIDB_LOG_DIR: join(folder, "file", "x") },
      { [`HIDB_${"X".repeat(50_000)}`]: "1" },
      { HIDB_ORDER: `\u001b[2J\u0085${"x".repeat(50_000)}` },
    ];
    writeFileSync(join(folder, "file"), "");
    for (const [at, settings] of cases.entries()) {
      const place = join(folder, `place-${at}`);
      mkdirSync(place);
      await Promise.all([
        tryCommand(place, settings as Record<string, string>),
        tryInstance(place, settings as Record<string, string>),
      ]);
    }
  });

  it("do not make an instance wait for a pipe that nobody reads", async () => {
    const pipe = join(folder, "journal");
    execFileSync("mkfifo", [pipe]);
    await tryInstance(folder, { HIDB_JOURNAL: pipe });
  });

  it.each(["0", "-1", "1.5", "65", "１２", "9".repeat(400), "\u001b[2J\n3"])(
    "of `pm2 start -i %j` end with one message",
    async (value) => {
      await tryEcosystem(folder, value);
    },
  );
});

describe("a .env file", () => {
  it("is read behind the mark that Windows puts first", () => {
    const cwd = withDotenv((file) => writeFileSync(file, "\ufeffHIDB_PORT=3\nHIDB_ORDER=longest\n"));
    expect(readConfig({ environment: {}, cwd })).toMatchObject({ port: 3, order: "longest" });
  });

  it.each([
    ["in UTF-16", Buffer.from("HIDB_PORT=3\n", "utf16le"), /expected text in UTF-8/],
    ["with a colon for =", Buffer.from("HIDB_PORT: 3\n"), /expected "HIDB_PORT" to be followed by =/],
    ["with nothing for =", Buffer.from("HIDB_PORT 3\n"), /expected "HIDB_PORT" to be followed by =/],
  ])("%s is refused, since its settings would be passed over in silence", (_, bytes, said) => {
    const cwd = withDotenv((file) => writeFileSync(file, bytes));
    expect(() => readConfig({ environment: {}, cwd })).toThrow(said);
  });

  it("that is a pipe or a folder is refused and not waited for", () => {
    for (const make of [
      (file: string) => void execFileSync("mkfifo", [file]),
      (file: string) => void mkdirSync(file),
    ]) {
      const cwd = withDotenv(make);
      try {
        readConfig({ environment: {}, cwd });
        expect.unreachable();
      } catch (error) {
        checkRefusal(error);
      }
    }
  });
});
