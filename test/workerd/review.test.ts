// What a second look at the host of Workers has found: what leaked, what got out, and what brought the host down.
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { installTimers } from "../../src/workerd/globals/timers.js";
import { endInvocation, runInvocation } from "../../src/workerd/invocation.js";
import type { HostWorkerOptions } from "../../src/workerd/options.js";
import { type HostedWorker, hostWorker } from "../../src/workerd/public.js";
import { invoke, makeRealm } from "./realm.js";

const hosted: HostedWorker[] = [];
afterEach(async () => {
  for (const worker of hosted.splice(0)) await worker.close();
});

async function host(contents: string, options: HostWorkerOptions = {}): Promise<HostedWorker> {
  const modules = [{ path: "index.mjs", contents }];
  const worker = await hostWorker({ modules, compatibilityDate: "2026-07-30", ...options });
  hosted.push(worker);
  return worker;
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

describe("a Worker in a thread", () => {
  it("is rid of an event that could not cross to it", async () => {
    const worker = await host("export default { queue() {}, fetch: () => new Response('fine') }");
    await expect(worker.queue("q", [{ body: () => undefined }])).rejects.toThrow("could not be cloned");
    // With the event still open, closing would leave a rejection that nobody handles.
    expect(await (await worker.fetch("/")).text()).toBe("fine");
  });

  it("hears of an answer that cannot cross to it, and so does its Worker", async () => {
    const odd = { prepare: () => ({ all: async () => ({ results: [{ a: () => undefined }] }) }) };
    const worker = await host(
      `export default { fetch: (_, env) => env.DB.prepare("x").all().then(
        () => new Response("none"), (error) => new Response(error.message)) }`,
      { d1: { DB: odd as never } },
    );
    expect(await (await worker.fetch("/")).text()).toContain("could not be cloned");
  });

  it("that prints without end costs the host neither its memory nor its time", async () => {
    let isOver = false;
    let slowest = 0;
    const lines: string[] = [];
    const worker = await host(
      `export default { fetch() { const text = "x".repeat(1000); for (;;) console.log(text); } }`,
      { onLog: (level, text) => void (level === "warn" && lines.push(text)) },
    );
    const before = process.memoryUsage().rss;
    const flood = worker.fetch("/", { signal: AbortSignal.timeout(1500) }).finally(() => {
      isOver = true;
    });
    for (let last = performance.now(); !isOver; last = performance.now()) {
      await sleep(5);
      slowest = Math.max(slowest, performance.now() - last);
    }
    expect((await flood).status).toBe(500);
    expect(slowest).toBeLessThan(500);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(200);
    expect(lines.some((line) => /^\d+ lines of the Worker's log were left out/.test(line))).toBe(true);
  });

  it("is told of a stop that came before it had begun", async () => {
    const seen: string[] = [];
    const worker = await host(
      `export default { async fetch(request) {
        if (request.url.endsWith("/exit")) { for (const all = []; ; ) all.push(new Uint8Array(8e6).fill(1)); }
        await scheduler.wait(50); console.log("aborted", request.signal.aborted); return new Response("fine"); } }`,
      { onLog: (_level, text) => seen.push(text), compatibilityFlags: ["enable_request_signal"] },
    );
    // The next event starts a thread, and is stopped while that is loading.
    expect((await worker.fetch("/exit")).status).toBe(500);
    await worker.fetch("/", { signal: AbortSignal.abort() }).catch(() => undefined);
    await sleep(300);
    expect(seen.at(-1)).toBe("aborted true");
  });

  it.each(["off", "compat"] as const)("gets nothing of Node's through code made of strings (%s)", async (node) => {
    const worker = await host(
      `const seen = {};
      const code = 'import("node:child_process")';
      const look = async (name, make) => {
        try { const { execSync } = await make(); execSync("true"); seen[name] = "had it"; } catch (error) { seen[name] = "no"; } };
      await look("Function", () => new Function("return " + code)());
      await look("async function", () => (async () => {}).constructor("return " + code)());
      await look("eval", () => (0, eval)(code));
      await look("eval by nobody", () => Promise.resolve(code).then(eval));
      await look("eval by an event", () => new Promise((resolve, reject) => {
        globalThis.caught = resolve;
        const target = new EventTarget();
        target.addEventListener("x", eval);
        target.dispatchEvent(Object.assign(new Event("x"), { toString: () => code }));
        Promise.resolve("globalThis.caught(" + code + ")").then(eval).catch(reject);
      }));
      export default { fetch: () => Response.json(seen) }`,
      { node },
    );
    const seen = (await (await worker.fetch("/")).json()) as Record<string, string>;
    expect(new Set(Object.values(seen))).toEqual(new Set(["no"]));
  });

  it("does not meet the real process by changing what all emitters do", async () => {
    const worker = await host(
      `import { EventEmitter } from "node:events";
      let met = false;
      const { emit } = EventEmitter.prototype;
      EventEmitter.prototype.emit = function (...given) { met ||= "reallyExit" in this; return emit.apply(this, given); };
      export default { async fetch() { Promise.reject(1); await scheduler.wait(20); return Response.json(met) } }`,
      { node: "compat" },
    );
    expect(await (await worker.fetch("/")).json()).toBe(false);
  });

  it("ends itself and not its host when it says nonsense on its port", async () => {
    const worker = await host(
      `import { parentPort } from "node:worker_threads";
      export default { async fetch(request) {
        if (request.url.endsWith("/odd")) { parentPort.postMessage(null); await scheduler.wait(1000) }
        return new Response("fine") } }`,
      { node: "full" },
    );
    expect((await worker.fetch("/odd")).status).toBe(500);
    expect(await (await worker.fetch("/")).text()).toBe("fine");
  });

  it("loses the rest of a log that is too long where limits are enforced, in Cloudflare's words", async () => {
    const lines: string[] = [];
    const worker = await host(
      `export default { fetch() { for (let n = 0; n < 9; n++) console.log(n + "x".repeat(99)); return new Response("fine") } }`,
      { limits: { mode: "enforce", logBytes: 250 }, onLog: (_level, text) => lines.push(text.slice(0, 23)) },
    );
    expect(await (await worker.fetch("/")).text()).toBe("fine");
    expect(lines.map((line) => line.replaceAll("x", ""))).toEqual(["0", "1", "Log size limit eceeded"]);
  });

  it("lets go of a request's body that it has not read", async () => {
    const worker = await host("export default { fetch: () => new Response('fine') }");
    const { promise: cancelled, resolve } = Promise.withResolvers<string>();
    const body = new ReadableStream({ cancel: () => resolve("cancelled") });
    expect(await (await worker.fetch("/", { method: "POST", body })).text()).toBe("fine");
    expect(await Promise.race([cancelled, sleep(1000)])).toBe("cancelled");
  });
});

it.each(["thread", "process"] as const)(
  "a Worker in a %s leaves no connection open whose answer it has not read",
  async (isolation) => {
    const server = createServer((_request, response) => response.end(Buffer.alloc(3e6)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const worker = await host(
      `export default { async fetch() { return new Response(String((await fetch("http://127.0.0.1:${port}/")).status)) } }`,
      { isolation },
    );
    for (let times = 0; times < 5; times++) expect(await (await worker.fetch("/")).text()).toBe("200");
    await sleep(100);
    const open = await new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    server.closeAllConnections();
    server.close();
    expect(open).toBe(0);
  },
);

it("a Worker leaves no socket open that it does not close", async () => {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)));
    socket.write("hello");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const worker = await host(
    `import { connect } from "cloudflare:sockets";
    export default { async fetch() {
      return new Response((await connect("127.0.0.1:${port}").readable.getReader().read()).value) } }`,
  );
  for (let times = 0; times < 3; times++) expect(await (await worker.fetch("/")).text()).toBe("hello");
  await sleep(100);
  expect(sockets.size).toBe(0);
  server.close();
});

it("a Worker leaves no file open whose value it has begun to read", async () => {
  const stateFolder = mkdtempSync(join(tmpdir(), "hidb-review-"));
  const worker = await host(
    `export default { async fetch(request, { R2 }) {
      if (request.method === "PUT") await R2.put("k", new Uint8Array(3e6));
      const { body } = await R2.get("k");
      if (request.method === "GET") return new Response(body);
      await body.getReader().read();
      return new Response("begun") } }`,
    { r2: { R2: "b" }, stateFolder },
  );
  for (const method of ["PUT", "POST", "POST"])
    expect(await (await worker.fetch("/", { method })).text()).toBe("begun");
  expect((await (await worker.fetch("/")).arrayBuffer()).byteLength).toBe(3e6);
  await sleep(50);
  const open = readdirSync("/proc/self/fd").map((name) => readlinkOrNone(`/proc/self/fd/${name}`));
  expect(open.filter((file) => file.startsWith(join(stateFolder, "values")))).toEqual([]);
  rmSync(stateFolder, { recursive: true });
});

function readlinkOrNone(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

describe("timers", () => {
  it("are forgotten with the invocation that has started them, and none is started after that", async () => {
    const { realm, target } = makeRealm();
    installTimers(target, realm);
    const start = target.setTimeout as (work: () => void, ms: number) => unknown;
    const fired: string[] = [];
    const { invocation } = await invoke(() => start(() => fired.push("pending"), 10));
    endInvocation(invocation);
    runInvocation(invocation, () => start(() => fired.push("late"), 1));
    await sleep(20);
    expect(fired).toEqual([]);
  });
});
