// `cloudflare:workers` and its kin: the env and context without a handler's arguments, entrypoints, calls between them.
import type { WorkerCases } from "../case.ts";
import { routed } from "./routed.ts";

const ENTRYPOINTS = `
import { WorkerEntrypoint, RpcTarget, RpcStub } from "cloudflare:workers";
class Counter extends RpcTarget {
  #n = 0;
  plain = 1;
  inc(by = 1) { return (this.#n += by); }
  get value() { return this.#n; }
  self() { return this; }
}
export class Named extends WorkerEntrypoint {
  field = 5;
  static st() { return 1; }
  async fetch(request) { return new Response("named " + request.method + " " + new URL(request.url).pathname + " " + this.env.V, { status: 201, headers: { "x-a": "1" } }); }
  add(a, b) { return a + b; }
  async slow() { await 0; return "slow"; }
  date() { return new Date(5); }
  map() { return new Map([[1, { a: new Set([1]) }]]); }
  bytes() { return new Uint8Array([1, 2]); }
  big() { return 10n; }
  undef() {}
  nested() { return { deep: { v: [1, { w: 2 }] } }; }
  throws() { throw new TypeError("bad type"); }
  throwsOwn() { class Own extends Error { constructor(m) { super(m); this.name = "Own"; this.code = 7; } } throw new Own("mine"); }
  throwsString() { throw "text"; }
  async rejects() { throw new RangeError("later"); }
  fn() { return (x) => x * 2; }
  target() { return new Counter(); }
  get prop() { return 42; }
  obj() { return { a: 1, f: (x) => x + 1 }; }
  cls() { return new (class Foo { a = 1; })(); }
  sym() { return Symbol("x"); }
  self() { return this; }
  error() { return new RangeError("returned"); }
  async call(f) { return await f(3); }
  async use(target) { return [await target.inc(2), await target.value]; }
  types(...given) { return given.map((value) => typeof value); }
  who() { return [this.constructor.name, this instanceof Named, typeof this.ctx.waitUntil, this.ctx.props]; }
  stream() { return new Blob(["streamed"]).stream(); }
  response() { return new Response("made", { status: 202 }); }
  url(request) { return request.url; }
}
export class NoFetch extends WorkerEntrypoint { hi() { return "hi"; } }
export const plain = { async fetch() { return new Response("plain"); }, hey(x) { return "hey " + x; } };
`;

