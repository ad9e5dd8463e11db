import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { Settler } from "../../src/settle/settler.js";
import { LOCAL_SETTLEMENTS } from "../../src/store/local.js";
import type { UsageReport } from "../../src/video.js";
import { makeDatabase } from "../catalogue/world.js";
import { OPTIONS } from "../settle/world.js";
import { setup } from "./world.js";

const FIGURES = {
  cpuMs: 41_200,
  memoryMb: 90,
  subrequests: 12,
  serviceCalls: 0,
  cacheCalls: 0,
  d1Queries: 3,
  requestBytes: 0,
  responseBytes: 0,
  logBytes: 0,
  waitUntilMs: 0,
};
const CPU: UsageReport = { plan: "paid", over: ["cpu"], ...FIGURES, limits: { cpu: 30_000 } };
const BOTH: UsageReport = { ...CPU, over: ["cpu", "d1"], d1Queries: 1204, limits: { cpu: 30_000, d1: 1000 } };

/** Three videos that an instance has completed, one of them within the limits, and the settler that has written it. */
async function setupSettled(usages: (UsageReport | undefined)[] = [CPU, undefined, BOTH]) {
  const world = setup();
  await world.run(["add", "-"], { stdin: "id,source\n1,http://x/a.mp4\n2,http://x/b.mp4\n3,http://x/c.mp4\n" });
  const database = await makeDatabase(world.file);
  await database.prepare("UPDATE hidb_videos SET state='running', attempt=1, instance='a', claimed_at=1").run();
  const settler = new Settler({
    style: LOCAL_SETTLEMENTS,
    ...OPTIONS,
    instance: "a",
    database,
    clock: systemClock,
    onTrouble: (error) => expect.fail(error.message),
  });
  for (const [at, usage] of usages.entries()) {
    const video = { id: at + 1, source: "", title: null, durationS: null };
    const claim = { video, attempt: 1, deaths: 0, claimedAt: 1, rank: 0, count: 1 };
    void settler.settleOutcome(claim, { kind: "completed", output: "{}", ...(usage ? { usage } : {}) }, 1);
  }
  await settler.flush();
  return world;
}

describe("what a Worker used beyond the limits of Workers", () => {
  it("is shown with its video", async () => {
    const { run, json } = await setupSettled();
    const { stdout } = await run(["show", "3"]);
    expect(stdout).toContain(
      "\non Workers (paid plan) it would have failed:\n  cpu 41,200 ms of 30,000 ms\n  d1 1,204 of 1,000\noutput\n",
    );
    expect((await run(["show", "2"])).stdout).not.toContain("Workers");
    expect(await json("show", "3")).toMatchObject({ over: ["cpu", "d1"], usage: BOTH });
    expect(await json("show", "2")).toMatchObject({ over: [], usage: null });
  });

  it("is listed by limit, with its figures", async () => {
    const { run } = await setupSettled();
    const listed = async (...args: string[]) => (await run(["list", ...args])).stdout;
    expect(await listed("--over", "any")).toBe(
      "     1  completed    1  http://x/a.mp4  cpu 41,200 ms of 30,000 ms\n" +
        "     3  completed    1  http://x/c.mp4  cpu 41,200 ms of 30,000 ms, d1 1,204 of 1,000\n",
    );
    expect(await listed("--over", "memory,D1")).toMatch(/^ +3 .*\n$/);
    expect(await listed("--over", "waituntil")).toBe("");
    expect(await listed("--over", "any", "--state", "failed")).toBe("");
    expect(await listed()).not.toContain("cpu");
    const lines = (await listed("--json")).trimEnd().split("\n");
    const [one, two] = lines.map((line) => JSON.parse(line));
    expect(one).toMatchObject({ id: 1, over: ["cpu"], usage: CPU });
    expect(Object.keys(two)).toEqual("id source title state attempt error output".split(" "));
    expect((await listed("--over", "d1", "--json")).match(/\n/g)).toHaveLength(1);
  });

  it("is a line of the status, and a field of its JSON, only where there is some", async () => {
    const { run, json } = await setupSettled();
    const { stdout } = await run(["status"]);
    expect(stdout).toContain(
      "\n\n2 videos would have failed on Workers (paid plan): 2 cpu, 1 d1; hidb list --over any\n\nnext: ",
    );
    expect((await run(["status"], { env: { npm_command: "exec" } })).stdout).toContain("; npx hidb list --over any\n");
    expect(await json("status")).toMatchObject({ over: [{ plan: "paid", videos: 2, limits: { cpu: 2, d1: 1 } }] });
    await run(["retry", "1", "3", "--completed"]);
    expect((await run(["status"])).stdout).not.toContain("Workers");
    expect(await json("status")).not.toHaveProperty("over");
  });

  it("is asked for by names that there are", async () => {
    const { run } = await setupSettled();
    const answer = await run(["list", "--over", "colour"]);
    expect(answer).toMatchObject({ code: 2, stdout: "" });
    expect(answer.stderr).toContain("Expected any, or limits out of cpu, memory, subrequests");
  });
});

describe("a database of a hidb that did not measure", () => {
  it("is brought to the schema by the first command that changes something, with all that is in it", async () => {
    const { run, json, file } = await setupSettled([undefined, undefined, undefined]);
    const database = new BetterSqlite3(file);
    database.exec("DROP TABLE hidb_usage; DELETE FROM d1_migrations WHERE name = '0005_hidb_usage.sql'");
    database.close();
    const refused = await run(["status"]);
    expect(refused).toMatchObject({ code: 5, stdout: "" });
    expect(refused.stderr).toContain("0005_hidb_usage.sql has not been applied\nfix:   run `hidb migrate`");
    expect((await run(["retry", "1", "--completed"])).stdout).toBe("1 video is pending again\n");
    expect(await json("status")).toMatchObject({ counts: { pending: 1, completed: 2 } });
  });
});
