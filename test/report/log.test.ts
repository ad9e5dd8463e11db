import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { HidbError } from "../../src/errors.js";
import type { PoolEvent } from "../../src/report/event.js";
import { openLog } from "../../src/report/log.js";
import type { Claim } from "../../src/video.js";

const base = mkdtempSync(join(tmpdir(), "hidb-log-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const video = { id: 42, source: "/videos/42.mp4", title: "Secret plans", durationS: 9 };
const claim: Claim = { video, attempt: 2, deaths: 0, claimedAt: 1, rank: 1, count: 3 };

function setup(level = "info", processId = 4) {
  const folder = join(mkdtempSync(join(base, "f-")), "new", "logs");
  const write = openLog({ folder, level, processId, instance: "k8f2" });
  const text = () => readFileSync(join(folder, `hidb-${processId}.log`), "utf8");
  const lines = () =>
    text()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { folder, write: (event: PoolEvent) => write(event, 1), text, lines };
}

const finished = (outcome: Extract<PoolEvent, { type: "attempt.finished" }>["outcome"]): PoolEvent => {
  return { type: "attempt.finished", claim, outcome, durMs: 812.4, at: 5 };
};

describe("the log", () => {
  it("goes to one file a process id, in a folder that it makes", () => {
    const { folder, write } = setup("info", 7);
    write({ type: "instance.draining", because: "SIGINT" });
    expect(readdirSync(folder)).toEqual(["hidb-7.log"]);
  });

  it("has one JSON line an event with its fields in a fixed order, on disk when the call returns", () => {
    const { write, text } = setup();
    write(finished({ kind: "retry", reason: "no answer" }));
    expect(text()).toMatch(
      /^\{"level":"warn","time":"20\d\d-[^"]+Z","msg":"attempt\.finished","rank":1,"processId":4,"instance":"k8f2","video":42,"attempt":2,"outcome":"retry","durMs":812,"err":"no answer"\}\n$/,
    );
  });

  it.each<[PoolEvent, string, Record<string, unknown>]>([
    [finished({ kind: "completed", output: "{}" }), "info", { outcome: "completed" }],
    [finished({ kind: "released" }), "info", { outcome: "released" }],
    [finished({ kind: "failed", reason: "no video" }), "error", { outcome: "failed", err: "no video" }],
    [{ type: "video.claimed", claim, at: 5 }, "debug", { video: 42, attempt: 2 }],
    [{ type: "claim.lost", claim, heldMs: 60_012.3 }, "warn", { video: 42, heldMs: 60_012 }],
    [{ type: "attempt.hung", claim, afterMs: 7000.2 }, "error", { video: 42, afterMs: 7000 }],
    [
      { type: "video.reclaimed", videoId: 8, attempt: 1, state: "pending", at: 5 },
      "warn",
      { video: 8, state: "pending" },
    ],
    [{ type: "memory.high", rssBytes: 300 * 1048576, limitBytes: 250 * 1048576 }, "warn", { rssMb: 300, limitMb: 250 }],
    [{ type: "instance.started", processId: 4, pid: 99, host: "here" }, "info", { pid: 99, host: "here" }],
    [{ type: "instance.working", rank: 1, count: 3 }, "info", { rank: 1, count: 3 }],
    [{ type: "pool.changed", rank: 0, count: 2 }, "info", { rank: 0, count: 2 }],
    [{ type: "instance.gone", because: "SIGINT", exitCode: 0 }, "info", { because: "SIGINT", exitCode: 0 }],
    [{ type: "instance.failed", error: new Error("oh") }, "fatal", { err: "oh" }],
    [
      { type: "database.trouble", error: new HidbError({ code: "DATABASE_FULL", message: "m", fix: "f" }) },
      "error",
      { err: "m", fix: "f" },
    ],
  ])("says %o as %s", (event, level, facts) => {
    const { write, lines } = setup("debug");
    write(event);
    expect(lines()).toMatchObject([{ level, msg: event.type, instance: "k8f2", ...facts }]);
  });

  it("holds what its level lets through", () => {
    const { write, lines } = setup("warn");
    write({ type: "video.claimed", claim, at: 5 });
    write(finished({ kind: "completed", output: null }));
    write(finished({ kind: "retry", reason: "r" }));
    write({ type: "instance.failed", error: "text" });
    expect(lines().map((line) => line.level)).toEqual(["warn", "fatal"]);
    const silent = setup("silent");
    silent.write({ type: "instance.failed", error: "text" });
    expect(silent.lines()).toEqual([]);
  });

  it("keeps a reason on one line, whatever it holds, and leaves out outputs, titles and sources", () => {
    const { write, text, lines } = setup();
    const reason = 'a\nb "c" \u0000 \ud800 \u2028 end';
    write(finished({ kind: "failed", reason }));
    write(finished({ kind: "completed", output: '{"token":"s3cret"}' }));
    expect(text().trimEnd().split("\n")).toHaveLength(2);
    expect(lines()[0]?.err).toMatch(/^a\nb "c" \0 .+ end$/su);
    expect(text()).not.toMatch(/s3cret|Secret plans|42\.mp4/);
  });

  it("says which folder cannot be written", () => {
    const file = join(base, "file");
    writeFileSync(file, "");
    const open = () => openLog({ folder: join(file, "logs"), level: "info", processId: 0, instance: "x" });
    expect(open).toThrow(expect.objectContaining({ code: "FILE_UNWRITABLE", message: expect.stringContaining(file) }));
  });
});
