import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { verifyJournal } from "../../src/report/journal-check.js";
import { verifyDatabase } from "../../src/report/verify.js";
import { makeFile, OWN_CATALOGUE } from "../catalogue/world.js";
import { type Served, serve } from "./served.js";

const SCRIPT = join(import.meta.dirname, "outside.sh");
/** The shortest that settings allow. */
const SHORT_LEASE = { HIDB_LEASE_MS: "500", HIDB_HEARTBEAT_MS: "100" };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const stateOf = async ({ rows }: Served, id: number) =>
  (await rows(`SELECT state, attempt, deaths FROM hidb_videos WHERE video_id = ${id}`))[0];
const membersOf = ({ rows }: Served) =>
  rows(
    "SELECT process_id AS id, state, in_hand AS inHand, completed, retried, failed, lost FROM hidb_instances WHERE host = 'outside' ORDER BY started_at",
  );

describe("a worker outside", () => {
  it("gets a video with a claim, settles it, and gets the next", async () => {
    const served = await serve({ videos: 2 });
    const first = (await served.next()).body;
    expect(first).toEqual({
      video: { id: 1, source: "/videos/1.mp4", title: "Film 1", duration_s: 1.5 },
      attempt: 1,
      claim: expect.any(String),
      lease_ms: 30_000,
    });
    expect(await stateOf(served, 1)).toEqual({ state: "running", attempt: 1, deaths: 0 });
    const { claim } = first;
    const { body } = await served.change("/api/v1/videos/1/outcome", { claim, outcome: "completed", output: { s: 9 } });
    expect(body).toEqual({ settled: "completed" });
    const [row] = await served.rows("SELECT state, output FROM hidb_videos WHERE video_id = 1");
    expect(row).toEqual({ state: "completed", output: '{"s":9}' });
    expect((await served.next()).body.video.id).toBe(2);
    expect(await membersOf(served)).toEqual([
      { id: 0, state: "working", inHand: 1, completed: 1, retried: 0, failed: 0, lost: 0 },
    ]);
  });

  it("is a member of the pool that everybody sees, until there is nothing for it to do", async () => {
    const served = await serve({ videos: 1 });
    const { claim } = (await served.next("?worker_id=3&worker_count=4")).body;
    const { instances } = (await served.ask("/api/v1/instances")).body;
    expect(instances.find((one: { host: string }) => one.host === "outside")).toMatchObject({
      processId: 3,
      state: "working",
      held: [{ videoId: 1, attempt: 1 }],
    });
    await served.change("/api/v1/videos/1/outcome", { claim, outcome: "completed" });
    const nothing = await served.next("?worker_id=3&worker_count=4");
    expect([nothing.status, nothing.text]).toEqual([204, ""]);
    expect(await membersOf(served)).toMatchObject([{ state: "gone", completed: 1 }]);
    await served.next("?worker_id=3&worker_count=4");
    expect(await membersOf(served)).toHaveLength(1);
  });

  it("gets its own share first and then anyone's, counted from 0 or from 1", async () => {
    const served = await serve({ videos: 6 });
    const take = async (query: string) => (await served.next(query)).body?.video.id;
    expect(await take("?worker_id=2&worker_count=3")).toBe(2);
    expect(await take("?worker_id=2&worker_count=3")).toBe(5);
    expect(await take("?worker_id=0&worker_count=3")).toBe(3);
    expect(await take("?worker_id=3&worker_count=3")).toBe(6);
    expect(await take("?worker_id=3&worker_count=3")).toBe(1);
    expect((await served.next("?worker_id=4&worker_count=3")).status).toBe(400);
  });

  it("gets by its rank what no share was asked for", async () => {
    const served = await serve({ videos: 4 });
    await served.rows("UPDATE hidb_instances SET host = 'a host before it'");
    const { video } = (await served.next("")).body;
    expect(video.id % 2).toBe(1);
  });

  it("leaves nothing behind with HIDB_SHARDING=strict: what its rank makes its own nobody else would take", async () => {
    const served = await serve({ videos: 4, settings: { HIDB_SHARDING: "strict" } });
    await served.rows("UPDATE hidb_instances SET state = 'gone', gone_at = 1");
    const taken: number[] = [];
    for (;;) {
      const { status, body } = await served.next("?worker_id=1&worker_count=2");
      if (status === 204) break;
      const { video, claim } = body;
      taken.push(video.id);
      await served.change(`/api/v1/videos/${video.id}/outcome`, { claim, outcome: "completed" });
    }
    expect(taken).toEqual([1, 3, 2, 4]);
  });

  it("has an outcome tried again, failed for good, or given back", async () => {
    const served = await serve({ videos: 3, settings: { HIDB_BACKOFF_MS: "0" } });
    const settle = async (outcome: Record<string, unknown>) => {
      const { video, claim } = (await served.next()).body;
      const { body } = await served.change(`/api/v1/videos/${video.id}/outcome`, { claim, ...outcome });
      return [video.id, body.settled];
    };
    expect(await settle({ outcome: "failed", reason: "not a film" })).toEqual([1, "failed"]);
    expect(await settle({ outcome: "released" })).toEqual([2, "released"]);
    expect(await stateOf(served, 2)).toEqual({ state: "pending", attempt: 0, deaths: 0 });
    expect(await settle({ outcome: "retry", reason: "busy", after_ms: 60_000 })).toEqual([2, "retry"]);
    expect(await settle({ outcome: "retry", reason: "busy" })).toEqual([3, "retry"]);
    expect(await settle({ outcome: "retry", reason: "busy" })).toEqual([3, "retry"]);
    // The last of HIDB_MAX_ATTEMPTS.
    expect(await settle({ outcome: "retry", reason: "busy" })).toEqual([3, "failed"]);
    expect((await served.next()).status).toBe(204);
    expect(await served.rows("SELECT reason FROM hidb_attempts WHERE video_id = 1")).toEqual([
      { reason: "not a film" },
    ]);
  });

  it("may say the same outcome twice, and is counted once", async () => {
    const served = await serve({ videos: 1 });
    const { claim } = (await served.next()).body;
    const say = () => served.change("/api/v1/videos/1/outcome", { claim, outcome: "completed", output: 1 });
    expect((await say()).body).toEqual({ settled: "completed" });
    expect((await say()).body).toEqual({ settled: "completed" });
    expect(await membersOf(served)).toMatchObject([{ completed: 1 }]);
  });

  it("keeps its claim for as long as it renews it, and loses it one lease after it has gone silent", async () => {
    const served = await serve({ videos: 1, settings: SHORT_LEASE });
    const { claim } = (await served.next()).body;
    for (let n = 0; n < 4; n++) {
      await pause(200);
      expect((await served.change("/api/v1/videos/1/renew", { claim })).body).toEqual({ lease_ms: 500 });
      expect(await served.reclaim()).toBe(0);
    }
    await pause(600);
    expect(await served.reclaim()).toBe(1);
    expect(await stateOf(served, 1)).toEqual({ state: "pending", attempt: 1, deaths: 1 });
    const late = await served.change("/api/v1/videos/1/outcome", { claim, outcome: "completed", output: "late" });
    expect([late.status, late.body.error.code]).toEqual([409, "CLAIM_LOST"]);
    expect((await served.change("/api/v1/videos/1/renew", { claim })).status).toBe(409);
    expect(await stateOf(served, 1)).toEqual({ state: "pending", attempt: 1, deaths: 1 });
  });

  it("that has crashed and begins anew does not keep alive what it held before", async () => {
    const served = await serve({ videos: 2, settings: SHORT_LEASE });
    await served.next("?worker_id=1&worker_count=1");
    await pause(300);
    const { video, claim } = (await served.next("?worker_id=1&worker_count=1")).body;
    expect(video.id).toBe(2);
    await pause(300);
    await served.change("/api/v1/videos/2/renew", { claim });
    expect(await served.reclaim()).toBe(1);
    expect(await stateOf(served, 1)).toMatchObject({ state: "pending", deaths: 1 });
    expect(await stateOf(served, 2)).toMatchObject({ state: "running", deaths: 0 });
  });

  it("gets nothing while the pool is paused, and cannot settle what a person has cancelled", async () => {
    const served = await serve({ videos: 2 });
    const { claim } = (await served.next()).body;
    await served.change("/api/v1/pool/pause");
    expect((await served.next()).status).toBe(204);
    await served.change("/api/v1/videos/1/cancel");
    expect((await served.change("/api/v1/videos/1/outcome", { claim, outcome: "completed" })).status).toBe(409);
    expect(await stateOf(served, 1)).toMatchObject({ state: "cancelled" });
  });

  it("cannot settle another's video, with a claim it has made up or for another id", async () => {
    const served = await serve({ videos: 2 });
    const { claim } = (await served.next()).body;
    await served.next("?worker_id=1&worker_count=2");
    const other = Buffer.from(JSON.stringify(["nobody", 2, 1, 1])).toString("base64url");
    expect((await served.change("/api/v1/videos/2/outcome", { claim, outcome: "completed" })).status).toBe(400);
    expect((await served.change("/api/v1/videos/2/outcome", { claim: other, outcome: "completed" })).status).toBe(409);
    expect(await stateOf(served, 2)).toMatchObject({ state: "running" });
  });

  it("may ask any instance of the pool: what it holds stands in the database", async () => {
    const first = await serve({ videos: 2 });
    const second = await serve({ beside: first, processId: 1 });
    const { claim } = (await first.next()).body;
    const headers = { "content-type": "application/json", authorization: `Bearer ${first.token}` };
    const body = JSON.stringify({ claim, outcome: "completed" });
    const answer = await fetch(`${second.ownUrl}/api/v1/videos/1/outcome`, { method: "POST", headers, body });
    expect(answer.status).toBe(200);
    expect(await membersOf(first)).toMatchObject([{ completed: 1, inHand: 0 }]);
    expect(await verifyJournal(first.database, first.pool.config.journal)).toEqual([]);
  });
});

