import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import type { Database } from "../../src/database/database.js";
import { openSqlite } from "../../src/database/sqlite.js";
import type { AttemptContext, Processor } from "../../src/process/processor.js";
import { createWorker } from "../../src/process/worker.js";
import type { Outcome, Video } from "../../src/video.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const ISOLATIONS = ["thread", "process"] as const;

interface World {
  worker: Processor;
  database: Database;
  said: string[];
  process: (id?: number, signal?: AbortSignal) => Promise<Outcome>;
}

interface Given {
  config?: object;
  [setting: `HIDB_${string}`]: string;
}

/** A Worker in a file of its own; `config` stands in its wrangler.json. */
async function setup(source: string, { config, ...environment }: Given = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "hidb-worker-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "index.mjs"), source);
  const wrangler = { name: "app", main: "index.mjs", compatibility_date: "2026-07-30", no_bundle: true, ...config };
  writeFileSync(join(folder, "wrangler.json"), JSON.stringify(wrangler));
  writeFileSync(join(folder, ".dev.vars"), "KEY=geheim-wort");
  const file = join(folder, "hidb.sqlite");
  const database = await openSqlite(file, { create: true });
  ends.push(() => database.close());
  const settings = readConfig({
    environment: {
      HIDB_PROCESSOR: "worker",
      HIDB_SQLITE_FILE: file,
      HIDB_WORKER: join(folder, "wrangler.json"),
      HIDB_WORKER_DIR: join(folder, "state"),
      ...environment,
    },
    cwd: folder,
  });
  const said: string[] = [];
  const log = (level: string, text: string) => void said.push(`${level}: ${text}`);
  const worker = await createWorker(settings, { clock: systemClock, database, log });
  ends.push(() => worker.close());
  return {
    ...{ worker, database, said },
    process: (id = 7, signal = new AbortController().signal) => {
      const video: Video = { id, source: `/v/${id} a.mp4`, title: "T", durationS: 12.5 };
      const context: AttemptContext = { attempt: 2, rank: 1, count: 3, signal, database };
      return worker.process(video, context);
    },
  };
}

const answering = (body: string) => `export default { async fetch(request, env, ctx) { ${body} } }`;

