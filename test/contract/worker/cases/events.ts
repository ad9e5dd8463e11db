// How a Worker's handlers are found and called, what they are given, and what becomes of what they return or throw.
import type { Call, WorkerCases } from "../case.ts";

const fetches = (...paths: string[]): Call[] => paths.map((path) => ({ fetch: path }));
const AT = Date.UTC(2026, 6, 1, 12, 30, 15, 250);
/** A batch for the queue of that name, with three messages unless said otherwise. */
const batch = (queue: string, bodies: unknown[] = ["a", "b", "c"]): Call => ({
  queue,
  messages: bodies.map((body, at) => ({ id: `m${at + 1}`, timestamp: AT, body, attempts: at + 1 })),
});
const batches = (...queues: string[]): Call[] => queues.map((queue) => batch(queue));
const scheduled = (...crons: string[]): Call[] =>
  crons.map((cron) => ({ scheduled: { cron, scheduledTime: Date.UTC(2026, 0, 2, 3, 4, 0) } }));

export const events: WorkerCases = {
  "calls the methods of the default export with env and ctx": {
    vars: { GREETING: "hello" },
    source: `
let seen = [];
const worker = {
  own: "kept",
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/seen") return Response.json(seen);
    return Response.json({
      arguments: arguments.length, own: this.own, self: this === worker, request: request.constructor.name,
      method: request.method, url: request.url, env: env.GREETING, ctx: typeof ctx.waitUntil, redirect: request.redirect,
    });
  },
  async scheduled(controller, env, ctx) {
    seen.push(["scheduled", arguments.length, this === worker, env.GREETING, typeof ctx.waitUntil, controller.cron]);
  },
  async queue(batch, env, ctx) {
    seen.push(["queue", arguments.length, this === worker, env.GREETING, typeof ctx.waitUntil, batch.queue]);
  },
};
export default worker;`,
    calls: [...fetches("/a?b=c"), ...scheduled("* * * * *"), batch("uploads"), ...fetches("/seen")],
  },
  "makes an entrypoint class anew for each event": {
    vars: { GREETING: "hello" },
    source: `
import { WorkerEntrypoint } from "cloudflare:workers";
let made = 0;
const seen = [];
export default class extends WorkerEntrypoint {
  constructor(ctx, env) { super(ctx, env); made++; this.number = made; }
  async fetch(request) {
    if (new URL(request.url).pathname === "/seen") return Response.json(seen);
    return Response.json({ number: this.number, made, arguments: arguments.length, env: this.env.GREETING, ctx: typeof this.ctx.waitUntil });
  }
  async scheduled(controller) { seen.push(["scheduled", this.number, arguments.length, this.env.GREETING, controller.cron]); }
  async queue(batch) { seen.push(["queue", this.number, arguments.length, this.env.GREETING, batch.messages.length]); batch.ackAll(); }
}`,
    calls: [...fetches("/a", "/b"), ...scheduled("0 0 * * *"), batch("uploads"), ...fetches("/seen")],
  },
  "calls an entrypoint class that defines its constructor's fields or throws there": {
    source: `
import { WorkerEntrypoint } from "cloudflare:workers";
export default class Api extends WorkerEntrypoint {
  started = this.env.OUTSIDE.startsWith("http");
  constructor(ctx, env) {
    super(ctx, env);
    if (globalThis.broken) throw new RangeError("not today");
  }
  fetch(request) {
    if (new URL(request.url).pathname === "/break") globalThis.broken = true;
    return Response.json({ started: this.started, name: this.constructor.name, tag: Object.prototype.toString.call(this.ctx) });
  }
}`,
    calls: fetches("/", "/break", "/"),
  },
  "runs service-worker syntax, with bindings as globals": {
    serviceWorker: true,
    vars: { GREETING: "hello", LIMIT: 3 },
    source: `
let seen = [];
addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (pathname === "/throw") throw new TypeError("in the listener");
  if (pathname === "/reject") return event.respondWith(Promise.reject(new RangeError("in the promise")));
  if (pathname === "/twice") {
    event.respondWith(new Response("first"));
    try { event.respondWith(new Response("second")); } catch (error) { seen.push(error.name); }
    return;
  }
  if (pathname === "/wait") { event.waitUntil(Promise.resolve().then(() => seen.push("waited"))); return event.respondWith(new Response("wait")); }
  if (pathname === "/seen") return event.respondWith(Response.json(seen));
  event.respondWith(Response.json({ type: event.type, greeting: GREETING, limit: LIMIT, env: typeof env, self: self === globalThis }));
});
addEventListener("scheduled", (event) => { seen.push([event.type, event.cron, event.scheduledTime]); event.waitUntil(Promise.resolve(1)); });
addEventListener("queue", (event) => { seen.push([event.type, event.queue, event.messages.length]); event.messages[0].ack(); });`,
    calls: [
      ...fetches("/", "/throw", "/reject", "/twice", "/wait"),
      ...scheduled("1 2 3 4 5"),
      batch("uploads"),
      ...fetches("/seen"),
    ],
  },
  "answers a fetch without a Response, or of another kind": {
    source: `
class Own extends Response {}
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/sync": return new Response("sync");
      case "/own": return new Own("own", { status: 201, headers: { "x-own": "yes" } });
      case "/number": return 5;
      case "/null": return null;
      case "/text": return "text";
      case "/like": return { status: 200, headers: new Headers(), body: "like" };
      case "/promise": return Promise.resolve(Promise.resolve(new Response("promise")));
      case "/thenable": return { then(resolve) { resolve(new Response("thenable")); } };
      case "/error": return Response.error();
      case "/used": return new Response("used").text().then(() => { const r = new Response("x"); return r.text().then(() => r); });
      case "/empty": return new Response(null, { status: 204 });
      case "/redirect": return Response.redirect("http://example.com/there", 303);
    }
  },
};`,
    calls: fetches(
      "/sync",
      "/own",
      "/number",
      "/null",
      "/text",
      "/like",
      "/promise",
      "/thenable",
      "/error",
      "/used",
      "/empty",
      "/redirect",
      "/undefined",
    ),
  },
  "refuses events it has no handler for": {
    source: `export default { fetch: () => new Response("ok") };`,
    calls: [...fetches("/"), ...scheduled("* * * * *"), batch("uploads"), ...fetches("/")],
  },
  "has no fetch but other handlers": {
    source: `
const seen = [];
export default { scheduled() { seen.push("s"); }, queue(batch) { batch.messages[0].retry({ delaySeconds: seen.length }); } };`,
    calls: [...fetches("/"), ...scheduled("* * * * *"), batch("uploads")],
  },
  "tells a scheduled handler its cron and time": {
    source: `
const seen = [];
export default {
  fetch: () => Response.json(seen),
  scheduled(controller) {
    seen.push({
      cron: controller.cron, time: controller.scheduledTime, type: typeof controller.scheduledTime, noRetry: typeof controller.noRetry,
      tag: Object.prototype.toString.call(controller), kind: controller.type, name: controller.constructor.name,
      keys: Object.keys(controller).sort(),
    });
  },
};`,
    calls: [...scheduled("30 4 * * MON-FRI", ""), { scheduled: { scheduledTime: 1234567890123 } }, ...fetches("/")],
  },
  "ends a scheduled event by what the handler and its waitUntil do": {
    source: `
export default {
  async scheduled(controller, env, ctx) {
    switch (controller.cron) {
      case "return": return "ignored";
      case "throw": throw new Error("no");
      case "throw text": throw "no";
      case "no retry": return controller.noRetry();
      case "no retry, throw": controller.noRetry(); throw new Error("no");
      case "waits": return ctx.waitUntil(scheduler.wait(10));
      case "wait rejects": return ctx.waitUntil(scheduler.wait(10).then(() => { throw new Error("late"); }));
      case "one of two rejects": ctx.waitUntil(Promise.reject(new Error("early"))); return ctx.waitUntil(scheduler.wait(10));
      case "no retry later": return ctx.waitUntil(scheduler.wait(10).then(() => controller.noRetry()));
      case "not awaited": Promise.reject(new Error("nobody waits")); return;
    }
  },
};`,
    calls: scheduled(
      "return",
      "throw",
      "throw text",
      "no retry",
      "no retry, throw",
      "waits",
      "wait rejects",
      "one of two rejects",
      "no retry later",
      "not awaited",
    ),
  },
  "gives a queue handler a batch of messages": {
    source: `
const seen = [];
const describe = (value) => value instanceof Date ? ["Date", value.toISOString()] : value instanceof Uint8Array ? ["bytes", ...value]
  : value instanceof Map ? ["Map", ...value] : value === undefined ? "undefined" : value;
export default {
  fetch: () => Response.json(seen),
  queue(batch) {
    seen.push({
      queue: batch.queue, tag: Object.prototype.toString.call(batch), array: Array.isArray(batch.messages), keys: Object.keys(batch).sort(),
      metrics: batch.metadata?.metrics === undefined ? "none" : Object.keys(batch.metadata.metrics).sort(),
      messages: batch.messages.map((message) => ({
        id: message.id, time: message.timestamp.toISOString(), date: message.timestamp instanceof Date, body: describe(message.body),
        attempts: message.attempts, tag: Object.prototype.toString.call(message), keys: Object.keys(message).sort(),
        same: message === batch.messages[batch.messages.indexOf(message)], sameBody: message.body === message.body,
      })),
    });
  },
};`,
    calls: [
      batch("kinds", ["text", 5, null, true, { a: [1, { b: 2 }] }]),
      batch("clones", [new Date(AT), new Uint8Array([1, 2, 3]), new Map([["k", 1]])]),
      batch("empty", []),
      ...fetches("/"),
    ],
  },
  "acks and retries single messages": {
    source: `
export default {
  queue({ queue, messages: [a, b, c] }) {
    switch (queue) {
      case "nothing": return;
      case "ack": return a.ack();
      case "ack twice": a.ack(); return a.ack();
      case "retry": return b.retry();
      case "retry twice": b.retry(); return b.retry({ delaySeconds: 4 });
      case "retry after": return b.retry({ delaySeconds: 30 });
      case "retry at once": return b.retry({ delaySeconds: 0 });
      case "ack then retry": a.ack(); return a.retry({ delaySeconds: 5 });
      case "retry then ack": a.retry({ delaySeconds: 5 }); return a.ack();
      case "each its own": a.ack(); b.retry({ delaySeconds: 2 }); return c.retry();
      case "in another order": c.ack(); b.ack(); return a.retry();
    }
  },
};`,
    calls: batches(
      "nothing",
      "ack",
      "ack twice",
      "retry",
      "retry twice",
      "retry after",
      "retry at once",
      "ack then retry",
      "retry then ack",
      "each its own",
      "in another order",
    ),
  },
  "acks and retries whole batches": {
    source: `
export default {
  queue(batch) {
    const [a, b, c] = batch.messages;
    switch (batch.queue) {
      case "ack all": return batch.ackAll();
      case "retry all": return batch.retryAll();
      case "retry all after": return batch.retryAll({ delaySeconds: 60 });
      case "retry all twice": batch.retryAll(); return batch.retryAll({ delaySeconds: 60 });
      case "ack all, retry all": batch.ackAll(); return batch.retryAll({ delaySeconds: 9 });
      case "retry all, ack all": batch.retryAll({ delaySeconds: 9 }); return batch.ackAll();
      case "ack all, retry one": batch.ackAll(); return b.retry({ delaySeconds: 3 });
      case "ack all, ack one": batch.ackAll(); return b.ack();
      case "retry all, ack one": batch.retryAll(); return b.ack();
      case "retry all, retry one": batch.retryAll(); return b.retry({ delaySeconds: 3 });
      case "retry one, ack all": b.retry({ delaySeconds: 3 }); return batch.ackAll();
      case "ack one, retry all": a.ack(); c.retry({ delaySeconds: 1 }); return batch.retryAll({ delaySeconds: 7 });
    }
  },
};`,
    calls: batches(
      "ack all",
      "retry all",
      "retry all after",
      "retry all twice",
      "ack all, retry all",
      "retry all, ack all",
      "ack all, retry one",
      "ack all, ack one",
      "retry all, ack one",
      "retry all, retry one",
      "retry one, ack all",
      "ack one, retry all",
    ),
  },
  "keeps what was acked when a queue handler fails": {
    source: `
export default {
  async queue(batch, env, ctx) {
    const [a, b] = batch.messages;
    switch (batch.queue) {
      case "throw": throw new Error("no");
      case "ack, throw": a.ack(); throw new Error("no");
      case "retry, throw": a.ack(); b.retry({ delaySeconds: 8 }); throw new Error("no");
      case "ack all, throw": batch.ackAll(); throw new Error("no");
      case "retry all, throw": batch.retryAll({ delaySeconds: 8 }); throw new Error("no");
      case "wait rejects": a.ack(); return ctx.waitUntil(Promise.reject(new Error("late")));
      case "acks late": return ctx.waitUntil(scheduler.wait(10).then(() => b.ack()));
      case "acks later than that": setTimeout(() => b.ack(), 10); return;
      case "async": await scheduler.wait(5); return b.retry();
      case "not awaited": Promise.reject(new Error("nobody waits")); return a.ack();
    }
  },
};`,
    calls: batches(
      "throw",
      "ack, throw",
      "retry, throw",
      "ack all, throw",
      "retry all, throw",
      "wait rejects",
      "acks late",
      "async",
      "not awaited",
    ),
  },
  "refuses delays and calls that make no sense": {
    source: `
const seen = [];
const said = (work) => { try { return String(work()); } catch (error) { return error.name + ": " + error.message; } };
export default {
  fetch: () => Response.json(seen),
  queue(batch) {
    const [a, b, c] = batch.messages;
    seen.push([
      said(() => a.retry({ delaySeconds: -1 })), said(() => a.retry({ delaySeconds: 1.5 })), said(() => b.retry({ delaySeconds: "3" })),
      said(() => c.retry(null)), said(() => c.retry(5)), said(() => batch.retryAll({ delaySeconds: 100000 })), said(() => batch.retryAll({ delaySeconds: NaN })),
    ]);
    seen.push(["id", "timestamp", "body", "attempts"].map((key) => { try { "use strict"; a[key] = 1; return a[key] === 1; } catch (error) { return error.name; } }));
    seen.push([said(() => a.ack.call({})), said(() => { const { ackAll } = batch; ackAll(); })]);
  },
};`,
    calls: [batch("odd"), ...fetches("/")],
  },
};
