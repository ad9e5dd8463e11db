// What a Worker does before it answers, or instead: statements in an async handler with `request`, `env` and `ctx`.
import type { Chance } from "../random.ts";
import { PRINTED, THROWN } from "./values.ts";

export interface Piece {
  code: string;
  /** Ends the thread, or holds it up until it is ended; where the Worker is in the instance, this is the instance's. */
  deadly?: boolean;
  /** Changes what the healthy video finds in the same thread. */
  poison?: boolean;
  /** Needs all of Node. */
  node?: boolean;
}

const fixed = (code: string) => () => ({ code });
const deadly = (code: string) => () => ({ code, deadly: true });

type Make = (thrown: string, chance: Chance) => Piece;

/** Names the kinds, so that a finding can be told in a word. */
export const STATEMENTS: Record<string, Make> = {
  throw: (thrown) => ({ code: `throw ${thrown}` }),
  "throw after a while": (thrown) => ({ code: `await scheduler.wait(5); throw ${thrown}` }),
  "await a rejection": (thrown) => ({ code: `await Promise.reject(${thrown})` }),
  "leave a rejection": (thrown) => ({ code: `Promise.reject(${thrown})`, deadly: true }),
  "leave many rejections": (thrown) => ({
    code: `for (let n = 0; n < 3000; n++) Promise.reject(${thrown})`,
    deadly: true,
  }),
  "throw in a timer": (thrown) => ({
    code: `setTimeout(() => { throw ${thrown} }, 1); await scheduler.wait(5)`,
    deadly: true,
  }),
  "throw in a timer, later": (thrown) => ({ code: `setTimeout(() => { throw ${thrown} }, 20)`, deadly: true }),
  "throw in a microtask": (thrown) => ({ code: `queueMicrotask(() => { throw ${thrown} })`, deadly: true }),
  "reject in waitUntil": (thrown) => ({ code: `ctx.waitUntil(Promise.reject(${thrown}))` }),
  "reject often in waitUntil": (thrown) => ({
    code: `for (let n = 0; n < 20_000; n++) ctx.waitUntil(Promise.reject(${thrown.length > 60 ? 1 : thrown}))`,
  }),
  "odd thenable in waitUntil": (thrown, chance) => ({ code: `ctx.waitUntil(${thenable(thrown, chance)})` }),
  "await an odd thenable": (thrown, chance) => ({ code: `await ${thenable(thrown, chance)}`, deadly: true }),
  "wait for ever": deadly("await new Promise(() => {})"),
  "wait for ever in waitUntil": deadly("ctx.waitUntil(new Promise(() => {}))"),
  "wait for very long": deadly("await scheduler.wait(1e8)"),
  spin: deadly("for (;;);"),
  "spin in a getter": deadly("throw { get message() { for (;;); }, name: 'n' }"),
  "spin in a stack": deadly(`throw Object.defineProperty(new Error("x"), "stack", { get() { for (;;); } })`),
  "spin while printing": deadly("console.log({ [Symbol.for('nodejs.util.inspect.custom')]() { for (;;); } })"),
  "spin when stopped": deadly(
    "request.signal.addEventListener('abort', () => { for (;;); }); await scheduler.wait(1e8)",
  ),
  "throw when stopped": (thrown) => ({
    code: `request.signal.addEventListener('abort', () => { throw ${thrown} }); await scheduler.wait(1e8)`,
    deadly: true,
  }),
  "spin in a regular expression": deadly(`/^(a+)+$/.test("a".repeat(40) + "b")`),
  "endless microtasks": deadly("await new Promise(() => { (function again() { queueMicrotask(again) })() })"),
  "endless awaits": deadly("for (;;) await null"),
  "endless short waits": deadly("for (;;) await scheduler.wait(0)"),
  "endless recursion": fixed("(function again() { again() })()"),
  "endless recursion of promises": fixed("await (async function again() { await again() })()"),
  "a storm of timers": deadly(
    "for (let n = 0; n < 100_000; n++) setTimeout(() => {}, n % 50); await scheduler.wait(60)",
  ),
  "timers without end": deadly("setInterval(() => {}, 0); setInterval(() => { console.log('tick') }, 1)"),
  "timers that make timers": deadly(
    "(function again() { setTimeout(again, 0); setTimeout(() => {}, 1e6) })(); await scheduler.wait(50)",
  ),
  exit: deadly("globalThis.process?.exit?.(3); (await import('node:process')).exit(3)"),
  "exit later": deadly("const { exit } = await import('node:process'); setTimeout(() => exit(0), 5)"),
  "abort itself": deadly(
    "const p = await import('node:process'); p.reallyExit?.(1); p.default?.emit?.('beforeExit', 0)",
  ),
  "hold arrays": deadly("const all = []; for (;;) all.push(new Array(100_000).fill(all.length))"),
  "hold buffers": deadly("const all = []; for (;;) { all.push(new Uint8Array(4e6).fill(1)); await null }"),
  "hold texts": deadly(
    "let all = 'x'; const texts = []; for (;;) { texts.push(all + texts.length); all += texts.at(-1).slice(0, 1e5) }",
  ),
  "hold promises": deadly(
    "const all = []; for (;;) { all.push(new Promise(() => {})); if (all.length % 1e4 === 0) await null }",
  ),
  "one large buffer": deadly("globalThis.kept = new Uint8Array(220e6).fill(1); await scheduler.wait(300)"),
  "an impossible buffer": fixed("new Uint8Array(2 ** 52)"),
  "an impossible text": fixed(`"x".repeat(2 ** 30)`),
  print: (_thrown, chance) => ({
    code: `console.${chance.pick(["log", "error", "warn", "debug", "dir", "table", "trace"])}(${chance.pick(PRINTED)})`,
    deadly: true,
  }),
  "print what can be thrown": (thrown) => ({ code: `console.log(${thrown}, [${thrown}], { a: ${thrown} })` }),
  "print without end": deadly("for (let n = 0; ; n++) console.log('line', n, 'x'.repeat(1000))"),
  "print very often": fixed("for (let n = 0; n < 100_000; n++) console.log('line', n)"),
  "break the console": (thrown) => ({
    code: `console.log = () => { throw ${thrown} }; console.error = null; console.log(1)`,
    poison: true,
  }),
  "evaluate text": fixed(`eval("1")`),
  "make a function of text": deadly(`new Function("return process")().exit(3)`),
  "import text": fixed(`await import("data:text/javascript,for(;;);")`),
  "import what is not there": fixed(`await import("node:no-such-thing")`),
  "compile nonsense": fixed("await WebAssembly.compile(new Uint8Array(8))"),
  finalizers: (thrown) => ({
    code: `globalThis.registry = new FinalizationRegistry(() => { throw ${thrown} });
      for (let n = 0; n < 2000; n++) { registry.register({ n }, n); new WeakRef({ n }) }
      for (let n = 0; n < 30; n++) { new Array(1e5).fill(n); await scheduler.wait(1) }`,
    deadly: true,
  }),
  "getters on env and ctx": (thrown) => ({
    code: `for (const held of [env, ctx, Object.getPrototypeOf(ctx)]) for (const name of ["waitUntil", "props", "X", "then", "toString"])
      try { Object.defineProperty(held, name, { configurable: true, get() { throw ${thrown} } }) } catch {}`,
    poison: true,
  }),
  "no prototypes": fixed(
    "Object.setPrototypeOf(ctx, null); Object.setPrototypeOf(request, null); Object.setPrototypeOf(env, null)",
  ),
  "freeze all": () => ({
    code: "for (const name of Object.getOwnPropertyNames(globalThis)) try { Object.freeze(globalThis[name]) } catch {} Object.freeze(env); Object.freeze(ctx)",
    poison: true,
  }),
  "read the body twice": fixed("await request.text(); await request.text()"),
  "cancel the body": fixed("await request.body?.cancel(); request.body?.getReader().read()"),
  "clone without reading": fixed("for (let n = 0; n < 100; n++) request.clone()"),
  "fetch nowhere": fixed(`await fetch("http://127.0.0.1:1/").catch(() => 0); await fetch("nonsense")`),
  "fetch itself": fixed("await fetch(request)"),
  "ask the database nonsense": fixed(`await env.DB.prepare("NO SUCH " + "x".repeat(1e6)).bind(Symbol()).run()`),
  "ask the database much": fixed(
    `await Promise.all(Array.from({ length: 2000 }, () => env.DB.prepare("SELECT 1").run()))`,
  ),
  "ask for too many rows": fixed(
    `await env.DB.prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i, 'xxxxxxxxxxxxxxx' FROM n").all()`,
  ),
  "listen to rejections": (thrown) => ({
    code: `addEventListener("unhandledrejection", (event) => { throw ${thrown} }); Promise.reject(${thrown})`,
    deadly: true,
  }),
  "dispatch events": (thrown) => ({
    code: `addEventListener("x", () => { throw ${thrown} }); dispatchEvent(new Event("x")); dispatchEvent({})`,
    deadly: true,
  }),
  "lie to the host": (_thrown, chance) => ({
    code: `const { parentPort } = await import("node:worker_threads"); parentPort?.postMessage(${chance.pick(LIES)})`,
    node: true,
    deadly: true,
  }),
  "close the port": () => ({
    code: `const { parentPort } = await import("node:worker_threads"); parentPort?.close(); parentPort?.removeAllListeners()`,
    node: true,
    deadly: true,
  }),
  "hold a lock on a stream": fixed(
    "const s = new TransformStream(); s.readable.getReader(); s.writable.getWriter().write('x'); return new Response(s.readable)",
  ),
};