describe("three scripts in bash at once", () => {
  it("that are killed in between end every video once", async () => {
    const served = await serve({ videos: 40, settings: { ...SHORT_LEASE, HIDB_MAX_ATTEMPTS: "5" } });
    const work = makeFile(served.folder, "work.sh", "sleep 0.05; printf '{\"by\":%s}' $$\n");
    const scripts = new Map<number, ChildProcess>();
    const begin = (worker: number) => {
      const env = {
        ...{ PATH: process.env.PATH ?? "", HIDB_URL: served.url, HIDB_TOKEN_FILE: join(served.folder, "token") },
        HIDB_IDLE_S: "0.2",
      };
      const child = spawn("bash", [SCRIPT, String(worker), "3", "bash", work], {
        env,
        detached: true,
        stdio: "ignore",
      });
      scripts.set(worker, child);
    };
    // The script alone, as the kernel would: its children find that out by themselves.
    const kill = (worker: number) => scripts.get(worker)?.kill("SIGKILL");
    const heartbeat = setInterval(() => void served.reclaim(), 100);
    onTestFinished(async () => {
      clearInterval(heartbeat);
      for (const { pid } of scripts.values()) endGroup(pid);
      await pause(50);
    });
    for (const worker of [1, 2, 3]) begin(worker);
    const ended = async () => {
      const [row] = await served.rows<{ n: number }>(
        "SELECT count(*) AS n FROM hidb_videos WHERE finished_at IS NOT NULL",
      );
      return row?.n ?? 0;
    };
    for (const worker of [1, 2, 3, 2]) {
      const before = await ended();
      await expect.poll(ended).toBeGreaterThan(before + 3);
      kill(worker);
      begin(worker);
    }
    await expect.poll(ended, { interval: 100 }).toBe(40);
    const states = await served.rows("SELECT state, count(*) AS n FROM hidb_videos GROUP BY state");
    const [deaths] = await served.rows<{ n: number }>("SELECT count(*) AS n FROM hidb_attempts WHERE outcome = 'died'");
    console.log(`40 videos, 4 kills of a script, ${deaths?.n} attempts died: ${JSON.stringify(states)}`);
    // Two of the four may have hit the same video, which then is kept from doing more harm.
    for (const { state } of states) expect(["completed", "quarantined"]).toContain(state);
    expect(await served.rows("SELECT 1 FROM hidb_videos WHERE state = 'quarantined' AND deaths < 2")).toEqual([]);
    const { now } = served.pool.clock;
    const check = { catalogue: OWN_CATALOGUE, now: now(), isDead: () => false };
    expect(await verifyDatabase(served.database, check)).toMatchObject({ ok: true, problems: [] });
    expect(await verifyJournal(served.database, served.pool.config.journal)).toEqual([]);
  });
});

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
