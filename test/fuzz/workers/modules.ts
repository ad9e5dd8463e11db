// What a Worker does while it loads: changed globals, trouble at the top level, and exports that are no Worker.
import type { Chance } from "../random.ts";
import type { Piece } from "./statements.ts";
import { THROWN } from "./values.ts";

const PATCHED = [
  ...["Array.prototype.map", "Array.prototype.push", "Array.prototype.includes", "Array.prototype.filter"],
  ...[
    "Array.prototype[Symbol.iterator]",
    "Map.prototype.get",
    "Map.prototype.set",
    "Map.prototype.delete",
    "Set.prototype.add",
  ],
  ...["Promise.prototype.then", "Promise.prototype.finally", "Promise.resolve", "Promise.all", "Promise.withResolvers"],
  ...["JSON.parse", "JSON.stringify", "Object.entries", "Object.fromEntries", "Object.defineProperty", "Object.assign"],
  ...["Reflect.get", "Reflect.apply", "Function.prototype.call", "Function.prototype.apply", "Function.prototype.bind"],
  ...["String.prototype.replaceAll", "String.prototype.replace", "String.prototype.slice", "RegExp.prototype.exec"],
  ...["RegExp.prototype.test", "Math.max", "Number.isFinite", "Symbol.prototype.toString", "Error.captureStackTrace"],
  ...[
    "EventTarget.prototype.addEventListener",
    "EventTarget.prototype.dispatchEvent",
    "AbortController.prototype.abort",
  ],
  ...["TextEncoder.prototype.encode", "TextDecoder.prototype.decode", "ReadableStream.prototype.getReader"],
  ...[
    "ReadableStream.prototype.pipeThrough",
    "Headers.prototype.get",
    "Response.prototype.text",
    "URL.prototype.toString",
  ],
  ...[
    "Uint8Array.prototype.set",
    "Uint8Array.prototype.slice",
    "Date.now",
    "performance.now",
    "Atomics.add",
    "WeakMap.prototype.get",
  ],
  ...[
    "globalThis.Promise",
    "globalThis.Response",
    "globalThis.Request",
    "globalThis.URL",
    "globalThis.Headers",
    "globalThis.Error",
  ],
  ...[
    "globalThis.setTimeout",
    "globalThis.queueMicrotask",
    "globalThis.structuredClone",
    "globalThis.Object",
    "globalThis.Array",
  ],
  ...[
    "globalThis.AbortController",
    "globalThis.TextEncoder",
    "globalThis.ReadableStream",
    "globalThis.Proxy",
    "globalThis.console",
  ],
];
const TRAPPED = [
  ...[
    "id",
    "type",
    "status",
    "then",
    "body",
    "kind",
    "value",
    "get",
    "set",
    "toJSON",
    "message",
    "signal",
    "name",
    "answer",
  ],
  ...["constructor", "length", "0", "enumerable", "usage", "code", "transfer"],
];

