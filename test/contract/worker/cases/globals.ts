// The global object: what it says of itself, its events, what it refuses at the top level and in handlers.
import type { WorkerCases } from "../case.ts";
import { routed } from "./http-router.ts";

const withTop = (top: string, paths: string) => {
  const { source, calls } = routed(paths);
  return { source: source.replace("\nexport default", `${top}\nexport default`), calls };
};

export const globals: WorkerCases = {
  "navigator and Cloudflare": routed(`
  "/navigator": async () => [navigator.userAgent, navigator.language, navigator.languages, navigator.hardwareConcurrency, navigator.platform, typeof navigator.sendBeacon, String(navigator)],
  "/fixed": async () => { navigator.userAgent = "x"; },
  "/new": async () => new Navigator(),
  "/lacking": async () => [typeof navigator.onLine, typeof navigator.gpu, typeof navigator.storage],
  "/beacon": async (request, env) => navigator.sendBeacon(env.OUTSIDE + "/echo", "x"),
  "/cloudflare": async () => [Object.keys(Cloudflare), String(Cloudflare), Object.isFrozen(Cloudflare.compatibilityFlags), Object.getPrototypeOf(Cloudflare.compatibilityFlags) === null],
  "/flags": async () => Object.entries(Cloudflare.compatibilityFlags).sort(),
`),
  "older dates have fewer flags": {
    compatibilityDate: "2024-06-01",
    compatibilityFlags: ["web_socket_auto_reply_to_close"],
    ...routed(`
  "/flags": async () => Object.entries(Cloudflare.compatibilityFlags).filter(([, isOn]) => isOn).map(([name]) => name).sort(),
  "/language": async () => navigator.language,
`),
  },
  "events of the global object": routed(`
  "/dispatch": async () => {
    const found = [];
    const listener = (event) => found.push(event.type, event.target === globalThis, event.currentTarget === globalThis);
    addEventListener("one", listener);
    found.push(dispatchEvent(new Event("one")));
    removeEventListener("one", listener);
    dispatchEvent(new Event("one"));
    return found;
  },
  "/throw": async () => { addEventListener("two", () => { throw new Error("listener"); }); return dispatchEvent(new Event("two")); },
  "/once": async () => { let hits = 0; addEventListener("three", () => hits++, { once: true }); dispatchEvent(new Event("three")); dispatchEvent(new Event("three")); return hits; },
  "/object": async () => { let hits = 0; addEventListener("four", { handleEvent() { hits++; } }); dispatchEvent(new Event("four")); return hits; },
  "/prevented": async () => { addEventListener("five", (event) => event.preventDefault()); return dispatchEvent(new Event("five", { cancelable: true })); },
  "/stopped": async () => {
    const found = [];
    addEventListener("six", (event) => { found.push(1); event.stopImmediatePropagation(); });
    addEventListener("six", () => found.push(2));
    dispatchEvent(new Event("six"));
    return found;
  },
  "/signal": async () => {
    const stop = new AbortController();
    let hits = 0;
    addEventListener("seven", () => hits++, { signal: stop.signal });
    dispatchEvent(new Event("seven"));
    stop.abort();
    dispatchEvent(new Event("seven"));
    return hits;
  },
  "/twice": async () => { let hits = 0; const listener = () => hits++; addEventListener("eight", listener); addEventListener("eight", listener); dispatchEvent(new Event("eight")); return hits; },
  "/wrong": async () => each({
    event: () => dispatchEvent("x"), nothing: () => addEventListener("x"), number: () => addEventListener("x", 5), null: () => addEventListener("x", null),
    capture: () => addEventListener("x", () => {}, true),
  }),
  "/again": async () => { const event = new Event("nine"); addEventListener("nine", () => dispatchEvent(event)); return dispatchEvent(event); },
`),
  "errors nobody has caught": routed(`
  "/report": async () => {
    const found = [];
    const listener = (event) => found.push([event.constructor.name, event.message, event.error?.message]);
    addEventListener("error", listener);
    reportError(new TypeError("reported"));
    reportError("text");
    reportError({ a: 1 });
    removeEventListener("error", listener);
    return found;
  },
  "/nothing": async () => reportError(),
  "/microtask": async () => {
    const found = [];
    addEventListener("error", (event) => found.push(event.message), { once: true });
    queueMicrotask(() => { throw new Error("in a microtask"); });
    await scheduler.wait(5);
    return found;
  },
  "/error-event": async () => {
    const event = new ErrorEvent("error", { message: "m", filename: "f", lineno: 1, colno: 2, error: 5 });
    const empty = new ErrorEvent("x");
    return [event.type, event.message, event.filename, event.lineno, event.colno, event.error, event instanceof Event, empty.message, empty.error, empty.lineno];
  },
  "/made": async () => each({ error: () => new ErrorEvent(), rejection: () => new PromiseRejectionEvent("x"), fetch: () => new FetchEvent("fetch", {}), extendable: () => new ExtendableEvent("x"), scheduled: () => new ScheduledEvent("x"), scope: () => new ServiceWorkerGlobalScope() }),
`),
  "the global object": routed(`
  "/self": async () => [self === globalThis, typeof origin, origin, globalThis instanceof ServiceWorkerGlobalScope, typeof WorkerGlobalScope, typeof Body, typeof TailEvent, TraceEvent === TailEvent],
  "/html": async () => typeof HTMLRewriter,
  "/pair": async () => { const { request, response } = new WebSocketRequestResponsePair("a", "b"); return [request, response]; },
  "/console": async () => [typeof console.log, typeof console.table, typeof console.count, console.log("x") === undefined],
`),
  "what Node has and workerd has not": routed(`
  "/node": async () => [typeof process, typeof Buffer, typeof global, typeof setImmediate, typeof clearImmediate],
  "/never": async () => [typeof BroadcastChannel, typeof require, typeof module, typeof localStorage, typeof sessionStorage, typeof __dirname],
  "/performance": async () => [typeof performance, typeof PerformanceEntry, typeof PerformanceObserver],
  "/scope": async () => [String(globalThis), globalThis.constructor.name],
`),
  "what Node compatibility brings back": {
    compatibilityFlags: ["nodejs_compat"],
    ...routed(`
  "/node": async () => [typeof process, typeof Buffer, typeof global, typeof setImmediate, typeof clearImmediate, global === globalThis],
  "/never": async () => [typeof BroadcastChannel, typeof require, typeof localStorage],
  "/performance": async () => [typeof performance, typeof PerformanceEntry, typeof PerformanceObserver],
  "/buffer": async () => [Buffer.from("a").toString("hex"), Buffer.isBuffer(Buffer.alloc(1))],
`),
  },
  "no code from strings in handlers, but while starting": withTop(
    `
const AsyncFunction = (async () => {}).constructor;
const AT_START = [eval("1 + 2"), new Function("return 5")(), await AsyncFunction("return 6")(), eval("AsyncFunction.name")];
const EMPTY = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
const MODULE = new WebAssembly.Module(EMPTY);`,
    `
  "/at-start": async () => AT_START,
  "/eval": async () => eval("1"),
  "/indirect-eval": async () => (0, eval)("1"),
  "/function": async () => new Function("return 1"),
  "/function-call": async () => Function("return 1"),
  "/async-function": async () => AsyncFunction("return 1"),
  "/generator": async () => (function* () {}).constructor("yield 1"),
  "/async-generator": async () => new (async function* () {}).constructor("yield 1"),
  "/by-constructor": async () => (() => {}).constructor("return 1")(),
  "/reflect": async () => Reflect.construct(Function, ["return 1"]),
  "/subclass": async () => { class Made extends Function {} return new Made("return 1"); },
  "/still-functions": async () => [(() => {}) instanceof Function, Function.prototype === Object.getPrototypeOf(() => {}), Function.name, (async () => {}) instanceof AsyncFunction, typeof new Function()],
  "/module": async () => new WebAssembly.Module(EMPTY),
  "/compile": async () => WebAssembly.compile(EMPTY),
  "/instantiate": async () => WebAssembly.instantiate(EMPTY),
  "/validate": async () => WebAssembly.validate(EMPTY),
  "/imported": async () => [(await WebAssembly.instantiate(MODULE)) instanceof WebAssembly.Instance, MODULE instanceof WebAssembly.Module, MODULE.constructor === WebAssembly.Module],
  "/streaming": async () => [typeof WebAssembly.compileStreaming, typeof WebAssembly.instantiateStreaming],
`,
  ),
  "before June 2025 no code from strings at all": {
    compatibilityDate: "2025-05-31",
    ...withTop(
      `const tried = (work) => { try { return work(); } catch (error) { return error.name + ": " + error.message; } };
const AT_START = [tried(() => eval("1")), tried(() => new Function("return 1")())];`,
      `
  "/at-start": async () => AT_START,
`,
    ),
  },
  "what the top level may not do": withTop(
    `
const tried = (work) => { try { return shown(work()); } catch (error) { return error.name + ": " + error.message; } };
const AT_START = {};
for (const [name, work] of Object.entries({
  timeout: () => setTimeout(() => {}, 1), interval: () => setInterval(() => {}, 1), clear: () => clearTimeout(1),
  uuid: () => crypto.randomUUID(), values: () => crypto.getRandomValues(new Uint8Array(1)), digestStream: () => new crypto.DigestStream("MD5"),
  pair: () => new WebSocketPair(), socket: () => new WebSocket("ws://a.test"), rewriter: () => typeof new HTMLRewriter(),
  listener: () => addEventListener("x", () => {}), report: () => reportError(new Error("x")), random: () => typeof Math.random(),
  equal: () => crypto.subtle.timingSafeEqual(new Uint8Array(1), new Uint8Array(1)), source: () => new EventSource("http://a.test"),
})) AT_START[name] = tried(work);
for (const [name, work] of Object.entries({
  wait: () => scheduler.wait(1), match: () => caches.default.match("http://a.test"), open: () => caches.open("a"),
  digest: () => crypto.subtle.digest("SHA-1", new Uint8Array(1)), key: () => crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]),
})) AT_START[name] = await seen(work);`,
    `
  "/at-start": async () => AT_START,
`,
  ),
};
