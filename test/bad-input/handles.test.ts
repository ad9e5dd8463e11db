// A shell that allows few open files: one line before anything is begun, and no video that is charged for it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hidb-few-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function runWithLimit(limit: number, args: string[]) {
  const file = join(folder, "hidb.sqlite");
  const { status, stdout, stderr } = spawnSync(
    "/bin/sh",
    ["-c", `ulimit -n ${limit} && exec "$@"`, "sh", process.execPath, ...args],
    {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 120_000,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        PM2_HOME: join(folder, "pm2"),
        HIDB_SQLITE_FILE: file,
        HIDB_PORT: "0",
      },
    },
  );
  return { status, stdout, stderr };
}

describe("a shell that allows few open files", () => {
  it.each([
    [24, ["dist/cli/hidb.cjs", "status"], 3, 32],
    [32, ["dist/cli/hidb.cjs", "start", "data/samples/tone.wav"], 3, 62],
    [32, ["node_modules/pm2/bin/pm2", "start", "ecosystem.cluster.config.cjs", "-i", "1"], 3, 62],
  ])("is refused with one line: %i for %j", (limit, args, exitCode, needed) => {
    const { status, stderr } = runWithLimit(limit, args);
    expect(status).toBe(exitCode);
    expect(stderr).toMatch(
      new RegExp(
        `^error: expected at least ${needed} open files to be allowed, got a limit of ${limit}\nfix: .*ulimit -n 1024.*\n$`,
      ),
    );
    expect(existsSync(join(folder, "hidb.sqlite"))).toBe(false);
    spawnSync(process.execPath, ["node_modules/pm2/bin/pm2", "kill"], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, HOME: folder, PM2_HOME: join(folder, "pm2") },
    });
  });

  it("stops an instance with the code that PM2 does not restart", () => {
    const { status, stderr } = runWithLimit(32, ["dist/entry.cjs"]);
    expect(status).toBe(42);
    expect(stderr).toMatch(/^hidb: expected at least 62 open files to be allowed, got a limit of 32\. Fix: .*\n$/);
  });

  it("costs a video of `command` no attempt when handles run out later", () => {
    const script = `
      import { openSync } from "node:fs";
      import { createCommand } from "${join(ROOT, "dist/process/command.js")}";
      import { readConfig } from "${join(ROOT, "dist/config/read.js")}";
      import { systemClock as clock } from "${join(ROOT, "dist/clock.js")}";
      const config = readConfig({ environment: { HIDB_COMMAND: "true {source}" } });
      const processor = createCommand(config, { clock });
      const held = [];
      try { for (;;) held.push(openSync("/dev/null")); } catch {}
      const context = { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal };
      const outcome = await processor.process({ id: 1, source: "/v/1", title: null, durationS: null }, context);
      process.stdout.write(JSON.stringify(outcome));
      process.exit(0);`;
    const { stdout, stderr } = runWithLimit(64, ["--input-type=module", "-e", script]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      kind: "retry",
      quota: true,
      trouble: true,
      reason: expect.stringContaining("EMFILE"),
    });
  });

  it("costs a video of `probe` no attempt while handles have run out, with and without a thread at hand", () => {
    const script = `
      import { closeSync, openSync } from "node:fs";
      import { createProbe } from "${join(ROOT, "dist/process/probe/probe.js")}";
      import { readConfig } from "${join(ROOT, "dist/config/read.js")}";
      import { systemClock as clock } from "${join(ROOT, "dist/clock.js")}";
      const processor = createProbe(readConfig({ environment: {} }), { clock, ffprobe: "hidb-no-such-ffprobe" });
      const context = { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal };
      const video = { id: 1, source: "data/samples/tone.wav", title: null, durationS: null };
      const held = [];
      const outcomes = [];
      for (const exhausted of [true, false, true, false]) {
        if (exhausted) try { for (;;) held.push(openSync("/dev/null")); } catch {}
        else for (const handle of held.splice(0)) closeSync(handle);
        outcomes.push(await processor.process(video, context));
      }
      process.stdout.write(JSON.stringify(outcomes));
      process.exit(0);`;
    const { stdout, stderr } = runWithLimit(64, ["--input-type=module", "-e", script]);
    expect(stderr).toBe("");
    const trouble = { kind: "retry", quota: true, trouble: true, reason: expect.stringContaining("EMFILE") };
    const completed = { kind: "completed" };
    expect(JSON.parse(stdout)).toMatchObject([trouble, completed, trouble, completed]);
  });
});