const TOP_LEVEL: Record<string, (thrown: string, chance: Chance) => Piece> = {
  patch: (thrown, chance) => {
    const value = chance.pick([
      "() => { throw 1 }",
      "undefined",
      "null",
      `() => (${thrown})`,
      "function () { return this }",
      "() => { for (;;); }",
    ]);
    return { code: `try { ${chance.pick(PATCHED)} = ${value} } catch {}`, poison: true, deadly: true };
  },
  trap: (thrown, chance) => {
    const name = chance.pick(TRAPPED);
    const kind = chance.pick([
      `get() { throw ${thrown} }, set() { throw 1 }`,
      "get() { return this }, set() {}",
      "value: 1, writable: false",
    ]);
    return {
      code: `Object.defineProperty(Object.prototype, "${name}", { configurable: true, ${kind} })`,
      poison: true,
      deadly: true,
    };
  },
  traces: (thrown, chance) => ({
    code: chance.pick([
      `Error.prepareStackTrace = () => { throw ${thrown} }`,
      "Error.stackTraceLimit = 1e9",
      "Error.prepareStackTrace = () => 'x'.repeat(10_000_000)",
      "Error.prototype.toString = () => { throw 1 }",
    ]),
    poison: true,
    deadly: true,
  }),
  throw: (thrown) => ({ code: `throw ${thrown}`, poison: true }),
  reject: (thrown) => ({ code: `await Promise.reject(${thrown})`, poison: true }),
  "leave a rejection": (thrown) => ({ code: `Promise.reject(${thrown})`, deadly: true }),
  "throw by chance": (thrown) => ({ code: `if (Date.now() % 2) throw ${thrown}`, poison: true }),
  "wait for ever": () => ({ code: "await new Promise(() => {})", poison: true, deadly: true }),
  spin: () => ({ code: "for (;;);", poison: true, deadly: true }),
  exit: () => ({ code: "globalThis.process?.exit?.(0)", poison: true, deadly: true }),
  print: (thrown) => ({ code: `console.log(${thrown}); for (let n = 0; n < 1000; n++) console.log('top', n)` }),
  "a timer": (thrown) => ({ code: `try { setTimeout(() => { throw ${thrown} }, 1) } catch {}`, deadly: true }),
  hold: () => ({ code: "const held = []; for (;;) held.push(new Array(1e5).fill(1))", poison: true, deadly: true }),
};

export function makeTopLevel(chance: Chance): Piece & { name: string } {
  // What is patched matters most: every other piece has one way to go wrong, this has hundreds.
  const name = chance.maybe(0.6) ? chance.pick(["patch", "patch", "trap"]) : chance.pick(Object.keys(TOP_LEVEL));
  const make = TOP_LEVEL[name] as (thrown: string, chance: Chance) => Piece;
  return { name: `top level: ${name}`, ...make(`(${chance.pick(THROWN)})`, chance) };
}

/** `body` is that of a handler with these three parameters. */
export const EXPORTS: Record<string, (body: string) => string> = {
  object: (body) => `export default { async fetch(request, env, ctx) { ${body} } }`,
  plain: (body) => `export default { fetch(request, env, ctx) { return (async () => { ${body} })() } }`,
  class: (body) => `import { WorkerEntrypoint } from "cloudflare:workers";
    export default class extends WorkerEntrypoint { async fetch(request) { const { env, ctx } = this; ${body} } }`,
  frozen: (body) => `export default Object.freeze({ fetch: Object.freeze(async (request, env, ctx) => { ${body} }) })`,
  proxy: (body) => `export default new Proxy({ async fetch(request, env, ctx) { ${body} } }, {})`,
  getter: (body) => `export default { get fetch() { return async (request, env, ctx) => { ${body} } } }`,
};

/** These are no Workers: each is refused at the start, or every video of it fails. */
export const NO_WORKERS: Record<string, string> = {
  "a proxy that throws":
    "export default new Proxy({}, { get() { throw 1 }, has() { throw 2 }, ownKeys() { throw 3 } })",
  "a function": "export default function () {}",
  "a class": "export default class { async fetch() { return Response.json(1) } }",
  "a class that throws": "export default class { constructor() { throw new Error('made') } async fetch() {} }",
  "a generator": "export default { async *fetch() { yield Response.json(1) } }",
  "a plain generator": "export default { *fetch() { yield Response.json(1) } }",
  "a getter that throws": "export default { get fetch() { throw new Error('got') } }",
  "a getter that spins": "export default { get fetch() { for (;;); } }",
  "a fetch that is none": "export default { fetch: 5 }",
  "a fetch that is a class": "export default { fetch: class {} }",
  "a bound proxy": "export default { fetch: new Proxy(() => {}, { apply() { throw 1 } }) }",
  null: "export default null",
  "a number": "export default 5",
  "a promise": "export default Promise.resolve({ fetch: () => Response.json(1) })",
  nothing: "export const fetch = 1",
  "no code": "this is not JavaScript",
  "an import of nothing": 'import "./not-there.mjs"; export default {}',
};
