import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { freePort } from "../support/ports.js";
import { kill, pssMb, run } from "../support/process.js";
import { ROOT, type TestPool } from "./pool.js";
import { createWorkerPool, doneVideos, type Given, processing, SECRET, writing } from "./worker-app.js";

let pool: TestPool;
afterEach(() => pool.end());

async function setup(...given: Parameters<typeof createWorkerPool>): Promise<TestPool> {
  pool = await createWorkerPool(...given);
  return pool;
}

describe("a Worker in a pool", () => {
  it("is served on one port by all instances, also while they are reloaded", async () => {
    const port = await freePort();
    const pages = `
      globalThis.me ??= crypto.randomUUID();
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/me") return new Response(me);
      if (pathname === "/echo") return new Response(request.method + " " + await request.text(), { status: 201 });
      if (pathname === "/kv") return new Response(await env.KV.get(searchParams.get("key")));
      if (pathname === "/go") { await env.KV.put("go", "on"); return new Response("on"); }
      if (pathname === "/slow") { await scheduler.wait(150); return new Response("slow"); }
      if (pathname === "/stream") {
        const { readable, writable } = new TransformStream();
        const writer = writable.getWriter();
        const encode = (text) => new TextEncoder().encode(text);
        ctx.waitUntil((async () => {
          await writer.write(encode("first,"));
          while ((await env.KV.get("go")) === null) await scheduler.wait(20);
          await writer.write(encode("last"));
          await writer.close();
        })());
        return new Response(readable);
      }`;
    const source = `export default { async fetch(request, env, ctx) {
      ${pages}
      const [, id] = pathname.match(/^.api.videos.(\\d+).process$/) ?? [];
      if (id === undefined) return new Response("no such page", { status: 404 });
      await env.KV.put(id, me);
      ${writing(20)}
      return Response.json({ id });
    } };`;
    await setup(source, {
      videos: 200,
      settings: { HIDB_WORKER_PORT: String(port) },
      config: { kv_namespaces: [{ binding: "KV", id: "k" }] },
    });
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);

    const many = Array.from({ length: 12 });
    const names = new Set(await Promise.all(many.map(() => ask(port, "/me").then(({ text }) => text))));
    expect(names.size).toBe(3);
    expect(await ask(port, "/echo", { body: "a body" })).toMatchObject({ status: 201, text: "POST a body" });
    expect(await ask(port, "/none")).toMatchObject({ status: 404, text: "no such page" });
    // The last part is written only after the first has come.
    const onFirst = () => void ask(port, "/go");
    expect(await ask(port, "/stream", { onFirst })).toMatchObject({ status: 200, text: "first,last" });

    await pool.finish();
    expect(doneVideos(pool)).toBe(200);
    // Nothing else keeps the Worker's thread awake by now.
    expect(await ask(port, "/echo", { body: "a body", rest: " that takes its time" })).toMatchObject({
      text: "POST a body that takes its time",
    });
    // Whoever has written it, and whoever is asked.
    const written = await Promise.all(Array.from({ length: 200 }, (_, at) => ask(port, `/kv?key=${at + 1}`)));
    expect(written.filter(({ text }) => !names.has(text))).toEqual([]);
    console.info(
      `PSS after 200 videos: ${pool
        .working()
        .map(({ pid }) => pssMb(pid).toFixed(1))
        .join(", ")} MB`,
    );

    let reloading = true;
    const asking = many.map(async () => {
      const answers: Reply[] = [];
      while (reloading) answers.push(await ask(port, "/slow"));
      return answers;
    });
    await pool.ok("reload", "hidb");
    reloading = false;
    const answers = (await Promise.all(asking)).flat();
    console.info(`${answers.length} requests during a reload`);
    expect(answers.filter(({ status, text }) => status !== 200 || text !== "slow")).toEqual([]);
    await pool.verify();
  });

  it("works on when its port is taken, and says so in the log", async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, "127.0.0.1", () => resolve((other.address() as AddressInfo).port));
    });
    await setup(processing(writing(1)), { videos: 20, settings: { HIDB_WORKER_PORT: String(port) } });
    await pool.start(["-i", "2"]);
    await pool.finish();
    other.close();
    expect(logText()).toContain(`expected port ${port} (HIDB_WORKER_PORT) to be free, but somebody else has it`);
    expect(doneVideos(pool)).toBe(20);
    await pool.verify();
  });

  it("is given the messages that it sends to itself, by whichever instance lives", async () => {
    const queue = `async queue(batch, env) {
      for (const { body, attempts } of batch.messages) {
        const note = [batch.queue, attempts, process.pid].join(" ");
        await env.DB.prepare("INSERT INTO done (video_id, note) VALUES (?, ?)").bind(body.id, note).run();
        if (batch.queue === "dead") continue;
        if (body.id === 5 && attempts < 3) throw new Error("not yet");
        if (body.id === 6) throw new Error("never");
        if (body.id === 7 && attempts === 1) await scheduler.wait(600_000);
      }
    }`;
    const sends = `await env.OWN.send({ id }); await scheduler.wait(20);`;
    await setup(`import process from "node:process"; ${processing(sends, queue)}`, {
      videos: 60,
      config: {
        queues: {
          producers: [{ binding: "OWN", queue: "own" }],
          consumers: [
            { queue: "own", max_batch_size: 1, max_retries: 2, dead_letter_queue: "dead" },
            { queue: "dead", max_batch_size: 1 },
          ],
        },
      },
      settings: { HIDB_WORKER_NODE: "full", HIDB_LEASE_MS: "1500" },
    });
    await pool.start(["-i", "3"]);
    const deliveries = pool.database.prepare<[number], string>("SELECT note FROM done WHERE video_id = ?").pluck();
    const held = await pool.find("the message that takes long", () => deliveries.get(7));
    kill(Number(held.split(" ").at(-1)));
    await pool.finish();
    await pool.waitFor("every message", () => doneVideos(pool) === 60 && deliveries.all(6).length === 4);
    await pool.waitFor("the killed one's message", () => deliveries.all(7).length >= 2);
    const told = (id: number) => deliveries.all(id).map((note) => note.replace(/ \d+$/, ""));
    expect(told(5)).toEqual(["own 1", "own 2", "own 3"]);
    expect(told(6)).toEqual(["own 1", "own 2", "own 3", "dead 1"]);
    expect(told(7)).toEqual(["own 1", "own 2"]);
    await pool.waitFor("the queues to be empty", () => count("hidb_messages") === 0);
    await pool.verify({ killed: true });
  });

  it("may finish within HIDB_DRAIN_MS at `pm2 stop`, and is given back after that", async () => {
    const slow = `
      if (id === 2) await env.OWN.send("take your time");
      const asked = () => env.DB.prepare("SELECT count(*) AS n FROM done").first("n");
      while (id === 2 || (await asked()) === 0) await scheduler.wait(100);`;
    await setup(processing(slow, "queue: () => scheduler.wait(600_000)"), {
      videos: 2,
      settings: { HIDB_DRAIN_MS: "4000" },
      config: {
        queues: { producers: [{ binding: "OWN", queue: "own" }], consumers: [{ queue: "own", max_batch_size: 1 }] },
      },
    });
    await pool.start(["-i", "2"]);
    const messages = pool.database.prepare("SELECT attempts, visible_at > ? AS held FROM hidb_messages");
    await pool.waitFor("both and the message to run", () => {
      return (
        pool.count("running") === 2 && messages.all(clock.now()).some((row) => (row as { held: 0 | 1 }).held === 1)
      );
    });
    const stopped = pool.ok("stop", "hidb");
    const holder = pool.database.prepare("SELECT instance FROM hidb_videos WHERE video_id = 1").pluck().get();
    await pool.waitFor("the drain", () => !pool.working().some(({ id }) => id === holder));
    pool.database.exec("INSERT INTO done (video_id) VALUES (1)");
    await stopped;
    const states = pool.database.prepare("SELECT state, attempt FROM hidb_videos ORDER BY video_id").all();
    expect(states).toEqual([
      { state: "completed", attempt: 1 },
      { state: "pending", attempt: 0 },
    ]);
    expect(pool.spentAttempts()).toBe(0);
    // The batch was given up undelivered: it costs no delivery either.
    expect(messages.all(clock.now())).toEqual([{ attempts: 0, held: 0 }]);
  });
});

