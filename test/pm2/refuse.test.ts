import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { isRunning, run } from "../support/process.js";
import { createPool, ROOT, type TestPool } from "./pool.js";

let pool: TestPool;
afterEach(() => pool.end());

/** Starts two instances that cannot work, and tells what they said. */
async function startInVain(settings: Record<string, string>): Promise<string[]> {
  pool = await createPool();
  await pool.pm2(["start", join(ROOT, "ecosystem.cluster.config.cjs"), "-i", "2"], settings);
  await pool.waitFor("both to be stopped", async () => {
    const listed = await pool.jlist();
    return listed.length === 2 && listed.every((one) => !isRunning(one.pid));
  });
  for (const one of await pool.jlist()) {
    expect(one.pm2_env).toMatchObject({ restart_time: 0, exit_code: 42 });
  }
  return pool
    .output()
    .split("\n")
    .filter((line) => line !== "");
}

describe("an instance that cannot work", () => {
  it("says one line about a database that it cannot open, and PM2 leaves it stopped with exit code 42", async () => {
    const lines = await startInVain({ HIDB_SQLITE_FILE: "/dev/null/none.sqlite" });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^hidb: expected to create \/dev\/null\/none\.sqlite, .*\. Fix: .*\.$/);
  });

  it("says one line about a file that is no database", async () => {
    const folder = join("/tmp", `hp-bad-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "text.sqlite");
    writeFileSync(file, "this is no database, whatever its name says\n".repeat(100));
    const lines = await startInVain({ HIDB_SQLITE_FILE: file });
    execFileSync("rm", ["-r", folder]);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^hidb: expected a SQLite database .*text\.sqlite, got SQLITE_NOTADB.* Fix: .*\.$/);
  });

  it.each([
    [{ HIDB_ORDER: "shortest" }, "expected HIDB_ORDER to be id, longest"],
    [{ HIDB_HEARTBEAT_MS: "soon" }, "expected HIDB_HEARTBEAT_MS to be a whole number"],
    [{ HIDB_CONCURENCY: "2" }, "did you mean HIDB_CONCURRENCY"],
  ])("says one line about the wrong setting %o", async (settings, said) => {
    const lines = await startInVain(settings as Record<string, string>);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(said);
  });
});

const OLD_NODE = ["/usr/bin/node", "/usr/local/bin/node"].find((file) => {
  return existsSync(file) && /^v(1\d|20|21)\./.test(execFileSync(file, ["--version"], { encoding: "utf8" }));
});
if (OLD_NODE === undefined)
  console.warn("no Node older than 22 in /usr/bin or /usr/local/bin: its refusal is not tested");

describe.skipIf(OLD_NODE === undefined)("an old Node", () => {
  it.each([
    ["dist/entry.cjs", 42],
    ["dist/cli/hidb.cjs", 3],
  ])("gets one clear line from %s", async (file, exitCode) => {
    pool = await createPool();
    const { code, stdout, stderr } = await run(OLD_NODE ?? "", [join(ROOT, file)], pool.environment);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
    expect(stderr).toMatch(/expected Node 22\.13 or newer, got /);
    expect(stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
  });

  it("is refused as the Node of PM2's daemon", async () => {
    pool = await createPool();
    const pm2 = join(ROOT, "node_modules/pm2/bin/pm2");
    const typed = [pm2, "start", join(ROOT, "ecosystem.cluster.config.cjs"), "-i", "2"];
    const { code, stderr } = await run(OLD_NODE ?? "", typed, pool.environment);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^error: expected PM2's daemon to run on Node 22\.13 or newer, got v.*\nfix: .*pm2 kill.*\n$/,
    );
  });
});