/** Lies to the host over the thread's own port, as a Worker can that sees all of Node. */
const LIES = [
  ...[
    '{ type: "answer", id: 1, answer: null }',
    '{ type: "answer", id: 1, answer: { status: "x", headers: 5, body: {} } }',
  ],
  ...[
    '{ type: "ended", id: 1, ended: null }',
    '{ type: "ended", id: 1, ended: { usage: null, failures: 5, exception: {} } }',
  ],
  ...[
    '{ type: "log", level: "log", text: 5 }',
    '{ type: "log", level: {}, text: "x" }',
    '{ type: "log", level: "nope", text: "x" }',
  ],
  ...[
    '{ type: "ask", id: 1, question: null }',
    '{ type: "ask", id: 1, question: { kind: "send", queue: 5, messages: 5 } }',
  ],
  ...['{ type: "ask", id: {}, question: { kind: "d1", key: "no", ask: null } }', '{ type: "ready", handlers: 5 }'],
  ...[
    '{ type: "broken", error: null }',
    '{ type: "broken", error: { code: "no", message: {}, fix: 5 } }',
    "null",
    "5",
    '{ type: "nope" }',
  ],
  ...['{ type: "answer", id: 1, answer: { status: 200, headers: [["retry-after", {}]], body: new Uint8Array(3) } }'],
];

