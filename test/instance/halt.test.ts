import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { setPaused } from "../../src/catalogue/backlog.js";
import { readConfig } from "../../src/config/read.js";
import { judgeRun } from "../../src/report/runs.js";
import { readSwitches } from "../../src/report/switches.js";
import type { Outcome } from "../../src/video.js";
import { many, World } from "../claim/world.js";
import { advance, COMPLETED, fakeTimers, TestPool } from "./world.js";

const FAILED: Outcome = { kind: "failed", reason: "broken" };
const failing =
  (fails: (id: number) => boolean) =>
  async ({ id }: { id: number }) =>
    fails(id) ? FAILED : COMPLETED;

beforeEach(fakeTimers);
afterEach(() => void vi.useRealTimers());

describe("HIDB_HALT", () => {
  it("is a number of videos or a share of those that ended, of twenty at least", () => {
    expect(judgeRun("", { completed: 0, failed: 1000 })).toBeNull();
    expect(judgeRun("3", { completed: 0, failed: 2 })).toBeNull();
    expect(judgeRun("3", { completed: 5, failed: 3 })).toBe(
      "3 of the 8 videos that ended in this run have failed (HIDB_HALT=3)",
    );
    expect(judgeRun("10%", { completed: 0, failed: 19 })).toBeNull();
    expect(judgeRun("10%", { completed: 0, failed: 20 })).not.toBeNull();
    expect(judgeRun("10%", { completed: 91, failed: 9 })).toBeNull();
    expect(judgeRun("12.5%", { completed: 70, failed: 10 })).not.toBeNull();
  });

  it.each(["0", "0%", "101%", "-1", "many", "10 %"])("refuses %s", (HIDB_HALT) => {
    expect(() => readConfig({ environment: { HIDB_HALT }, cwd: "/" })).toThrow(
      /expected HIDB_HALT to be a share such as 10%/,
    );
  });

  it("halts the whole pool with a reason that everybody sees, counted over all instances", async () => {
    await using world = await World.create({ videos: many(200) });
    const process = failing((id) => id % 4 === 0);
    const keep = { halt: "5" };
    const slow = async (video: { id: number }) => {
      await world.clock.sleep(100);
      return process(video);
    };
    const pools = [];
    for (const processId of [0, 1]) pools.push(await TestPool.create(world, { process: slow, processId, keep }));
    for (const pool of pools) await pool.start();
    await advance(world, 8000);
    const { paused, halted } = await readSwitches(world.database, world.clock.now());
    expect(halted).toBe(true);
    expect(paused?.reason).toMatch(/^\d+ of the \d+ videos that ended in this run have failed \(HIDB_HALT=5\)$/);
    const { failed = 0, pending = 0, running = 0 } = await world.states();
    expect(failed).toBeGreaterThanOrEqual(5);
    expect(failed).toBeLessThanOrEqual(12);
    expect(pending).toBeGreaterThan(100);
    expect(running).toBe(0);
    for (const pool of pools) {
      expect(pool.eventsOf("pool.stopped")).toMatchObject([{ by: "halt", reason: paused?.reason, until: null }]);
    }
  });

  it("counts anew after a resume, and halts again", async () => {
    await using world = await World.create({ videos: many(100) });
    const pool = await TestPool.create(world, {
      keep: { halt: "3" },
      process: async () => {
        await world.clock.sleep(200);
        return FAILED;
      },
    });
    await pool.start();
    await advance(world, 5000);
    const first = (await world.states()).failed ?? 0;
    expect(first).toBeGreaterThanOrEqual(3);
    await setPaused(world.database, false);
    await advance(world, 1000);
    expect((await readSwitches(world.database, world.clock.now())).halted).toBe(false);
    await advance(world, 5000);
    expect((await readSwitches(world.database, world.clock.now())).halted).toBe(true);
    expect((await world.states()).failed).toBeGreaterThanOrEqual(first + 3);
    expect(await world.rows("SELECT run_id FROM hidb_runs")).toHaveLength(2);
  });

  it("counts what its own deaths quarantine, and survives a restart of the whole pool", async () => {
    await using world = await World.create({ videos: many(6) });
    const ghost = { pid: 2 ** 22 + 7, pidStartedAt: "1" };
    for (const id of [1, 2]) {
      const dead = await world.instance({ identity: ghost, processId: id });
      await world.set(id, "state = 'running', instance = ?, claimed_at = 1, attempt = 2, deaths = 1", dead.id);
    }
    await world.rows("INSERT INTO hidb_runs (run_id, started_at, completed, failed) VALUES (1, 1, 4, 1)");
    const pool = await TestPool.create(world, { keep: { halt: "3" } });
    await pool.start();
    await advance(world, 1200);
    expect(await world.video(1)).toMatchObject({ state: "quarantined" });
    expect((await readSwitches(world.database, world.clock.now())).paused?.reason).toContain("3 of the 7 videos");
  });

  it("says nothing of a run below it", async () => {
    await using world = await World.create({ videos: many(50) });
    const pool = await TestPool.create(world, { keep: { halt: "50%" }, process: failing((id) => id % 4 === 0) });
    await pool.start();
    await advance(world, 3000);
    expect(await world.states()).toEqual({ completed: 38, failed: 12 });
    expect(await world.rows("SELECT completed, failed, ended_at IS NOT NULL AS ended FROM hidb_runs")).toEqual([
      { completed: 38, failed: 12, ended: 1 },
    ]);
  });
});

