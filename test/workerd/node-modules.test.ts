// What a Worker may see of Node, by access; the recorded Workers of test/contract/worker/ compare it with workerd.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { Call } from "../../src/workerd/events/call.js";
import { runInvocation } from "../../src/workerd/invocation.js";
import { script, setup } from "./loading.js";

type Run = (...given: unknown[]) => unknown;

async function worker(node: "off" | "compat" | "full", source: string) {
  const made = setup({ node, modules: [script("index.js", source)] });
  const { default: run } = (await made.load()) as { default: Run };
  return {
    ...made,
    run,
    invoke: (...given: unknown[]) => runInvocation(new Call("fetch", made.realm), () => run(...given)),
  };
}

it("gives Node's real modules with full access only", async () => {
  const source = `import fs from "node:fs"; import { execSync } from "child_process"; export default (path) => [fs.existsSync(path), String(execSync("echo hi"))];`;
  const full = await worker("full", source);
  expect(full.run(import.meta.filename)).toEqual([true, "hi\n"]);
  const compat = await worker("compat", source);
  expect(() => compat.run(import.meta.filename)).toThrow("The child_process.execSync method is not implemented");
  await expect(worker("off", source)).rejects.toMatchObject({ code: "WORKER_BROKEN" });
});

it("keeps import.meta for those with full access", async () => {
  const source = "export default () => Object.keys(import.meta).length > 0;";
  expect((await worker("full", source)).run()).toBe(true);
  expect((await worker("compat", source)).run()).toBe(false);
});

it("ends what an invocation has written with the invocation", async () => {
  const { invoke } = await worker(
    "compat",
    `import fs from "node:fs"; export default (text) => { const before = fs.readdirSync("/tmp"); fs.writeFileSync("/tmp/a", text); return [before, fs.readFileSync("/tmp/a", "utf8")]; };`,
  );
  expect(invoke("one")).toEqual([[], "one"]);
  expect(invoke("two")).toEqual([[], "two"]);
});

it("shows what a Worker is built of in /bundle, and takes no change to it", async () => {
  const { run } = await worker(
    "compat",
    `import fs from "node:fs"; export default () => { try { fs.rmSync("/bundle/index.js"); } catch (error) { return [fs.readdirSync("/bundle"), error.code]; } };`,
  );
  expect(run()).toEqual([["index.js"], "EPERM"]);
});

it("moves whole folders, which workerd 2026-07-30 loses", async () => {
  const { run } = await worker(
    "compat",
    `import fs from "node:fs"; export default () => { fs.mkdirSync("/tmp/a/b", { recursive: true }); fs.writeFileSync("/tmp/a/b/c", "c"); fs.renameSync("/tmp/a", "/tmp/z"); return fs.readFileSync("/tmp/z/b/c", "utf8"); };`,
  );
  expect(run()).toBe("c");
});

it("prints what goes to stdout and stderr", async () => {
  const { run, log } = await worker(
    "compat",
    `import process from "node:process"; export default () => { process.stdout.write("one\\n"); process.stderr.write(new TextEncoder().encode("two")); };`,
  );
  run();
  expect(log).toEqual(["stdout: one", "stderr: two"]);
});

it("shows nothing of the machine and its environment", async () => {
  const { run } = await worker(
    "compat",
    `import os from "node:os"; import path from "node:path"; import process from "node:process"; import url from "node:url"; export default () => [os.hostname(), os.cpus(), os.networkInterfaces(), path.resolve("x"), url.pathToFileURL("x").href, process.cwd(), process.pid, Object.keys(process.env)];`,
  );
  expect(run()).toEqual(["localhost", [], {}, "/x", "file:///x", "/bundle", 1, []]);
});

it("counts a request of node:http as a subrequest", async () => {
  const server = createServer((_request, response) => response.end("outside")).listen(0);
  onTestFinished(() => void server.close());
  const { run, realm } = await worker(
    "compat",
    `import http from "node:http"; export default (url) => new Promise((done, fail) => http.get(url, (response) => { let text = ""; response.on("data", (part) => { text += part; }); response.on("end", () => done(text)); }).on("error", fail));`,
  );
  const call = new Call("fetch", realm);
  const { port } = server.address() as AddressInfo;
  expect(await runInvocation(call, () => run(`http://127.0.0.1:${port}/`))).toBe("outside");
  expect(call.meter.usage.subrequests).toBe(1);
});

it("opens no port for a server", async () => {
  const { run } = await worker(
    "compat",
    `import http from "node:http"; export default () => { const server = http.createServer(() => {}); server.listen(0); return server.address().port; };`,
  );
  const port = run() as number;
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
});

it("answers an Express-like app, which puts its own prototypes on request and response", async () => {
  const { invoke } = await worker(
    "compat",
    `import http from "node:http"; import { httpServerHandler } from "cloudflare:node";
     const request = Object.create(http.IncomingMessage.prototype), response = Object.create(http.ServerResponse.prototype, { json: { value(given) { this.setHeader("content-type", "application/json"); this.end(JSON.stringify(given)); } } });
     http.createServer((req, res) => { Object.setPrototypeOf(req, request); Object.setPrototypeOf(res, response); res.status = 1; res.json({ url: req.url }); }).listen(3000);
     const handler = httpServerHandler({ port: 3000 });
     export default (given) => handler.fetch(given);`,
  );
  const response = (await invoke(new Request("http://a.example/x?y"))) as Response;
  expect([response.headers.get("content-type"), await response.text()]).toEqual(["application/json", '{"url":"/x?y"}']);
});
