// What ends `hidb start`, whatever PM2 does: nothing waits for ever, and nothing is left behind.
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { kill } from "../support/process.js";
import { randomFrom } from "../support/random.js";
import { Clone } from "./clone.js";

let clone: Clone;
afterEach(() => clone.end());

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Longer than two signals that count as one. */
const APART_MS = 400;

/** Long videos, so that nothing ends by itself. */
async function setup(path = "hidb"): Promise<Clone> {
  clone = new Clone(path, { HIDB_PROCESSOR: "rehearse", HIDB_INSTANCES: "2", HIDB_DRAIN_MS: "100" });
  writeFileSync(join(clone.parent, "list.csv"), "source,duration_s\n/v/1,60\n/v/2,60\n/v/3,60\n");
  expect(await clone.hidb(["add", join(clone.parent, "list.csv")])).toMatchObject({ code: 0 });
  return clone;
}

function homes(): string[] {
  return readdirSync(join(clone.folder, "data")).filter((name) => name.startsWith(".hidb-pm2-"));
}

/** The process id of PM2's daemon once both instances are at work. */
async function daemonAtWork(): Promise<number> {
  for (;;) {
    const { stdout } = await clone.hidb(["status", "--json"]);
    const { instances } = JSON.parse(stdout) as { instances: { state: string }[] };
    if (instances.filter(({ state }) => state === "working").length === 2) break;
  }
  return Number(readFileSync(join(clone.folder, "data", homes()[0] ?? "", "pm2.pid"), "utf8"));
}

describe("a signal to hidb start", () => {
  it("ends it at any moment, and leaves nothing behind", { timeout: 600_000 }, async () => {
    await setup();
    const seed = Number(process.env.TEST_SEED ?? 1);
    const rounds = Number(process.env.TEST_ROUNDS ?? 8);
    const random = randomFrom(seed);
    for (let round = 0; round < rounds; round++) {
      const afterMs = Math.round(random() * 3000);
      const signal = SIGNALS[Math.floor(random() * 3)] ?? "SIGINT";
      const child = clone.spawn(["start"]);
      const ended = once(child, "exit");
      await delay(afterMs);
      child.kill(signal);
      await ended;
      const left = { processes: clone.processes(), homes: homes() };
      expect(left, `seed ${seed}, round ${round}: ${signal} after ${afterMs} ms`).toEqual({ processes: [], homes: [] });
    }
  });

  it("the third time ends it at once and takes all along that it has started", async () => {
    await setup();
    const child = clone.spawn(["start"], { HIDB_DRAIN_MS: "60000" });
    const said = text(child.stderr as NodeJS.ReadableStream);
    const ended = once(child, "exit");
    await daemonAtWork();
    for (const signal of SIGNALS) {
      child.kill(signal);
      await delay(APART_MS);
    }
    expect(await ended).toEqual([129, null]);
    expect(await said).toMatch(/draining.*\n.*waiting for the pool to drain; a third signal ends this at once\n/);
    expect({ processes: clone.processes(), homes: homes() }).toEqual({ processes: [], homes: [] });
  });

  it("drains the pool of a daemon that hangs, and ends the daemon", async () => {
    await setup();
    const child = clone.spawn(["start"]);
    const ended = once(child, "exit");
    kill(await daemonAtWork(), "SIGSTOP");
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    expect({ processes: clone.processes(), homes: homes() }).toEqual({ processes: [], homes: [] });
    const { stdout } = await clone.hidb(["status", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ counts: { pending: 3, running: 0 } });
  });
});

describe("a PM2_HOME in which PM2 cannot work", () => {
  it.each([
    ["/proc/hidb", /got \/proc\/hidb: ENOENT$/m],
    ["/dev/null", /got \/dev\/null: EEXIST: it is no folder$/m],
    [`/tmp/${"x".repeat(100)}`, /its path has 105 bytes, and PM2's sockets allow 98$/m],
  ])("is refused with one line: %s", async (home, why) => {
    await setup();
    const { code, stdout, stderr } = await clone.hidb(["start"], { PM2_HOME: home });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(/^error: expected PM2_HOME to be a folder .*\nfix: {3}unset PM2_HOME, .*\n$/);
    expect(stderr).toMatch(why);
  });
});

describe("a database in a folder too deep for PM2's sockets", () => {
  it("has its PM2 home elsewhere, which ends with the run", async () => {
    await setup();
    const deep = join(clone.folder, ...Array.from({ length: 8 }, () => "deep".repeat(6)));
    mkdirSync(deep, { recursive: true });
    const settings = { HIDB_SQLITE_FILE: join(deep, "hidb.sqlite"), HIDB_PROCESSOR: "probe", TMPDIR: clone.parent };
    const { code, stdout } = await clone.hidb(["start", "data/samples/tone.wav"], settings);
    expect(stdout).toMatch(/^1 video: 1 completed/m);
    expect(code).toBe(0);
    expect(clone.processes()).toEqual([]);
    expect(readdirSync(clone.parent).filter((name) => name.startsWith("hidb-pm2-"))).toEqual([]);
  });
});
