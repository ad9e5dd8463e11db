// The shell's variables that PM2 does not get: kept as long as PM2 can start the app without the ecosystem file.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONFIG_FILE, createPool, type TestPool } from "./pool.js";

let pool: TestPool;
beforeEach(async () => {
  pool = await createPool({});
  await pool.start(["-i", "2"], { THE_SHELLS_KEY: "s3cret" });
  await pool.waitForInstances(2);
});
afterEach(() => pool.end());

const isKept = () => existsSync(join(pool.home, "hidb-environment.json"));
const untilGone = () => pool.waitFor("the variables to be gone", () => !isKept());

describe("the shell's variables", () => {
  it("are kept by stop, restart, reload and a scale-down, and deleted after `pm2 delete`", async () => {
    for (const command of ["stop", "restart", "reload"]) {
      await pool.ok(command, "hidb");
      expect(isKept(), command).toBe(true);
    }
    await pool.waitForInstances(2);
    await pool.ok("scale", "hidb", "1");
    await pool.waitForInstances(1);
    expect(isKept(), "scale").toBe(true);
    await pool.ok("delete", "hidb");
    await untilGone();
    // A start right after it has variables of its own, which the process of the earlier delete must not remove.
    await pool.start(["-i", "1"], { THE_SHELLS_KEY: "s3cret" });
    await pool.waitForInstances(1);
    await pool.ok("delete", "hidb");
    await pool.start(["-i", "1"], { THE_SHELLS_KEY: "s3cret" });
    await pool.ok("restart", "hidb");
    await pool.waitForInstances(1);
    expect(isKept(), "start after delete").toBe(true);
  });

  it("are deleted with the daemon, unless `pm2 resurrect` would need them", async () => {
    await pool.ok("save");
    await pool.ok("kill");
    await pool.ok("resurrect");
    await pool.waitForInstances(2);
    expect(isKept()).toBe(true);
    await pool.ok("delete", "hidb");
    await pool.ok("save", "--force");
    await pool.start(["-i", "1"], { THE_SHELLS_KEY: "s3cret" });
    await pool.waitForInstances(1);
    await pool.ok("kill");
    await untilGone();
  });

  it("are deleted when the ecosystem file deletes a stopped pool", async () => {
    await pool.ok("stop", "hidb");
    expect(isKept()).toBe(true);
    await pool.ok("delete", CONFIG_FILE);
    await untilGone();
  });
});