describe("hidb start", () => {
  it("takes the Worker whose config is where the person stands, with its secrets kept", async () => {
    const source = processing(`
      if (id === 3) return new Response("no: " + env.KEY, { status: 422 });
      if (id === 4) console.log("the key is " + env.KEY);
      if (id < 3) for (let at = 0; at < 4; at++) await env.DB.prepare("SELECT 1").run();
      ${writing(1)}`);
    await setup(source, {
      videos: 6,
      settings: { HIDB_INSTANCES: "2", HIDB_WORKERD_D1_QUERIES: "2", HIDB_LOG_LEVEL: "debug" },
    });
    delete pool.settings.HIDB_WORKER;
    const app = join(pool.folder, "app");
    const started = await run(process.execPath, [join(ROOT, "dist/cli/hidb.cjs"), "start"], pool.environment, app);
    expect(started).toMatchObject({ code: 1 });
    expect(started.stdout).toContain("6 videos: 5 completed, 1 failed");
    expect(started.stdout).toContain("2 videos would have failed on Workers (paid plan): 2 d1; hidb list --over any");
    expect(doneVideos(pool)).toBe(5);
    const over = await pool.hidb(["list", "--over", "any"]);
    expect(over.stdout).toMatch(/^ +1 +completed +1 +\/v\/1 +d1 5 of 2\n +2 +completed .*\n$/);
    const shown = await Promise.all([1, 3, 4].map((id) => pool.hidb(["show", String(id)])));
    const all = [started, over, ...shown].map(({ stdout, stderr }) => stdout + stderr).join("") + logText();
    expect(all).toContain("the key is ***");
    expect(all).not.toContain(SECRET);
    await pool.verify({ allowed: ["failed"] });
  });
});