/** A listener that answers with these statuses in turn, and what it was told. */
async function listen(statuses: number[]) {
  const told: { path: string; body: Record<string, unknown> }[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      told.push({ path: request.url ?? "", body: JSON.parse(text) });
      response.writeHead(statuses[told.length - 1] ?? 200).end("thank you");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return { told, url: `http://127.0.0.1:${port}/hook?token=s3cret`, port, [Symbol.dispose]: () => void server.close() };
}

/** Intervals are not the test's. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      clearInterval(timer);
      resolve();
    }, 5);
  });
}

/** Timers are the test's, the network is real: lets both go on until it is so. */
async function until(world: World, holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1500 && !holds(); turns++) {
    await advance(world, 30);
    await breathe();
  }
  expect(holds()).toBe(true);
}

describe("HIDB_NOTIFY", () => {
  it("tells a URL of the end of a run, once for the whole pool, and never shows what is secret of it", async () => {
    await using world = await World.create({ videos: many(30) });
    using hook = await listen([]);
    const pools: TestPool[] = [];
    for (const processId of [0, 1, 2]) {
      const process = failing((id) => id === 7);
      pools.push(await TestPool.create(world, { processId, process, keep: { notify: hook.url } }));
    }
    for (const pool of pools) await pool.start();
    await until(world, () => pools.some((pool) => pool.eventsOf("notice.sent").length > 0));
    await advance(world, 3000);
    expect(hook.told).toEqual([
      {
        path: "/hook?token=s3cret",
        body: {
          event: "ended",
          text: "hidb: the run has ended: 29 completed, 1 failed in this run; 0 of 30 left",
          reason: null,
          at: expect.any(Number),
          startedAt: expect.any(Number),
          completed: 29,
          failed: 1,
          counts: { total: 30, pending: 0, running: 0, completed: 29, failed: 1, quarantined: 0, cancelled: 0 },
        },
      },
    ]);
    const events = pools.flatMap((pool) => pool.eventsOf("notice.sent"));
    expect(events).toEqual([{ type: "notice.sent", event: "ended", to: `http://127.0.0.1:${hook.port}` }]);
  });

  it("tells of the next run as well, and of a halt with its reason", async () => {
    await using world = await World.create({ videos: many(3) });
    using hook = await listen([]);
    const process = failing((id) => id > 3);
    const pool = await TestPool.create(world, { process, keep: { notify: hook.url, halt: "2" } });
    await pool.start();
    await until(world, () => hook.told.length === 1);
    await advance(world, 2000);
    await world.add(many(2, 4));
    await world.rows("UPDATE hidb_videos SET run_after = ? WHERE video_id = 5", world.clock.now() + 3000);
    await world.add([6]);
    await world.rows("UPDATE hidb_videos SET run_after = 9e15 WHERE video_id = 6");
    await until(world, () => hook.told.length === 2);
    expect(hook.told.map(({ body }) => [body.event, body.failed, body.reason])).toEqual([
      ["ended", 0, null],
      ["halted", 2, "2 of the 2 videos that ended in this run have failed (HIDB_HALT=2)"],
    ]);
    await advance(world, 2000);
    expect(hook.told).toHaveLength(2);
  });

  it.each([
    ["is tried three times", [503, 500, 200], 3, "notice.sent"],
    ["is given up after that", [503, 503, 503, 503], 3, "notice.failed"],
    ["is not tried again when the answer is final", [404], 1, "notice.failed"],
  ] as const)("%s", async (_, statuses, tries, event) => {
    await using world = await World.create({ videos: [1] });
    using hook = await listen([...statuses]);
    const pool = await TestPool.create(world, { process: async () => COMPLETED, keep: { notify: hook.url } });
    await pool.start();
    await until(world, () => pool.eventsOf(event).length === 1);
    expect(hook.told).toHaveLength(tries);
    await advance(world, 100_000, 500);
    expect(hook.told).toHaveLength(tries);
    expect(JSON.stringify(pool.events)).not.toContain("s3cret");
  });

  it("is taken over from an instance that died while it sent it", async () => {
    await using world = await World.create({ videos: [1] });
    using hook = await listen([]);
    await world.set(1, "state = 'completed', attempt = 1, finished_at = 1");
    const at = world.clock.now();
    await world.rows(
      "INSERT INTO hidb_runs (run_id, started_at, ended_at, notice_until) VALUES (1, 1, ?, ?)",
      ...[at, at + 20_000],
    );
    const pool = await TestPool.create(world, { keep: { notify: hook.url } });
    await pool.start();
    await advance(world, 19_000, 100);
    expect(hook.told).toEqual([]);
    await until(world, () => hook.told.length === 1);
  });

  it("tells a program by its environment, without a shell", async () => {
    await using world = await World.create({ videos: many(2) });
    const folder = mkdtempSync(join(tmpdir(), "hidb-notice-"));
    const script = join(folder, "tell.cjs");
    writeFileSync(
      script,
      `require("fs").writeFileSync(process.argv[2], JSON.stringify([process.argv[3], process.env.NOTICE_EVENT, process.env.NOTICE_COMPLETED, JSON.parse(process.env.NOTICE_JSON).counts.total]));`,
    );
    const notify = `${globalThis.process.execPath} ${script} ${join(folder, "told")} '$(id) "x y"'`;
    const pool = await TestPool.create(world, { process: async () => COMPLETED, keep: { notify } });
    await pool.start();
    await advance(world, 2000);
    for (let turns = 0; turns < 1000 && pool.eventsOf("notice.sent").length === 0; turns++) await breathe();
    expect(pool.eventsOf("notice.sent")).toEqual([{ type: "notice.sent", event: "ended", to: "node" }]);
    expect(JSON.parse(readFileSync(join(folder, "told"), "utf8"))).toEqual(['$(id) "x y"', "ended", "2", 2]);
    rmSync(folder, { recursive: true });
  });

  it.each(["ftp://x/y", "http://", "https://a b/"])("refuses %s, without repeating it", (HIDB_NOTIFY) => {
    const reading = () => readConfig({ environment: { HIDB_NOTIFY }, cwd: "/" });
    expect(reading).toThrow(
      "expected HIDB_NOTIFY to be an http or https URL, or a program with its arguments, got something else",
    );
  });
});
