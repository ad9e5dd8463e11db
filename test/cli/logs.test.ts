import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeFile } from "../catalogue/world.js";
import { HIDB, setup } from "./world.js";

function line(ageMs: number, rank: number, fields: Record<string, unknown> = {}): string {
  const time = new Date(Date.now() - ageMs).toISOString();
  return `${JSON.stringify({ level: "info", time, msg: "attempt.finished", rank, processId: rank, instance: `life${rank}`, ...fields })}\n`;
}

function setupLogs() {
  const world = setup();
  const logs = join(world.folder, "logs");
  const env = { HIDB_LOG_DIR: logs };
  makeFile(logs, "hidb-0.log", line(7_200_000, 0, { video: 1 }) + line(1000, 0, { level: "warn", video: 2 }));
  makeFile(logs, "hidb-1.log", line(3_600_000, 1, { video: 1 }) + line(500, 1, { video: 3 }));
  const show = (...args: string[]) => world.run(["logs", ...args], { env });
  const ranks = async (...args: string[]) => {
    const { stdout } = await show(...args);
    return stdout
      .split("\n")
      .slice(0, -1)
      .map((text) => JSON.parse(text).rank);
  };
  return { ...world, logs, env, show, ranks };
}

describe("hidb logs", () => {
  it("merges the instances' files, and picks lines by rank, video, level, age and count", async () => {
    const { ranks } = setupLogs();
    expect(await ranks()).toEqual([0, 1, 0, 1]);
    expect(await ranks("-n", "3")).toEqual([1, 0, 1]);
    expect(await ranks("-w", "1")).toEqual([1, 1]);
    expect(await ranks("--video", "1")).toEqual([0, 1]);
    expect(await ranks("--level", "warn", "--json")).toEqual([0]);
    expect(await ranks("--since", "90m")).toEqual([1, 0, 1]);
    expect(await ranks("--since", new Date(Date.now() - 60_000).toISOString(), "-n", "1")).toEqual([1]);
  });

  it("shows people one fact after the other, and colours only where they are wanted", async () => {
    const { show, run, env } = setupLogs();
    const { stdout } = await show("--pretty", "-n", "1");
    expect(stdout).toMatch(
      /^--- \d{4}-\d\d-\d\d UTC ---\n\d\d:\d\d:\d\d\.\d{3} info {2}attempt\.finished rank=1 instance=life1 video=3\n$/,
    );
    const forced = await run(["logs", "--pretty"], { env: { ...env, FORCE_COLOR: "1" } });
    const colours = forced.stdout.match(/\[\d+m(?=rank=)/g);
    expect(new Set(colours).size).toBe(2);
    const plain = await run(["logs", "--pretty"], { env: { ...env, NO_COLOR: "1" } });
    expect(plain.stdout).not.toContain("\u001b");
  });

  it("follows: what was there, then what comes, each line once, until it is interrupted", async () => {
    const { logs, folder, env } = setupLogs();
    const child = spawn(process.execPath, [HIDB, "logs", "-f", "-n", "1"], {
      cwd: folder,
      env: { ...process.env, ...env },
    });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    const lines = async (count: number) => {
      while (output.split("\n").length <= count) await new Promise((resolve) => setTimeout(resolve, 20));
      return output
        .split("\n")
        .slice(0, -1)
        .map((text) => JSON.parse(text).video);
    };
    expect(await lines(1)).toEqual([3]);
    appendFileSync(join(logs, "hidb-2.log"), line(20, 2, { video: 4 }));
    appendFileSync(join(logs, "hidb-0.log"), line(0, 0, { video: 5 }));
    expect(await lines(3)).toEqual([3, 4, 5]);
    child.kill("SIGINT");
    const [code, signal] = await new Promise<[number | null, string | null]>((done) =>
      child.on("close", (...how) => done(how)),
    );
    expect(code ?? signal).toBe("SIGINT");
  });

  it("says what is wrong with what was typed, and where no log is", async () => {
    const { show, run, folder } = setupLogs();
    const since = await show("--since", "yesterday");
    expect(since).toMatchObject({ code: 2, stdout: "" });
    expect(since.stderr).toContain("Expected a span such as 30s");
    expect((await show("--level", "loud")).code).toBe(2);
    expect((await show("--json", "--pretty")).code).toBe(2);
    const none = await run(["logs"], { env: { HIDB_LOG_DIR: join(folder, "none") } });
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toMatch(/^error: expected log files in .*none, found none\nfix: {3}run `hidb start`/);
  });
});
