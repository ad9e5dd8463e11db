import { afterEach, describe, expect, it } from "vitest";
import { createPool, type TestPool } from "./pool.js";

let pool: TestPool;
afterEach(() => pool.end());

describe("a shell full of PM2's variables", () => {
  it("still starts three instances of hidb, each with a number and a rank of its own", async () => {
    pool = await createPool({ videos: 60, videoMs: 20 });
    const shells: Record<string, string>[] = [
      { NODE_APP_INSTANCE: "7", instances: "1", name: "x", kill_timeout: "100" },
      // What a deploy hook sees that PM2 itself runs.
      {
        NODE_APP_INSTANCE: "0",
        name: "deploy",
        instances: "1",
        pm_id: "4",
        status: "online",
        exec_mode: "fork_mode",
        pm_exec_path: "/nowhere.js",
        unique_id: "0",
        restart_time: "3",
        exec_interpreter: "/nowhere/node",
        autorestart: "false",
        namespace: "deploy",
      },
    ];
    for (const shell of shells) {
      await pool.start(["-i", "3"], shell);
      const live = await pool.waitForInstances(3);
      expect(live.map((life) => life.processId).toSorted()).toEqual([0, 1, 2]);
      const listed = await pool.jlist();
      expect(listed.map((one) => [one.name, one.pm2_env.status])).toEqual(Array(3).fill(["hidb", "online"]));
      pool.addVideos(60);
      await pool.finish();
      const ranks = new Set(pool.readJournal().map((line) => line.rank));
      expect([...ranks].toSorted()).toEqual([0, 1, 2]);
      await pool.ok("delete", "hidb");
    }
    await pool.verify();
  });

  it("processes every video once when instances share a number", async () => {
    pool = await createPool({ videos: 150, videoMs: 20 });
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    // Nothing in the config can guard against --update-env.
    await pool.pm2(["restart", "hidb", "--update-env"], { NODE_APP_INSTANCE: "7" });
    const live = await pool.waitForInstances(3);
    expect(live.map((life) => life.processId)).toEqual([7, 7, 7]);
    pool.addVideos(60);
    await pool.finish();
    await pool.verify();
  });

  it("leaves no setting behind that a later start does not ask for", async () => {
    pool = await createPool({ videos: 40, videoMs: 20 });
    // The daemon keeps the environment of the shell that has first needed it.
    await pool.start(["-i", "2"], { HIDB_REHEARSE_PERMANENT: "1", HIDB_ORDER: "longest" });
    await pool.finish();
    expect(pool.count("failed")).toBe(40);
    await pool.ok("delete", "hidb");
    await pool.start(["-i", "2"]);
    pool.addVideos(40);
    await pool.finish();
    expect(pool.count("completed")).toBe(40);
    await pool.verify({ allowed: ["failed"] });
  });
});