function thenable(thrown: string, chance: Chance): string {
  return chance.pick([
    "{ then() {} }",
    "{ then(resolve) { resolve(1); resolve(2) } }",
    `{ then(resolve, reject) { reject(${thrown}); resolve(1) } }`,
    `{ then(resolve, reject) { setTimeout(() => { reject(${thrown}); reject(2) }, 5) } }`,
    `{ then() { throw ${thrown} } }`,
    `{ get then() { throw ${thrown} } }`,
    "{ then(resolve) { resolve(this) } }",
    "{ then(resolve) { resolve({ then: (again) => setTimeout(() => again(1), 5) }) } }",
    "new Proxy({}, { get(_, key) { if (key === 'then') return (f) => f(1); throw 1 } })",
    "Object.assign(Promise.resolve(1), { then: null })",
    `Object.assign(Promise.resolve(1), { then() { throw ${thrown} } })`,
    "new (class extends Promise { then() { return this } })(() => {})",
    "Object.assign(() => {}, { then: (f) => { f(1); throw 2 } })",
  ]);
}

export function makeStatement(chance: Chance): Piece & { name: string } {
  const name = chance.pick(Object.keys(STATEMENTS));
  const make = STATEMENTS[name] as Make;
  return { name, ...make(`(${chance.pick(THROWN)})`, chance) };
}