describe.each(ISOLATIONS)("a Worker in a %s", (isolation) => {
  const host = (source: string, more: Given = {}) => setup(source, { HIDB_WORKER_ISOLATION: isolation, ...more });

  it("gets the video as the request that the template says", async () => {
    const source = answering(`const { method, url, headers } = request;
      return Response.json({ method, url, type: headers.get("content-type"), x: headers.get("x-key"), body: await request.json() })`);
    const { process } = await host(source, {
      HIDB_WORKER_REQUEST: "PUT /v/{id}?s={source}&w={rank}/{count}",
      HIDB_WORKER_HEADERS: '{"X-Key":"abcd"}',
    });
    const outcome = await process();
    expect(JSON.parse((outcome as { output: string }).output)).toEqual({
      method: "PUT",
      url: "http://localhost/v/7?s=%2Fv%2F7%20a.mp4&w=1/3",
      type: "application/json",
      x: "abcd",
      body: { id: 7, source: "/v/7 a.mp4", title: "T", duration_s: 12.5, worker_id: 1, worker_count: 3, attempt: 2 },
    });
  });

  it.each([
    ["return Response.json({ ok: 1 })", { kind: "completed", output: '{"ok":1}' }],
    ['return new Response("done")', { kind: "completed", output: '"done"' }],
    ["return new Response(null, { status: 204 })", { kind: "completed", output: null }],
    ['return new Response("x", { status: 429, headers: { "retry-after": "5" } })', { kind: "retry", afterMs: 5000 }],
    ['return new Response("busy", { status: 503 })', { kind: "retry" }],
    ['return new Response("no such video", { status: 404 })', { kind: "failed" }],
    ['throw new TypeError("boom")', { kind: "retry", reason: expect.stringContaining("TypeError: boom") }],
    ["return 5", { kind: "retry", reason: expect.stringContaining("did not resolve to 'Response'") }],
    [
      'ctx.waitUntil(Promise.reject(new Error("late"))); return Response.json(1)',
      { kind: "retry", reason: expect.stringContaining("Error: late") },
    ],
  ])("turns %s into an outcome", async (body, expected) => {
    const { process } = await host(answering(body));
    expect(await process()).toMatchObject(expected);
  });

  it("ends an attempt only when its waitUntil work is done", async () => {
    const source = answering(
      `ctx.waitUntil(scheduler.wait(100).then(() => env.DB.exec("INSERT INTO t VALUES (1)"))); return Response.json(1)`,
    );
    const { process, database } = await host(source, { config: { d1_databases: [{ binding: "DB" }] } });
    await database.exec("CREATE TABLE t (x)");
    expect(await process()).toMatchObject({ kind: "completed" });
    expect(await database.prepare("SELECT count(*) AS n FROM t").first("n")).toBe(1);
  });

  it("works on the pool's database", async () => {
    const source = answering(`await env.DB.prepare("INSERT INTO t VALUES (?)").bind(9).run();
      return Response.json(await env.DB.prepare("SELECT x FROM t").first("x"))`);
    const { process, database } = await host(source, { config: { d1_databases: [{ binding: "DB" }] } });
    await database.exec("CREATE TABLE t (x INTEGER)");
    expect(await process()).toMatchObject({ output: "9" });
  });

  it("never shows a secret", async () => {
    const { process, said } = await host(
      answering(`console.log("key", env.KEY); throw new Error("refused: " + env.KEY)`),
    );
    const outcome = await process();
    expect(JSON.stringify([outcome, said])).not.toContain("geheim");
  });

  it("never shows a secret that a batch or a cron event has failed with", async () => {
    const source = `const fail = (env) => { throw new Error("refused: " + env.KEY) };
      export default { queue: (_batch, env) => fail(env), scheduled: (_controller, env) => fail(env) }`;
    for (const call of ["queue", "scheduled"]) {
      const { process } = await host(source, { HIDB_WORKER_CALL: call, HIDB_WORKER_QUEUE: "videos" });
      expect(await process()).toMatchObject({ kind: "retry", reason: expect.stringContaining("Error: refused: ***") });
    }
  });

  it("gets videos as messages of a batch, each with an outcome of its own", async () => {
    const source = `export default { async queue(batch) {
      console.log(batch.queue, batch.messages.length);
      for (const m of batch.messages) {
        if (m.body.id === 1) m.ack();
        if (m.body.id === 2) m.retry({ delaySeconds: 30 });
        if (m.body.id === 3) m.retry();
      } } }`;
    const { process, said } = await host(source, {
      HIDB_WORKER_CALL: "queue",
      HIDB_WORKER_QUEUE: "videos",
      HIDB_WORKER_BATCH: "4",
      HIDB_CONCURRENCY: "4",
    });
    const outcomes = await Promise.all([1, 2, 3, 4].map((id) => process(id)));
    expect(outcomes).toMatchObject([
      { kind: "completed" },
      { kind: "retry", afterMs: 30_000 },
      { kind: "retry" },
      { kind: "completed" },
    ]);
    expect(outcomes[2]).not.toHaveProperty("afterMs");
    expect(said).toEqual(["log: videos 4"]);
  });

  it("charges no video for another one of its batch that was stopped", async () => {
    const source = `export default { async queue(batch) { if (batch.messages.length > 1) await scheduler.wait(60_000) } }`;
    const settings = {
      HIDB_WORKER_CALL: "queue",
      HIDB_WORKER_QUEUE: "videos",
      HIDB_WORKER_BATCH: "2",
      HIDB_CONCURRENCY: "2",
    };
    const { process } = await host(source, settings);
    const stopped = [process(1, AbortSignal.timeout(100)), process(2)];
    expect(await Promise.all(stopped)).toMatchObject([{ kind: "retry" }, { kind: "completed" }]);
  });

  it("keeps what a failing batch had acknowledged", async () => {
    const source = `export default { async queue(batch) { batch.messages[0].ack(); throw new Error("half") } }`;
    const { process } = await host(source, {
      HIDB_WORKER_CALL: "queue",
      HIDB_WORKER_QUEUE: "videos",
      HIDB_WORKER_BATCH: "2",
      HIDB_CONCURRENCY: "2",
    });
    const outcomes = await Promise.all([process(1), process(2)]);
    expect(outcomes).toMatchObject([
      { kind: "completed" },
      { kind: "retry", reason: expect.stringContaining("Error: half") },
    ]);
  });

  it("gets a cron event for each video", async () => {
    const source = `export default { async scheduled(controller, env) {
      if (controller.cron !== "0 * * * *") throw new Error(controller.cron);
      if (env.FAIL) { controller.noRetry(); throw new Error("never") } } }`;
    const triggers = { crons: ["0 * * * *"] };
    const { process } = await host(source, { HIDB_WORKER_CALL: "scheduled", config: { triggers } });
    expect(await process()).toMatchObject({ kind: "completed", output: null });
    const failing = await host(source, { HIDB_WORKER_CALL: "scheduled", config: { triggers, vars: { FAIL: "1" } } });
    expect(await failing.process()).toMatchObject({ kind: "failed", reason: expect.stringContaining("never") });
  });

  it("is held to the limits that are enforced, in Cloudflare's words", async () => {
    const source = answering(
      `for (let i = 0; i < 3; i++) await env.DB.prepare("SELECT 1").run(); return Response.json(1)`,
    );
    const config = { d1_databases: [{ binding: "DB" }] };
    const limits = { HIDB_WORKERD_D1_QUERIES: "2" };
    const enforced = await host(source, { config, ...limits, HIDB_WORKERD_LIMITS: "enforce" });
    expect(await enforced.process()).toMatchObject({
      kind: "retry",
      reason: expect.stringContaining("Too many API requests by single Worker invocation."),
      usage: { over: ["d1"], d1Queries: 3, limits: { d1: 2 } },
    });
    const reported = await host(source, { config, ...limits });
    expect(await reported.process()).toMatchObject({ kind: "completed", usage: { over: ["d1"], d1Queries: 3 } });
    const off = await host(source, { config, ...limits, HIDB_WORKERD_LIMITS: "off" });
    expect(await off.process()).toEqual({ kind: "completed", output: "1" });
  });
});

