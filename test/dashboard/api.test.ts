import { mkdirSync, writeFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { ROUTES } from "../../src/dashboard/app.js";
import { freePort } from "../support/ports.js";
import { type Served, serve } from "./served.js";

/** A pool with something of everything in it. */
async function setup(): Promise<Served> {
  const served = await serve({ videos: 12, settings: { HIDB_HTTP_HEADERS: '{"authorization":"s3cret"}' } });
  const now = Date.now();
  const set = (id: number, change: string) => served.rows(`UPDATE hidb_videos SET ${change} WHERE video_id = ${id}`);
  await set(1, `state = 'completed', attempt = 1, finished_at = ${now - 5}, output = '{"ok":true}'`);
  await set(2, `state = 'failed', attempt = 3, finished_at = ${now - 60_000}, error = 'no such codec'`);
  await set(3, `state = 'failed', attempt = 3, finished_at = ${now - 60_000}, error = 'no such codec'`);
  await set(4, `state = 'quarantined', attempt = 2, deaths = 2, finished_at = ${now - 9}, error = 'its instance died'`);
  await set(5, `state = 'running', attempt = 1, instance = '${served.pool.instance.id}', claimed_at = ${now - 1000}`);
  await served.rows(
    "INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at) VALUES (2, 1, 'a', 'retry', 'no such codec', 1, 2)",
  );
  await served.rows("INSERT INTO hidb_batches (from_id, to_id) VALUES (1, 6)");
  await served.rows(
    `INSERT INTO hidb_usage VALUES (1, 1, 'paid', '["cpu"]', '{"cpuMs":41000,"limits":{"cpu":30000}}')`,
  );
  mkdirSync(served.pool.config.logDir, { recursive: true });
  writeFileSync(
    `${served.pool.config.logDir}/hidb-0.log`,
    ["2026-11-24T10:00:00.000Z 2", "2026-11-24T10:00:01.000Z 22", "2026-11-24T10:00:02.000Z 2"]
      .map((line) => line.split(" "))
      .map(([time, video]) => `${JSON.stringify({ level: "info", time, msg: "x", video: Number(video) })}\n`)
      .join(""),
  );
  return served;
}

/** One real request for each path of the API. */
const REQUESTS: Record<string, (served: Served) => ReturnType<Served["ask"]>> = {
  "GET /api/v1/overview": ({ ask }) => ask("/api/v1/overview"),
  "GET /api/v1/series": ({ ask }) => ask("/api/v1/series?minutes=3"),
  "GET /api/v1/instances": ({ ask }) => ask("/api/v1/instances"),
  "GET /api/v1/failures": ({ ask }) => ask("/api/v1/failures"),
  "GET /api/v1/batches": ({ ask }) => ask("/api/v1/batches"),
  "GET /api/v1/plan": ({ ask }) => ask("/api/v1/plan"),
  "GET /api/v1/settings": ({ ask }) => ask("/api/v1/settings"),
  "GET /api/v1/d1": ({ ask }) => ask("/api/v1/d1"),
  "GET /api/v1/mirror": ({ ask }) => ask("/api/v1/mirror"),
  "GET /api/v1/videos": ({ ask }) => ask("/api/v1/videos"),
  "GET /api/v1/videos/{id}": ({ ask }) => ask("/api/v1/videos/1"),
  "GET /api/v1/videos/{id}/log": ({ ask }) => ask("/api/v1/videos/2/log"),
  "GET /api/v1/videos/next": ({ next }) => next("?worker_id=1&worker_count=3"),
  "POST /api/v1/videos/{id}/renew": async ({ change, next }) => {
    const { video, claim } = (await next()).body;
    return change(`/api/v1/videos/${video.id}/renew`, { claim });
  },
  "POST /api/v1/videos/{id}/outcome": async ({ change, next }) => {
    const { video, claim } = (await next()).body;
    return change(`/api/v1/videos/${video.id}/outcome`, { claim, outcome: "completed", output: [1] });
  },
  "POST /api/v1/videos/retry": ({ change }) => change("/api/v1/videos/retry", { state: ["failed"] }),
  "POST /api/v1/videos/{id}/retry": ({ change }) => change("/api/v1/videos/4/retry"),
  "POST /api/v1/videos/{id}/cancel": ({ change }) => change("/api/v1/videos/12/cancel"),
  "POST /api/v1/pool/pause": ({ change }) => change("/api/v1/pool/pause", { forMs: 60_000, reason: "tea" }),
  "POST /api/v1/pool/resume": ({ change }) => change("/api/v1/pool/resume"),
};

describe("the API", () => {
  it("answers on every path as its OpenAPI file says, and with nothing that is not in there", async () => {
    const served = await setup();
    const openapi = (await served.ask("/api/v1/openapi.json")).body;
    expect(openapi.openapi).toBe("3.1.1");
    const asked: string[] = [];
    for (const { method, path, answer, status } of ROUTES) {
      expect(openapi.paths[path][method.toLowerCase()].responses[status].content).toBeDefined();
      const name = `${method} ${path}`;
      if (name === "POST /api/v1/pool/scale") continue; // Needs PM2: in pm2.test.ts.
      const got = await REQUESTS[name]?.(served);
      expect([name, got?.status, got?.text]).toEqual([name, status, expect.any(String)]);
      expect([name, v.parse(answer, got?.body)]).toEqual([name, got?.body]);
      asked.push(name);
    }
    expect(asked.sort()).toEqual(Object.keys(REQUESTS).sort());
  });

  it("says with every error what was expected, what came and the mend", async () => {
    const { ask, change } = await serve({ videos: 1 });
    const cases = [
      [await ask("/api/v1/videos/77"), 404, "VIDEO_UNKNOWN"],
      [await ask("/api/v1/videos/seven"), 400, "REQUEST_INVALID"],
      [await ask("/api/v1/videos?limit=0"), 400, "REQUEST_INVALID"],
      [await ask("/api/v1/videos?state=done"), 400, "REQUEST_INVALID"],
      [await ask("/api/v1/videos?sort=id"), 400, "REQUEST_INVALID"],
      [await ask("/api/v1/nothing"), 404, "NOT_FOUND"],
      [await ask("/api/v1/overview", { method: "DELETE" }), 404, "NOT_FOUND"],
      [await change("/api/v1/videos/retry"), 400, "REQUEST_INVALID"],
      [await change("/api/v1/videos/retry", { ids: ["1"] }), 400, "REQUEST_INVALID"],
      [await change("/api/v1/videos/retry", { ids: [5] }), 404, "VIDEO_UNKNOWN"],
      [await change("/api/v1/videos/1/retry", "{"), 400, "BODY_INVALID"],
      [await change("/api/v1/videos/1/outcome", { claim: "x", outcome: "completed" }), 400, "REQUEST_INVALID"],
      [await change("/api/v1/pool/scale", { count: 2 }), 409, "NOT_UNDER_PM2"],
    ] as const;
    for (const [{ status, body }, expected, code] of cases) {
      expect([status, body.error.code]).toEqual([expected, code]);
      expect(body.error.message).toMatch(/^expected .*, got /);
      expect(body.error.fix).not.toBe("");
    }
  });

  it("pages through videos by id, and finds them by state, text, id and limit of Workers", async () => {
    const { ask } = await setup();
    const idsOf = async (query: string) => {
      const { videos, next, total } = (await ask(`/api/v1/videos?${query}`)).body;
      return [videos.map(({ id }: { id: number }) => id), next, total];
    };
    expect(await idsOf("limit=5")).toEqual([[1, 2, 3, 4, 5], 5, 12]);
    expect(await idsOf("limit=5&after=10")).toEqual([[11, 12], null, 12]);
    expect(await idsOf("state=failed,quarantined")).toEqual([[2, 3, 4], null, 3]);
    expect(await idsOf("q=FILM%201")).toEqual([[1, 10, 11, 12], null, 4]);
    expect(await idsOf("q=7")).toEqual([[7], null, 1]);
    expect(await idsOf("q=100%25")).toEqual([[], null, 0]);
    expect(await idsOf("q=videos&limit=2&state=pending")).toEqual([[6, 7], 7, 7]);
    expect(await idsOf("over=cpu")).toEqual([[1], null, 1]);
    expect(await idsOf("over=memory")).toEqual([[], null, 0]);
  });

  it("shows the lines of one video and of no other", async () => {
    const { ask } = await setup();
    const { lines } = (await ask("/api/v1/videos/2/log?limit=1")).body;
    expect(lines).toEqual([{ level: "info", time: "2026-11-24T10:00:02.000Z", msg: "x", video: 2 }]);
    expect((await ask("/api/v1/videos/3/log")).body.lines).toEqual([]);
  });

  it("gives a point for each minute, also for those in which nothing happened", async () => {
    const { minutes } = (await (await setup()).ask("/api/v1/series?minutes=5")).body;
    expect(minutes).toHaveLength(5);
    expect(minutes[1].at - minutes[0].at).toBe(60_000);
    const points = minutes as { completed: number; failed: number }[];
    const sum = (name: "completed" | "failed") => points.reduce((total, one) => total + one[name], 0);
    expect([sum("completed"), sum("failed")]).toEqual([1, 3]);
  });

  it("retries a whole group of failures by its reason, and shows it at once", async () => {
    const { ask, change, rows } = await setup();
    const { failures } = (await ask("/api/v1/failures")).body;
    expect(failures[0]).toEqual({ reason: "no such codec", state: "failed", count: 2, sample: 2 });
    const { body } = await change("/api/v1/videos/retry", { reason: "no such codec", state: ["failed"] });
    expect(body).toEqual({ retried: 2 });
    expect(await rows("SELECT state, attempt FROM hidb_videos WHERE video_id IN (2, 3)")).toEqual(
      Array(2).fill({ state: "pending", attempt: 0 }),
    );
    expect((await ask("/api/v1/overview")).body.counts).toMatchObject({ failed: 0, quarantined: 1 });
    expect((await ask("/api/v1/failures")).body.failures).toHaveLength(1);
  });

  it("cancels what is open and nothing that has ended", async () => {
    const { change } = await setup();
    expect((await change("/api/v1/videos/6/cancel")).body).toEqual({ cancelled: 1 });
    expect((await change("/api/v1/videos/1/cancel")).body).toEqual({ cancelled: 0 });
  });

  it("pauses with a reason and an end, and goes on", async () => {
    const { ask, change } = await setup();
    expect((await change("/api/v1/pool/pause", { forMs: 60_000, reason: "tea" })).body).toEqual({
      paused: true,
      changed: true,
    });
    const { paused } = (await ask("/api/v1/overview")).body;
    expect(paused.reason).toBe("tea");
    expect(paused.until).toBeGreaterThan(Date.now() + 50_000);
    expect((await change("/api/v1/pool/resume")).body).toEqual({ paused: false, changed: true });
    expect((await ask("/api/v1/overview")).body.paused).toBeNull();
  });

  it("shows every setting with its origin, and of secrets only that they are set", async () => {
    const { ask, token } = await setup();
    const { settings } = (await ask("/api/v1/settings")).body;
    const find = (name: string) => settings.find((one: { name: string }) => one.name === name);
    expect(find("HIDB_HTTP_HEADERS")).toMatchObject({ value: "***", origin: "environment" });
    expect(find("CLOUDFLARE_API_TOKEN")).toMatchObject({ value: "", origin: "default" });
    expect(find("HIDB_CONCURRENCY")).toMatchObject({ value: "1", origin: "default", fallback: "1" });
    expect(JSON.stringify(settings)).not.toContain("s3cret");
    expect(JSON.stringify(settings)).not.toContain(token);
  });

  it("asks the database once, however many ask at the same time", async () => {
    const { ask, database, pool } = await serve({ videos: 3 });
    let statements = 0;
    const prepare = database.prepare.bind(database);
    pool.database.prepare = (sql: string) => {
      statements++;
      return prepare(sql);
    };
    await ask("/api/v1/overview");
    const once = statements;
    expect(once).toBeGreaterThan(0);
    await Promise.all(Array.from({ length: 50 }, () => ask("/api/v1/overview")));
    expect(statements).toBe(once);
  });

  it("answers from 100,000 videos without trouble", async () => {
    const { ask } = await serve({ videos: 100_000 });
    await ask("/api/v1/overview");
    const page = await ask("/api/v1/videos?after=90000&limit=100");
    const found = await ask("/api/v1/videos?q=film%2099999");
    expect([page.body.videos.length, page.body.total, found.body.total]).toEqual([100, 100_000, 1]);
  });
});

describe("the ports of an instance", () => {
  it("are not there when HIDB_PORT is 0", async () => {
    const { dashboard, events } = await serve({ settings: { HIDB_PORT: "0" } });
    expect(dashboard.ports).toEqual({});
    expect(events).toEqual([]);
  });

  it("are one for the pool and one of its own, at HIDB_PORT + 1 + process id", async () => {
    const { pool, ownUrl, url } = await serve({ processId: 2 });
    expect(ownUrl).toBe(`http://127.0.0.1:${pool.config.port + 3}`);
    for (const base of [url, ownUrl]) {
      const health = await (await fetch(`${base}/healthz`)).json();
      expect(health).toEqual({ status: "ok", instance: pool.instance.id, processId: 2, rank: 0 });
      expect((await fetch(`${base}/api/v1/overview`)).status).toBe(200);
    }
  });

  it("that somebody else has are reported once, and taken when they become free", async () => {
    const port = await freePort(4);
    const first = await serve({ settings: { HIDB_PORT: String(port) } });
    const second = await serve({ beside: first, settings: { HIDB_PORT: String(port) }, processId: 1 });
    await expect.poll(() => second.events).toHaveLength(1);
    expect(second.events).toEqual([{ type: "port.taken", port, why: "somebody else has it" }]);
    expect((await fetch(`${second.ownUrl}/readyz`)).status).toBe(200);
    await first.dashboard.close();
    await expect.poll(() => second.dashboard.ports.shared).toBe(port);
    expect((await second.ask("/api/v1/overview")).status).toBe(200);
    expect(second.events).toHaveLength(1);
  });

  it("that do not exist are reported, too", async () => {
    const port = await freePort(4);
    const { events } = await serve({ settings: { HIDB_PORT: String(port) }, processId: 65_000 });
    expect(events).toEqual([{ type: "port.taken", port: port + 65_001, why: "there is no such port" }]);
  });

  it("say that an instance drains: the pool's port is gone, its own is not ready", async () => {
    const { dashboard, url, ownUrl } = await serve();
    expect((await fetch(`${ownUrl}/readyz`)).status).toBe(200);
    dashboard.leave();
    await expect.poll(() => fetch(`${url}/healthz`).catch(() => "refused")).toBe("refused");
    expect((await fetch(`${ownUrl}/healthz`)).status).toBe(200);
    const ready = await fetch(`${ownUrl}/readyz`);
    const { status } = (await ready.json()) as { status: string };
    expect([ready.status, status]).toEqual([503, "draining"]);
  });

  it("are not ready when the database does not answer", async () => {
    const { ask, database } = await serve();
    await database.close();
    const { status, body } = await ask("/readyz");
    expect(status).toBe(503);
    expect(body.status).toMatch(/^the database does not answer/);
    expect((await ask("/healthz")).status).toBe(200);
  });
});
