// What handlers have around them: ctx and its waitUntil, env, `cloudflare:workers`, and the Worker's own entrypoints.
import type { Call, WorkerCases } from "../case.ts";

const fetches = (...paths: string[]): Call[] => paths.map((path) => ({ fetch: path }));

/** `route({ "/a": (env, ctx, request) => ... })`: what the function returns is the answer, an error as its name and message. */
const ROUTER = `
const said = async (work) => {
  try { const value = await work(); return value === undefined ? "undefined" : value; }
  catch (error) { return error instanceof Error ? error.name + ": " + error.message : ["thrown", error]; }
};
const route = (paths) => async (request, env, ctx) => {
  const { pathname } = new URL(request.url);
  return Response.json(await said(() => paths[pathname](env, ctx, request)) ?? null);
};
`;

export const context: WorkerCases = {
  "waits for what waitUntil is given, whatever it is": {
    source: `${ROUTER}
const seen = [];
export default { fetch: route({
  "/kinds": (env, ctx) => [undefined, null, 5, "text", {}, Promise.resolve(1), { then(resolve) { seen.push("thenable"); resolve(); } }].map((value) => String(ctx.waitUntil(value))),
  "/none": (env, ctx) => ctx.waitUntil(),
  "/later": (env, ctx) => ctx.waitUntil(scheduler.wait(20).then(() => seen.push("later"))),
  "/again": (env, ctx) => ctx.waitUntil(scheduler.wait(10).then(() => ctx.waitUntil(scheduler.wait(10).then(() => ctx.waitUntil(scheduler.wait(5).then(() => seen.push("third"))))))),
  "/reject": (env, ctx) => { ctx.waitUntil(Promise.reject(new Error("one"))); ctx.waitUntil(scheduler.wait(5).then(() => seen.push("the other"))); return "answered"; },
  "/throws": (env, ctx) => { ctx.waitUntil(scheduler.wait(5).then(() => seen.push("after the throw"))); throw new Error("handler"); },
  "/seen": async () => { await scheduler.wait(80); return seen.splice(0); },
}) };`,
    calls: fetches(
      "/kinds",
      "/seen",
      "/none",
      "/later",
      "/seen",
      "/again",
      "/seen",
      "/reject",
      "/seen",
      "/throws",
      "/seen",
    ),
  },
  "waits although the handler throws or its body is still to come": {
    source: `
const seen = [];
export default { async fetch(request, env, ctx) {
  const { pathname } = new URL(request.url);
  if (pathname === "/seen") { await scheduler.wait(60); return Response.json(seen.splice(0)); }
  ctx.waitUntil(scheduler.wait(10).then(() => seen.push("waited " + pathname)));
  if (pathname === "/throw") throw new Error("no");
  const { readable, writable } = new TransformStream();
  const write = async () => {
    const writer = writable.getWriter();
    for (const part of ["a", "b", "c"]) { await scheduler.wait(5); await writer.write(new TextEncoder().encode(part)); }
    await writer.close();
    seen.push("closed");
  };
  if (pathname === "/waited") ctx.waitUntil(write()); else write();
  return new Response(readable);
} };`,
    calls: fetches("/throw", "/seen", "/waited", "/seen", "/stream", "/seen"),
  },
  "makes a ctx anew for each event": {
    source: `${ROUTER}
const kept = [];
export default { fetch: route({
  "/look": (env, ctx) => ({
    name: ctx.constructor.name, tag: Object.prototype.toString.call(ctx), props: ctx.props, same: kept.includes(ctx), kept: kept.push(ctx),
    waitUntil: typeof ctx.waitUntil, pass: typeof ctx.passThroughOnException, exports: typeof ctx.exports,
  }),
  "/pass": (env, ctx) => String(ctx.passThroughOnException()),
  "/set": (env, ctx) => { ctx.own = 5; return ctx.own; },
  "/own": (env, ctx) => String(ctx.own),
  "/detached": (env, ctx) => { const { waitUntil } = ctx; waitUntil(Promise.resolve()); },
}) };`,
    calls: fetches("/look", "/look", "/pass", "/set", "/own", "/detached"),
  },
  "has one env for all requests": {
    vars: { TEXT: "one", NUMBER: 2, OBJECT: { deep: [1, { two: 2 }] }, NULL: null, FLAG: false, EMPTY: "" },
    source: `${ROUTER}
import { env as imported } from "cloudflare:workers";
const early = { text: imported.TEXT, number: imported.NUMBER };
let first;
export default { fetch: route({
  "/all": (env) => { const { OUTSIDE, ...others } = env; return others; },
  "/early": (env) => [early, imported === env, imported.TEXT === env.TEXT],
  "/set": (env) => { first = env; env.TEXT = "changed"; env.MORE = { a: 1 }; env.OBJECT.deep.push(3); return "set"; },
  "/get": (env) => [env === first, env.TEXT, env.MORE, env.OBJECT, imported.TEXT, imported.MORE ?? null],
  "/delete": (env) => [delete env.MORE, "MORE" in env, "TEXT" in imported],
  "/keys": (env) => Object.keys(env).sort(),
  "/missing": (env) => [String(env.NOTHING), "NOTHING" in env, typeof env.toString, Object.getPrototypeOf(env) === Object.prototype],
}) };`,
    calls: fetches("/all", "/early", "/set", "/get", "/delete", "/get", "/keys", "/missing"),
  },
  "gives env and waitUntil to whoever imports cloudflare:workers": {
    vars: { TEXT: "one" },
    modules: {
      "lib.js": {
        type: "ESModule",
        contents: `import { env, waitUntil, withEnv } from "cloudflare:workers";
export const textAtStart = env.TEXT;
export const text = () => env.TEXT;
export const later = (work) => waitUntil(work);
export { withEnv };`,
      },
    },
    source: `${ROUTER}
import { env, withEnv } from "cloudflare:workers";
import { textAtStart, text, later } from "./lib.js";
const seen = [];
export default { fetch: route({
  "/env": () => [textAtStart, text(), env.TEXT],
  "/with": async (own) => {
    const inside = await withEnv({ TEXT: "other", MORE: 1 }, async () => [text(), env.MORE, await scheduler.wait(2).then(text), own.TEXT]);
    return [inside, text(), String(env.MORE)];
  },
  "/nested": () => withEnv({ TEXT: "a" }, () => [text(), withEnv({ TEXT: "b" }, text), text()]),
  "/returns": () => [withEnv({}, () => 5), String(withEnv({}, () => env.TEXT))],
  "/throws": () => withEnv({}, () => { throw new RangeError("inside"); }),
  "/later": () => { later(scheduler.wait(5).then(() => seen.push("waited"))); return String(later(Promise.reject(new Error("lost")))); },
  "/seen": async () => { await scheduler.wait(30); return seen; },
}) };`,
    calls: fetches("/env", "/with", "/nested", "/returns", "/throws", "/later", "/seen"),
  },
  "exports of cloudflare:workers": {
    source: `${ROUTER}
import * as workers from "cloudflare:workers";
import { WorkerEntrypoint, RpcTarget, DurableObject, WorkflowEntrypoint } from "cloudflare:workers";
class Own extends WorkerEntrypoint {}
export default { fetch: route({
  "/types": () => ["WorkerEntrypoint", "DurableObject", "WorkflowEntrypoint", "RpcTarget", "RpcStub", "waitUntil", "withEnv", "env"].map((name) => [name, typeof workers[name]]),
  "/classes": () => [Own.name, Object.getPrototypeOf(Own) === WorkerEntrypoint, new RpcTarget() instanceof RpcTarget, typeof DurableObject.prototype, typeof WorkflowEntrypoint.prototype],
  "/dynamic": async () => (await import("cloudflare:workers")).WorkerEntrypoint === WorkerEntrypoint,
  "/unknown": () => import("cloudflare:nothing").then(() => "there", (error) => error.name),
}) };`,
    calls: fetches("/types", "/classes", "/dynamic", "/unknown"),
  },
  "calls the Worker's own entrypoints through a service binding": {
    services: { SELF: "", API: "Api", PLAIN: "plain" },
    vars: { TEXT: "one" },
    source: `${ROUTER}
import { WorkerEntrypoint } from "cloudflare:workers";
export class Api extends WorkerEntrypoint {
  #secret = 7;
  field = "own field";
  get computed() { return "computed"; }
  static hidden() { return "static"; }
  add(a, b) { return a + b; }
  async later(value) { await scheduler.wait(2); return value; }
  text() { return this.env.TEXT; }
  props() { return this.ctx.props; }
  private() { return this.#secret; }
  fail(kind) { throw kind === "range" ? new RangeError("out of it") : kind === "text" ? "only text" : Object.assign(new Error("plain"), { code: 5 }); }
  nothing() {}
  fetch(request) { return Response.json(["api", request.method, new URL(request.url).pathname]); }
}
export const plain = { fetch: (request, env) => Response.json(["plain", env.TEXT]) };
const routed = route({
  "/self": async (env) => (await env.SELF.fetch("http://self/inner", { method: "POST", body: "body", headers: { "x-a": "1" } })).json(),
  "/api": async (env) => (await env.API.fetch("http://api/deep/path")).json(),
  "/plain": async (env) => (await env.PLAIN.fetch(new Request("http://plain/"))).json(),
  "/add": (env) => env.API.add(1, 2),
  "/later": (env) => env.API.later({ a: [1] }),
  "/text": (env) => env.API.text(),
  "/props": (env) => env.API.props(),
  "/private": (env) => env.API.private(),
  "/range": (env) => env.API.fail("range"),
  "/fail-text": (env) => env.API.fail("text"),
  "/fail": (env) => env.API.fail(),
  "/nothing": (env) => env.API.nothing(),
  "/missing": (env) => env.API.missing(),
  "/field": (env) => env.API.field,
  "/computed": (env) => env.API.computed,
  "/kinds": (env) => [typeof env.API, env.API.constructor.name, typeof env.API.add, typeof env.SELF.fetch],
});
export default { async fetch(request, env, ctx) {
  if (new URL(request.url).pathname === "/inner") return Response.json(["inner", request.method, request.url, await request.text(), request.headers.get("x-a")]);
  return routed(request, env, ctx);
} };`,
    calls: fetches(
      "/self",
      "/api",
      "/plain",
      "/add",
      "/later",
      "/text",
      "/props",
      "/private",
      "/range",
      "/fail-text",
      "/fail",
      "/nothing",
      "/missing",
      "/field",
      "/computed",
      "/kinds",
    ),
  },
  "calls entrypoints through ctx.exports, with props": {
    source: `${ROUTER}
import { WorkerEntrypoint, exports as all } from "cloudflare:workers";
export class Api extends WorkerEntrypoint {
  props() { return this.ctx.props; }
  clone(value) { return value; }
  describe(value) { return value instanceof Date ? "Date " + value.getTime() : value instanceof Map ? "Map " + value.size : value instanceof Uint8Array ? "bytes " + value.length : typeof value; }
  call(fn) { return fn(4); }
  fetch(request) { return new Response("api " + new URL(request.url).pathname + " " + JSON.stringify(this.ctx.props)); }
}
export default { fetch: route({
  "/names": (env, ctx) => Object.keys(ctx.exports).sort(),
  "/props": (env, ctx) => ctx.exports.Api({ props: { user: 5 } }).props(),
  "/no-props": (env, ctx) => ctx.exports.Api.props(),
  "/fetch": async (env, ctx) => (await ctx.exports.Api({ props: { a: 1 } }).fetch("http://x/y")).text(),
  "/date": async (env, ctx) => { const back = await ctx.exports.Api.clone(new Date(5)); return [back instanceof Date, back.getTime()]; },
  "/map": async (env, ctx) => { const back = await ctx.exports.Api.clone(new Map([["a", { b: 1 }]])); return [back instanceof Map, [...back]]; },
  "/copy": async (env, ctx) => { const given = { list: [1] }; const back = await ctx.exports.Api.clone(given); back.list.push(2); return [given, back]; },
  "/describe": (env, ctx) => Promise.all([new Date(1), new Map(), new Uint8Array(3), undefined, null, 5n].map((value) => ctx.exports.Api.describe(value))),
  "/function": (env, ctx) => ctx.exports.Api.call((value) => value * 2),
  "/class": (env, ctx) => { class Own {} return ctx.exports.Api.clone(new Own()); },
  "/imported": (env, ctx) => all.Api.clone("imported"),
}) };`,
    calls: fetches(
      "/names",
      "/props",
      "/no-props",
      "/fetch",
      "/date",
      "/map",
      "/copy",
      "/describe",
      "/function",
      "/class",
      "/imported",
    ),
  },
  "has no ctx.exports before its date unless a flag says so": {
    compatibilityDate: "2025-11-16",
    source: `export default { fetch: (request, env, ctx) => Response.json([typeof ctx.exports, typeof ctx.props, typeof ctx.waitUntil]) };`,
    calls: fetches("/"),
  },
  "has ctx.exports by flag": {
    compatibilityDate: "2025-01-01",
    compatibilityFlags: ["enable_ctx_exports"],
    source: `export class A { fetch() {} }
export default { fetch: (request, env, ctx) => Response.json([typeof ctx.exports, Object.keys(ctx.exports)]) };`,
    calls: fetches("/"),
  },
  "has Node's globals by flag only": {
    compatibilityFlags: ["nodejs_compat"],
    vars: { TEXT: "one", NUMBER: 5, OBJECT: { a: 1 } },
    source: `
const kinds = () => ({ process: typeof process, Buffer: typeof Buffer, global: typeof global, setImmediate: typeof setImmediate, require: typeof require });
export default { fetch(request) {
  const { OUTSIDE, ...env } = process.env;
  return Response.json({ ...kinds(), same: global === globalThis, env, platform: process.platform, timer: typeof setTimeout(() => {}, 1) });
} };`,
    calls: fetches("/"),
  },
  "has no Node globals without a flag": {
    source: `export default { fetch: () => Response.json({ process: typeof process, Buffer: typeof Buffer, global: typeof global,
  setImmediate: typeof setImmediate, require: typeof require, timer: typeof setTimeout(() => {}, 1), self: self === globalThis }) };`,
    calls: fetches("/"),
  },
  "keeps a module's own state from request to request": {
    source: `
let count = 0;
globalThis.shared = [];
export default { async fetch(request) {
  count++;
  shared.push(new URL(request.url).pathname);
  return Response.json({ count, shared, meta: Object.keys(import.meta), url: String(import.meta.url), strict: (function () { return this === undefined; })() });
} };`,
    calls: fetches("/a", "/b", "/c"),
  },
};