describe("a Worker in a thread", () => {
  const aborting = (ms: number) => AbortSignal.timeout(ms);

  it("that spins is ended when its attempt is, and the next video finds a new one", async () => {
    const { process } = await setup(
      answering(`if (request.url.includes("/66/")) for (;;); return Response.json("fine")`),
      { HIDB_WORKERD_CPU_MS: "100" },
    );
    expect(await process(66, aborting(200))).toMatchObject({ kind: "retry", usage: { over: ["cpu"] } });
    expect(await process(7)).toMatchObject({ kind: "completed" });
  });

  it("that hangs is told so at once, as in workerd", async () => {
    const { process } = await setup(answering(`return new Promise(() => {})`));
    expect(await process()).toMatchObject({ kind: "retry", reason: expect.stringContaining("had hung") });
  });

  it("comes back when its attempt is stopped while it waits", async () => {
    const { process } = await setup(
      answering(`if (request.url.includes("/66/")) await scheduler.wait(60_000); return Response.json("fine")`),
    );
    expect(await process(66, aborting(100))).toMatchObject({ kind: "retry", usage: { over: [] } });
    expect(await process(7)).toMatchObject({ kind: "completed" });
  });

  it("lives on after rejections and throws that nobody catches", async () => {
    const { process, said } = await setup(
      answering(`Promise.reject(new Error("lost")); setTimeout(() => { throw new Error("thrown") }, 5);
        await scheduler.wait(30); return Response.json("fine")`),
    );
    expect(await process()).toMatchObject({ kind: "completed" });
    expect(said.join("\n")).toMatch(/lost/);
    expect(said.join("\n")).toMatch(/thrown/);
  });

  it("that exits or allocates without end fails its attempt only", async () => {
    const { process } = await setup(
      `import process from "node:process";
      ${answering(`if (request.url.includes("/66/")) process.exit(3);
        if (request.url.includes("/67/")) { const all = []; for (;;) { all.push(new Uint8Array(8e6).fill(1)); await scheduler.wait(1) } }
        return Response.json("fine")`)}`,
      { HIDB_WORKER_NODE: "full", HIDB_INSTANCE_MEMORY_MB: "150" },
    );
    expect(await process(66)).toMatchObject({ kind: "retry", reason: expect.stringContaining("exit code 3") });
    expect(await process(67)).toMatchObject({ kind: "retry", reason: expect.stringContaining("more than 84 MB") });
    expect(await process(7)).toMatchObject({ kind: "completed" });
  });

  it("costs no other video anything when one of them has the thread ended", async () => {
    const { process } = await setup(
      answering(`if (request.url.includes("/66/")) { await scheduler.wait(50); for (;;); }
        await scheduler.wait(300); return Response.json("fine")`),
      { HIDB_CONCURRENCY: "2" },
    );
    const [spun, other] = await Promise.all([process(66, aborting(200)), process(7)]);
    expect(spun).toMatchObject({ kind: "retry", reason: expect.stringContaining("did not end when it was told to") });
    expect(other).toMatchObject({ kind: "completed" });
  });

  it("charges no video for what others beside it have computed", async () => {
    const source = answering(`for (const t = performance.now(); performance.now() - t < 5; );
      await scheduler.wait(30); return Response.json("fine")`);
    const { process } = await setup(source, {
      HIDB_WORKERD_LIMITS: "enforce",
      HIDB_WORKERD_CPU_MS: "15",
      HIDB_CONCURRENCY: "5",
    });
    await process(1);
    const outcomes = await Promise.all([2, 3, 4, 5, 6].map((id) => process(id)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(5).fill("completed"));
  });

  it("is ended by the CPU limit when that is enforced", async () => {
    const { process } = await setup(answering(`for (;;);`), {
      HIDB_WORKERD_LIMITS: "enforce",
      HIDB_WORKERD_CPU_MS: "200",
    });
    expect(await process()).toMatchObject({
      kind: "retry",
      reason: "Worker exceeded CPU time limit.",
      usage: { over: ["cpu"] },
    });
  });
});

describe("the settings of a Worker", () => {
  it.each([
    [{ HIDB_WORKER_REQUEST: "/x" }, "HIDB_WORKER_REQUEST"],
    [{ HIDB_WORKER_REQUEST: "POST /{nope}" }, "{nope}"],
    [{ HIDB_WORKER_REQUEST: "GET /x", HIDB_WORKER_BODY: "x" }, "to be unset for GET"],
    [{ HIDB_WORKER_HEADERS: "geheim" }, "HIDB_WORKER_HEADERS"],
    [{ HIDB_WORKER_CALL: "queue", HIDB_WORKER_QUEUE: "q" }, "a handler that the Worker has (fetch)"],
    [{ HIDB_WORKER_BATCH: "5" }, "HIDB_CONCURRENCY (1)"],
  ])("refuse %j", async (environment, complaint) => {
    const error = await setup(answering("return Response.json(1)"), environment).catch((caught) => caught);
    expect(error).toMatchObject({ code: "SETTING_INVALID", message: expect.stringContaining(complaint) });
    expect(error.message).not.toContain("geheim");
  });

  it("name a binding that cannot be had", async () => {
    const config = { durable_objects: { bindings: [{ name: "ROOM", class_name: "Room" }] } };
    await expect(setup(answering("return Response.json(1)"), { config })).rejects.toMatchObject({
      code: "WORKER_UNSUPPORTED",
      message: expect.stringContaining("ROOM"),
    });
  });

  it("name what does not load", async () => {
    await expect(setup("export default {")).rejects.toMatchObject({ code: "WORKER_BROKEN" });
  });
});
