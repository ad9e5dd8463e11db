import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { PoolEvent } from "../../src/report/event.js";
import { appendToJournal, type JournalLine, openJournal } from "../../src/report/journal.js";
import type { Claim } from "../../src/video.js";

const base = mkdtempSync(join(tmpdir(), "hidb-journal-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const DIST = new URL("../../dist/report/journal.js", import.meta.url).href;

const video = { id: -7, source: "/videos/-7.mp4", title: null, durationS: null };
const claim: Claim = { video, attempt: 2, deaths: 0, claimedAt: 1, rank: 1, count: 3 };
const ME = { instance: "k8f2", boot: 'b "1"', clock: { nowFine: () => 8.5 } };
const WHO = { video: -7, attempt: 2, instance: "k8f2", pid: process.pid, rank: 1 };

/** A line of a life has no rank of a claim to show. */
const ME_TOO = { instance: "k8f2", pid: process.pid, rank: 4 };

function setup() {
  const file = join(mkdtempSync(join(base, "f-")), "new", "journal.ndjson");
  const read = () =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as JournalLine);
  return { file, read };
}

describe("the journal", () => {
  it.each<[PoolEvent, JournalLine]>([
    [
      { type: "video.claimed", claim, at: 5.25 },
      { time: 5.25, event: "claim", ...WHO },
    ],
    [
      { type: "attempt.finished", claim, outcome: { kind: "completed", output: "{}" }, durMs: 1, at: 6 },
      { time: 6, event: "settle", ...WHO, outcome: "completed" },
    ],
    [
      { type: "attempt.finished", claim, outcome: { kind: "retry", reason: "r" }, durMs: 1, at: 6 },
      { time: 6, event: "settle", ...WHO, outcome: "retry" },
    ],
    [
      { type: "attempt.finished", claim, outcome: { kind: "failed", reason: "r" }, durMs: 1, at: 6 },
      { time: 6, event: "settle", ...WHO, outcome: "failed" },
    ],
    [
      { type: "attempt.finished", claim, outcome: { kind: "released" }, durMs: 1, at: 6 },
      { time: 6, event: "release", ...WHO },
    ],
    [
      { type: "video.reclaimed", videoId: 9, attempt: 3, state: "failed", at: 7 },
      { time: 7, event: "reclaim", ...WHO, video: 9, attempt: 3, rank: 4, outcome: "failed" },
    ],
    [
      { type: "claim.lost", claim, heldMs: 1 },
      { time: 8.5, event: "lost", ...WHO },
    ],
    [
      { type: "instance.started", processId: 0, pid: process.pid, host: "h" },
      { time: 8.5, event: "begin", ...ME_TOO, boot: 'b "1"' },
    ],
    [
      { type: "lease.renewed", at: 7.25, until: 30_007 },
      { time: 7.25, event: "renew", ...ME_TOO, until: 30_007 },
    ],
    [
      { type: "instance.gone", because: "SIGINT", exitCode: 0 },
      { time: 8.5, event: "gone", ...ME_TOO, exitCode: 0 },
    ],
    [
      {
        type: "attempt.finished",
        claim,
        outcome: { kind: "completed", output: "{}" },
        durMs: 1,
        at: 6,
        heirOf: "dead",
      },
      { time: 6, event: "settle", ...WHO, instance: "dead", outcome: "completed" },
    ],
  ])("has a line for %o", (event, line) => {
    const { file, read } = setup();
    const journal = openJournal(file, ME);
    journal.write(event, 4); // A claim knows its own rank; a reclaim is noted with that of who reclaims.
    journal.close();
    expect(read()).toEqual([line]);
  });

  it("is silent about everything else", () => {
    const { file, read } = setup();
    const journal = openJournal(file, ME);
    journal.write({ type: "instance.draining", because: "SIGINT" }, 1);
    journal.write({ type: "pool.changed", rank: 0, count: 1 }, 1);
    journal.close();
    expect(read()).toEqual([]);
  });

  it("notes what a person did, and makes no file for nothing", () => {
    const { file, read } = setup();
    appendToJournal(file, "cancel", [], { time: 5, done: 5 });
    expect(() => read()).toThrow(/ENOENT/);
    appendToJournal(file, "cancel", [1, 2], { time: 5, done: 5.5 });
    appendToJournal(file, "retry", [1], { time: 6.5, done: 7 });
    expect(read()).toMatchObject([
      { time: 5, done: 5.5, event: "cancel", video: 1, rank: -1, attempt: 0 },
      { time: 5, event: "cancel", video: 2 },
      { time: 6.5, event: "retry", video: 1 },
    ]);
  });

  it("is shared by several processes without a torn line", async () => {
    const { file, read } = setup();
    const script = `
      import { openJournal } from ${JSON.stringify(DIST)};
      const clock = { nowFine: () => 0 };
      const journal = openJournal(process.argv[1], { instance: "life-" + process.pid, boot: "b", clock });
      const video = { id: 1, source: "s", title: null, durationS: null };
      for (let id = 0; id < 2000; id++) {
        journal.write({ type: "video.claimed", at: id, claim: { video: { ...video, id }, attempt: 1, deaths: 0, claimedAt: 1, rank: 0, count: 1 } }, 0);
      }`;
    const children = [1, 2, 3].map(() => {
      return spawn(process.execPath, ["--input-type=module", "-e", script, file], {
        stdio: ["ignore", "ignore", "inherit"],
      });
    });
    const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
    expect(codes).toEqual([0, 0, 0]);
    const lines = read();
    expect(lines).toHaveLength(6000);
    for (const { pid } of children) {
      expect(
        lines.filter((line) => line.pid === pid).map((line) => ("video" in line ? line.video : undefined)),
      ).toEqual(Array.from({ length: 2000 }, (_, id) => id));
    }
  });

  it("says which file cannot be written", () => {
    const { file } = setup();
    mkdirSync(file, { recursive: true });
    expect(() => openJournal(file, ME)).toThrow(expect.objectContaining({ code: "FILE_UNWRITABLE" }));
  });
});