describe("a Worker that cannot run", () => {
  const fine = processing("");
  const durable = { durable_objects: { bindings: [{ name: "ROOM", class_name: "Room" }] } };
  it.each([
    ["binds a Durable Object", fine, { config: durable }, 3, /ROOM/],
    ["has a syntax error", "export default {\n  fetch( {", {}, 3, /index\.js/],
    ["fails as it loads", `throw new Error("no config: ${SECRET}");`, {}, 3, /no config/],
    ["has no such handler", fine, { settings: { HIDB_WORKER_CALL: "queue", HIDB_WORKER_QUEUE: "q" } }, 2, /\(fetch\)/],
    ["is TypeScript without wrangler", fine, { config: { main: "index.ts", no_bundle: false } }, 3, /wrangler/],
    ["has a wrong setting", fine, { settings: { HIDB_WORKER_REQUEST: "/x" } }, 2, /HIDB_WORKER_REQUEST/],
    [
      "is nowhere named",
      fine,
      { settings: { HIDB_WORKER: "" } },
      2,
      /HIDB_WORKER, or a wrangler config in .* got neither/,
    ],
    ["is not there", fine, { settings: { HIDB_WORKER: "/nowhere/wrangler.json" } }, 2, /nowhere/],
  ] as const)(
    "and %s is refused in one line, before anything is claimed",
    async (_what, source, given, exitCode, said) => {
      await setup(source, { videos: 3, ...(given as Given) });
      writeFileSync(join(pool.folder, "app", "index.ts"), fine);
      const instance = await run(process.execPath, [join(ROOT, "dist/entry.cjs")], pool.environment);
      // PM2 leaves that one stopped: refuse.test.ts.
      expect(instance).toMatchObject({ code: 42, stdout: "" });
      const lines = instance.stderr.trim().split("\n");
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^hidb: expected .*\. Fix: .*\.$/);
      expect(lines[0]).toMatch(said);
      const { code, stdout, stderr } = await pool.hidb(["start"]);
      expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
      expect(stderr).toMatch(/^error: expected .*\nfix: {3}.*\n$/);
      expect(stderr).toMatch(said);
      expect(lines[0] + stderr).not.toContain(SECRET);
      expect(pool.count("running", "completed", "failed")).toBe(0);
      expect(pool.readJournal()).toEqual([]);
    },
  );
});

interface Reply {
  status: number;
  text: string;
}

interface Question {
  body?: string;
  /** Follows the body after a while. */
  rest?: string;
  /** At the first part of the answer. */
  onFirst?: () => void;
}

/** On a connection of its own, as a stranger would come. */
function ask(port: number, path: string, { body, rest, onFirst }: Question = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const sent = request({ port, path, method, host: "127.0.0.1", agent: false }, (response) => {
      let text = "";
      if (onFirst !== undefined) response.once("data", onFirst);
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    if (rest === undefined) sent.end(body);
    else {
      sent.write(body);
      setTimeout(() => sent.end(rest), 200);
    }
  });
}

function count(table: string): number {
  return pool.database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
}

/** Everything that instances wrote to their own log files. */
function logText(): string {
  const folder = join(pool.folder, "logs");
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("");
}
