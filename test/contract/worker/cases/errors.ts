// What becomes of errors: thrown, rejected, unhandled, before anything runs, and of work that would never end.
import type { Call, WorkerCases } from "../case.ts";

const fetches = (...paths: string[]): Call[] => paths.map((path) => ({ fetch: path }));

export const errors: WorkerCases = {
  "answers 500 for a throw": {
    source: `
class Own extends Error { name = "Own"; }
class Named extends Error {}
export default { fetch(request) {
  switch (new URL(request.url).pathname) {
    case "/error": throw new Error("plain");
    case "/type": throw new TypeError("typed");
    case "/range": throw new RangeError("ranged");
    case "/syntax": throw new SyntaxError("spelt");
    case "/empty": throw new Error();
    case "/own": throw new Own("of its own");
    case "/class": throw new Named("of its class");
    case "/cause": throw new Error("outer", { cause: new Error("inner") });
    case "/dom": throw new DOMException("odd", "AbortError");
    case "/aggregate": throw new AggregateError([new Error("a")], "many");
    case "/native": return null.property;
    case "/reference": return missing;
    case "/fine": return new Response("fine");
  }
} };`,
    calls: fetches(
      "/error",
      "/type",
      "/range",
      "/syntax",
      "/empty",
      "/own",
      "/class",
      "/cause",
      "/dom",
      "/aggregate",
      "/native",
      "/reference",
      "/fine",
    ),
  },
  "answers 500 for a rejection, as for a throw": {
    source: `
export default { async fetch(request) {
  await scheduler.wait(1);
  switch (new URL(request.url).pathname) {
    case "/error": throw new TypeError("later");
    case "/reject": return Promise.reject(new RangeError("rejected"));
    case "/json": return Response.json(await new Response("{oops").json());
    case "/number": return 5;
    case "/undefined": return;
    case "/fine": return new Response("fine");
  }
} };`,
    calls: fetches("/error", "/reject", "/number", "/undefined", "/fine"),
  },
  "answers 500 for what is thrown and is no error": {
    source: `
export default { async fetch(request) {
  switch (new URL(request.url).pathname) {
    case "/text": throw "text";
    case "/number": throw 5;
    case "/null": throw null;
    case "/undefined": throw undefined;
    case "/object": throw { message: "like an error", name: "Like" };
    case "/response": throw new Response("thrown", { status: 403 });
  }
} };`,
    calls: fetches("/text", "/number", "/null", "/undefined", "/object", "/response"),
  },
  "lives on after unhandled rejections and throws in timers": {
    source: `
let requests = 0;
const seen = [];
addEventListener("unhandledrejection", (event) => seen.push(["unhandledrejection", event.reason?.message ?? String(event.reason)]));
addEventListener("error", (event) => seen.push(["error", event.message]));
export default { async fetch(request, env, ctx) {
  requests++;
  switch (new URL(request.url).pathname) {
    case "/reject": Promise.reject(new Error("nobody listens")); return new Response("answered");
    case "/timer": setTimeout(() => { throw new TypeError("in a timer"); }, 5); await scheduler.wait(20); return new Response("answered");
    case "/microtask": queueMicrotask(() => { throw new RangeError("in a microtask"); }); await scheduler.wait(5); return new Response("answered");
    case "/async-timer": setTimeout(async () => { throw new Error("async timer"); }, 1); await scheduler.wait(20); return new Response("answered");
    case "/handled": { const late = Promise.reject(new Error("caught in time")); late.catch(() => {}); return new Response("answered"); }
    case "/requests": return Response.json(requests);
    case "/seen": await scheduler.wait(10); return Response.json(seen.filter(([kind]) => kind === "unhandledrejection"));
  }
} };`,
    calls: fetches(
      "/reject",
      "/requests",
      "/timer",
      "/requests",
      "/microtask",
      "/requests",
      "/async-timer",
      "/handled",
      "/requests",
      "/seen",
    ),
  },
  "ends a handler that would never answer": {
    source: `
let requests = 0;
export default { async fetch(request, env, ctx) {
  requests++;
  switch (new URL(request.url).pathname) {
    case "/never": return new Promise(() => {});
    case "/after-wait": await scheduler.wait(10); await new Promise(() => {}); return new Response("never");
    case "/waits": ctx.waitUntil(new Promise(() => {})); return new Response("answered");
    case "/requests": return Response.json(requests);
  }
} };`,
    calls: fetches("/never", "/requests", "/after-wait", "/waits", "/requests"),
  },
  "refuses at global scope what needs a request": {
    source: `
const said = async (work) => { try { const value = await work(); return "fine"; } catch (error) { return error.name + ": " + error.message; } };
const found = Promise.all([
  said(() => fetch("http://127.0.0.1:1/")), said(() => setTimeout(() => {}, 1)), said(() => setInterval(() => {}, 1)),
  said(() => crypto.getRandomValues(new Uint8Array(1))), said(() => crypto.randomUUID()), said(() => caches.default.match("http://a/")),
  said(() => new Response("body")), said(() => Math.random()), said(() => Date.now()), said(() => new Headers()),
  said(() => performance.now()), said(() => new URL("http://a/")), said(() => new Request("http://a/")), said(() => structuredClone({})),
]);
export default { async fetch() { return Response.json(await found); } };`,
    calls: fetches("/"),
  },
  "allows code from texts at start only": {
    source: `
const said = (work) => { try { return String(work()); } catch (error) { return error.name + ": " + error.message; } };
const atStart = [said(() => eval("1 + 1")), said(() => new Function("return 3")()), said(() => Function("a", "return a * 2")(4))];
export default { async fetch(request) {
  switch (new URL(request.url).pathname) {
    case "/start": return Response.json(atStart);
    case "/eval": return Response.json(said(() => eval("1 + 1")));
    case "/function": return Response.json([said(() => new Function("return 3")()), said(() => (async () => {}).constructor("return 1"))]);
    case "/indirect": return Response.json(said(() => (0, eval)("2")));
    case "/wasm": return Response.json(await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).then(() => "compiled", (error) => error.name + ": " + error.message));
  }
} };`,
    calls: fetches("/start", "/eval", "/function", "/indirect", "/wasm"),
  },
  "allows eval at no time before its date": {
    compatibilityDate: "2025-05-31",
    source: `
const said = (work) => { try { return String(work()); } catch (error) { return error.name + ": " + error.message; } };
const atStart = said(() => eval("1 + 1"));
export default { fetch: () => Response.json([atStart, said(() => eval("1 + 1"))]) };`,
    calls: fetches("/"),
  },
  "does not start when its top level throws": {
    source: `throw new RangeError("at start"); export default { fetch: () => new Response("never") };`,
    calls: fetches("/"),
  },
  "does not start when a module is missing": {
    source: `import { lost } from "./lost.js"; export default { fetch: () => new Response(lost) };`,
    calls: fetches("/"),
  },
  "does not start when its syntax is wrong": {
    source: `export default { fetch() { return new Response("never" } };`,
    calls: fetches("/"),
  },
  "does not start when a name is not exported": {
    modules: { "lib.js": { type: "ESModule", contents: "export const there = 1;" } },
    source: `import { missing } from "./lib.js"; export default { fetch: () => new Response(missing) };`,
    calls: fetches("/"),
  },
  "awaits at the top level": {
    source: `const value = await Promise.resolve("awaited"); export default { fetch: () => new Response(value) };`,
    calls: fetches("/"),
  },
  "breaks off a response whose body fails": {
    source: `
const bytes = (text) => new TextEncoder().encode(text);
export default { async fetch(request) {
  switch (new URL(request.url).pathname) {
    case "/pull": return new Response(new ReadableStream({ pull() { throw new Error("in pull"); } }));
    case "/later": return new Response(new ReadableStream({ async pull(c) { c.enqueue(bytes("a")); await scheduler.wait(10); c.error(new Error("later")); } }));
    case "/number": return new Response(new ReadableStream({ start(c) { c.enqueue(5); c.close(); } }));
    case "/fine": return new Response(new ReadableStream({ start(c) { c.enqueue(bytes("fi")); c.enqueue(bytes("ne")); c.close(); } }));
  }
} };`,
    calls: fetches("/pull", "/fine", "/later", "/number", "/fine"),
  },
};