export const workersModule: WorkerCases = {
  "has the env at its top level": routed({
    top: `import { env, waitUntil, exports } from "cloudflare:workers";
const early = { v: env.V, keys: Object.keys(env).filter((name) => name !== "OUTSIDE"), exports: Object.keys(exports) };
try { waitUntil(1); } catch (error) { early.waitUntil = error.message; }`,
    vars: { V: { a: 1 }, S: "text" },
    observe: {
      early: "early",
      value: "[env.V, env.S, env.NOPE === undefined]",
      same: "(await import('cloudflare:workers')).env.V === env.V",
      has: "['V' in env, 'NOPE' in env]",
      prototype: "Object.prototype.toString.call(env)",
      descriptor: "Object.getOwnPropertyDescriptor(env, 'S')",
    },
  }),
  "sees in its imported env what is done to the handler's": routed({
    top: `import { env as imported } from "cloudflare:workers";`,
    vars: { S: "text" },
    observe: {
      set: "(env.NEW = 1, imported.NEW)",
      later: "[env.NEW, imported.NEW]",
      other: "(imported.OTHER = 2, env.OTHER)",
      deleted: "[delete imported.NEW, 'NEW' in env]",
      keys: "Object.keys(imported).filter((name) => name !== 'OUTSIDE')",
      same: "imported === env",
    },
  }),
  "overrides env and exports during a call": routed({
    top: `import { env as imported, exports, withEnv, withExports, withEnvAndExports } from "cloudflare:workers";`,
    vars: { S: "text" },
    observe: {
      sync: "withEnv({ S: 'other' }, () => [imported.S, env.S])",
      async:
        "withEnv({ S: 'late' }, async () => { await 0; await new Promise((done) => setTimeout(done, 1)); return imported.S; })",
      after: "imported.S",
      nested: "withEnv({ S: 1, T: 1 }, () => withEnv({ S: 2 }, () => [imported.S, imported.T === undefined]))",
      keys: "withEnv({ A: 1 }, () => Object.keys(imported))",
      number: "withEnv(5, () => imported.S)",
      exports: "withExports({ Q: 1 }, () => [exports.Q, Object.keys(exports)])",
      both: "withEnvAndExports({ S: 1 }, { Q: 2 }, () => [imported.S, exports.Q])",
      throws: "withEnv({}, () => { throw new TypeError('out'); })",
    },
  }),
  "hands work on to the invocation": routed({
    top: `import { waitUntil } from "cloudflare:workers"; let done = 0;`,
    observe: {
      value: "waitUntil(5)",
      promise: "waitUntil(Promise.resolve().then(() => done++))",
      nothing: "waitUntil()",
      done: "done",
    },
  }),
  "exports these names": routed({
    top: `import * as workers from "cloudflare:workers"; import * as email from "cloudflare:email"; import * as workflows from "cloudflare:workflows"; import * as node from "cloudflare:node";`,
    observe: {
      workers: "Object.keys(workers).map((name) => name + ' ' + typeof workers[name])",
      email: "Object.keys(email)",
      workflows: "Object.keys(workflows)",
      node: "Object.keys(node)",
      default: "'default' in workers",
    },
  }),
  "makes the base classes, as far as they can be made": routed({
    top: `import { WorkerEntrypoint, DurableObject, WorkflowEntrypoint, RpcTarget, RpcStub, RpcPromise, RpcProperty, ServiceStub } from "cloudflare:workers";
class Entry extends WorkerEntrypoint { hi() { return "hi"; } }
class Mine extends DurableObject {}
class Flow extends WorkflowEntrypoint { run() { return "run"; } }
class Target extends RpcTarget { go() { return "go"; } }`,
    vars: { V: 1 },
    observe: {
      entry:
        "(() => { const entry = new Entry(ctx, { A: 1 }); return [entry.hi(), entry.env.A, entry.ctx === ctx, Object.keys(entry)]; })()",
      "entry-bare": "new Entry()",
      "entry-number": "new Entry(5)",
      "object-bare": "new Mine()",
      object: "new Mine(ctx, env)",
      flow: "new Flow(ctx, env).run()",
      target: "new Target().go()",
      promise: "new RpcPromise()",
      property: "new RpcProperty()",
      service: "new ServiceStub()",
      "stub-target": "new RpcStub(new Target()).go()",
      "stub-function": "new RpcStub((x) => x + 1)(1)",
      prototypes:
        "[Object.getPrototypeOf(Target.prototype) === RpcTarget.prototype, new Target() instanceof RpcTarget]",
    },
  }),
  "calls the methods of its own entrypoints": routed({
    top: ENTRYPOINTS,
    vars: { V: "v" },
    services: { NAMED: "Named", PLAIN: "plain", SELF: "" },
    observe: {
      add: "ctx.exports.Named.add(1, 2)",
      slow: "ctx.exports.Named.slow()",
      date: "(await ctx.exports.Named.date()).getTime()",
      map: "[...(await ctx.exports.Named.map())].map(([key, { a }]) => [key, [...a]])",
      bytes: "[...(await ctx.exports.Named.bytes())]",
      big: "String(await ctx.exports.Named.big())",
      undef: "typeof (await ctx.exports.Named.undef())",
      nested: "ctx.exports.Named.nested()",
      error:
        "(async () => { const error = await ctx.exports.Named.error(); return [error instanceof RangeError, error.message]; })()",
      who: "ctx.exports.Named.who()",
      props: "ctx.exports.Named({ props: { p: 1 } }).who()",
      types: "ctx.exports.Named.types(1, 'a', undefined, null, () => 1, {}, [1], new Date(0))",
      service: "env.NAMED.add(2, 3)",
      plain: "ctx.exports.plain.hey('you')",
      "plain-service": "env.PLAIN.hey('you')",
      "no-fetch": "ctx.exports.NoFetch.hi()",
      kinds: "[typeof ctx.exports.Named, typeof env.NAMED, String(env.NAMED), String(ctx.exports.Named)]",
      missing: "typeof ctx.exports.Missing",
      json: "JSON.stringify({ service: env.NAMED })",
    },
  }),
  "tells what a method has thrown": routed({
    top: ENTRYPOINTS,
    observe: {
      throws: "ctx.exports.Named.throws()",
      own: "ctx.exports.Named.throwsOwn()",
      string: "ctx.exports.Named.throwsString()",
      rejects: "ctx.exports.Named.rejects()",
      nope: "ctx.exports.Named.nope()",
      field: "ctx.exports.Named.field()",
      static: "ctx.exports.Named.st()",
      env: "ctx.exports.Named.env()",
      ctx: "ctx.exports.Named.ctx()",
      getter: "ctx.exports.Named.prop()",
      dup: "ctx.exports.Named.dup()",
      tail: "ctx.exports.Named.tail()",
      class: "ctx.exports.Named.cls()",
      symbol: "ctx.exports.Named.sym()",
      self: "ctx.exports.Named.self()",
      "argument-class": "ctx.exports.Named.types(new (class Foo {})())",
      "argument-symbol": "ctx.exports.Named.types(Symbol('q'))",
      called: "ctx.exports.Named()",
    },
  }),
  "passes functions, targets and streams": routed({
    top: ENTRYPOINTS,
    observe: {
      function:
        "(async () => { const f = await ctx.exports.Named.fn(); return [typeof f, f instanceof RpcStub, await f(4)]; })()",
      target:
        "(async () => { const c = await ctx.exports.Named.target(); return [await c.inc(), await c.inc(5), await c.value, c instanceof RpcStub]; })()",
      "target-field": "(async () => { const c = await ctx.exports.Named.target(); return await c.plain; })()",
      "target-missing": "(async () => { const c = await ctx.exports.Named.target(); return await c.nope(); })()",
      pipelined: "ctx.exports.Named.target().inc(3)",
      "pipelined-part": "ctx.exports.Named.nested().deep.v",
      "pipelined-function": "ctx.exports.Named.obj().f(1)",
      property: "ctx.exports.Named.prop",
      "property-field": "ctx.exports.Named.field",
      "property-missing": "ctx.exports.Named.nope",
      callback: "ctx.exports.Named.call((x) => x + 1)",
      "callback-throws": "ctx.exports.Named.call(() => { throw new TypeError('mine'); })",
      "own-target": "ctx.exports.Named.use(new Counter())",
      stream: "new Response(await ctx.exports.Named.stream()).text()",
      response:
        "(async () => { const made = await ctx.exports.Named.response(); return [made.status, await made.text()]; })()",
      request: "ctx.exports.Named.url(new Request('http://a.example/b'))",
    },
  }),
  "fetches from its own entrypoints": routed({
    top: ENTRYPOINTS,
    vars: { V: "v" },
    services: { NAMED: "Named", PLAIN: "plain" },
    observe: {
      exports: "(await ctx.exports.Named.fetch('http://q.example/z', { method: 'PUT' })).text()",
      service: "(await env.NAMED.fetch(new Request('http://q.example/z'))).text()",
      answer:
        "(async () => { const answer = await env.NAMED.fetch('http://q.example/'); return [answer.status, answer.headers.get('x-a')]; })()",
      plain: "(await env.PLAIN.fetch('http://q.example/')).text()",
      none: "ctx.exports.NoFetch.fetch('http://q.example/')",
    },
  }),
  "has exports, also as an import": routed({
    top: `${ENTRYPOINTS} import { exports } from "cloudflare:workers";`,
    observe: {
      names: "Object.keys(ctx.exports).sort()",
      imported: "Object.keys(exports).sort()",
      call: "exports.Named.add(1, 1)",
    },
  }),
  "has no exports before 2025-11-17": {
    source: `import { WorkerEntrypoint } from "cloudflare:workers";
export class Named extends WorkerEntrypoint {}
export default { fetch(request, env, ctx) { return Response.json([Object.keys(ctx), typeof ctx.exports]); } };`,
    compatibilityDate: "2025-11-16",
    calls: [{ fetch: "/" }],
  },
  "can have a class as its default export": {
    source: `import { WorkerEntrypoint, env } from "cloudflare:workers";
let made = 0;
export default class extends WorkerEntrypoint {
  number = ++made;
  own(x) { return "own " + x; }
  async fetch(request) {
    if (new URL(request.url).pathname === "/own") return new Response(await this.ctx.exports.default.own(1));
    return Response.json([this.number, Object.keys(this), this.env.V, env.V]);
  }
  scheduled(controller) { this.env.V = controller.cron; }
}`,
    vars: { V: "v" },
    calls: [{ fetch: "/" }, { fetch: "/" }, { fetch: "/own" }, { scheduled: { cron: "1 2 3 4 5" } }, { fetch: "/" }],
  },
  "has plain mails and errors": routed({
    top: `import { EmailMessage } from "cloudflare:email"; import { NonRetryableError } from "cloudflare:workflows";`,
    observe: {
      mail: "(() => { const mail = new EmailMessage('a@b.example', 'c@d.example', 'raw'); return [mail.from, mail.to]; })()",
      error:
        "(() => { const error = new NonRetryableError('m'); return [error.name, error.message, error instanceof Error, String(error)]; })()",
      named: "String(new NonRetryableError('m', 'Own'))",
      bare: "String(new NonRetryableError())",
    },
  }),
};
