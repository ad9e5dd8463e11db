// What a queue's producer says, what its consumer is given, and what becomes of a batch.
import type { Call, WorkerCases } from "../case.ts";

const ROUTER = `
const said = async (work) => {
  try { const value = await work(); return value === undefined ? "undefined" : value; }
  catch (error) { return error.name + ": " + error.message; }
};
const all = async (works) => {
  const answers = {};
  for (const [name, work] of Object.entries(works)) answers[name] = await said(work);
  return answers;
};
const route = (paths) => async (request, env, ctx) =>
  Response.json(await all({ answer: () => paths[new URL(request.url).pathname](env.Q, request, ctx) }));
`;

const paths = (...names: string[]): Call[] => names.map((name) => ({ fetch: `http://queue/${name}` }));
const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const batch = (queue: string, ...bodies: unknown[]): Call => ({
  queue,
  messages: bodies.map((body, index) => ({ id: `m${index + 1}`, timestamp: AT, body, attempts: 1 })),
});
/** The same three messages for each way to answer them. */
const three = (...queues: string[]): Call[] => queues.map((queue) => batch(queue, "a", "b", "c"));

export const queues: WorkerCases = {
  "a producer takes bodies of every kind and refuses the rest": {
    queues: { Q: "elsewhere" },
    source: `${ROUTER}
const circle = {}; circle.self = circle;
export default { fetch: route({
  "/send": async (q) => all({
    text: async () => typeof (await q.send("a")), object: async () => typeof (await q.send({ a: 1 })), nothing: async () => typeof (await q.send(null)), undef: () => q.send(undefined), none: () => q.send(),
    func: () => q.send(() => 1), symbol: () => q.send(Symbol("x")), big: () => q.send(1n), circle: () => q.send(circle),
  }),
  "/json": async (q) => { const send = (body) => q.send(body, { contentType: "json" }).then((r) => typeof r); return all({ object: () => send({ a: 1 }), func: () => send(() => 1), big: () => send(1n), circle: async () => (await said(() => send(circle))).split("\\n")[0] }); },
  "/text": async (q) => { const send = (body) => q.send(body, { contentType: "text" }).then((r) => typeof r); return all({ text: () => send("x"), number: () => send(5), object: () => send({}), nothing: () => send(null), bool: () => send(true) }); },
  "/bytes": async (q) => { const send = (body) => q.send(body, { contentType: "bytes" }).then((r) => typeof r); return all({ view: () => send(new Uint8Array(2)), buffer: () => send(new ArrayBuffer(2)), text: () => send("x"), dataview: () => send(new DataView(new ArrayBuffer(2))) }); },
  "/v8": async (q) => { const send = (body) => q.send(body, { contentType: "v8" }).then((r) => typeof r); return all({ map: () => send(new Map([[1, 2]])), date: () => send(new Date(0)), big: () => send(1n), circle: () => send(circle), func: () => send(() => 1), undef: () => send(undefined), symbol: () => send(Symbol("x")) }); },
  "/type": async (q) => all({ unknown: () => q.send("x", { contentType: "xml" }), upper: async () => typeof (await q.send("x", { contentType: "TEXT" })), empty: () => q.send("x", { contentType: "" }), nothing: () => q.send("x", { contentType: null }), undef: async () => typeof (await q.send("x", { contentType: undefined })) }),
  "/delay": async (q) => all({
    zero: async () => typeof (await q.send("x", { delaySeconds: 0 })), most: async () => typeof (await q.send("x", { delaySeconds: 43200 })), text: async () => typeof (await q.send("x", { delaySeconds: "5" })), options: async () => typeof (await q.send("x", undefined)),
    nullOptions: async () => typeof (await q.send("x", null)), words: () => q.send("x", "text"), fraction: async () => typeof (await q.send("x", { delaySeconds: 1.7 })),
  }),
  "/answer": async (q) => { const answer = await q.send("x"); return [answer, await q.sendBatch([{ body: "x" }])]; },
  "/metrics": async (q) => [typeof q.metrics, q.constructor.name, String(q), Object.keys(q)],
}) };`,
    calls: paths("send", "json", "text", "bytes", "v8", "type", "delay", "answer", "metrics"),
  },
  "a producer keeps to the limits of messages and batches": {
    queues: { Q: "own" },
    consumes: ["own"],
    source: `${ROUTER}
const many = (n, body) => Array.from({ length: n }, () => ({ body }));
export default { queue() {}, fetch: route({
  "/message": async (q) => all({
    fits: async () => typeof (await q.send("x".repeat(128000), { contentType: "text" })), over: () => q.send("x".repeat(128001), { contentType: "text" }), json: () => q.send("x".repeat(127999)), jsonFits: async () => typeof (await q.send("x".repeat(127998))),
    bytes: () => q.send(new Uint8Array(128001), { contentType: "bytes" }), umlauts: () => q.send("ü".repeat(64001), { contentType: "text" }),
  }),
  "/batch": async (q) => all({
    empty: () => q.sendBatch([]), none: () => q.sendBatch(), fits: async () => typeof (await q.sendBatch(many(100, 1))), over: () => q.sendBatch(many(101, 1)),
    large: () => q.sendBatch([{ body: "x".repeat(128001) }]), total: () => q.sendBatch(many(3, "x".repeat(100000))), undef: () => q.sendBatch([{ body: undefined }]), noBody: () => q.sendBatch([{}]),
    type: () => q.sendBatch([{ body: 1, contentType: "text" }]), unknown: () => q.sendBatch([{ body: 1, contentType: "xml" }]), text: () => q.sendBatch("ab"), number: () => q.sendBatch(5), items: () => q.sendBatch([1]),
    set: async () => typeof (await q.sendBatch(new Set([{ body: 1 }, { body: 2 }]))), generator: async () => typeof (await q.sendBatch((function* () { yield { body: 1 }; })())),
    delay: async () => typeof (await q.sendBatch([{ body: 1, delaySeconds: 1 }], { delaySeconds: 2 })),
  }),
}) };`,
    calls: paths("message", "batch"),
  },
  "messages reach their consumer as they were sent": {
    queues: { Q: "own" },
    consumes: ["own"],
    source: `${ROUTER}
const received = [];
const until = async (n) => { for (let i = 0; i < 400 && received.length < n; i++) await scheduler.wait(20); const got = received.splice(0); return got.sort((a, b) => (a.sort < b.sort ? -1 : 1)).map(({ sort, ...rest }) => rest); };
const describe = (body) => [Object.prototype.toString.call(body), body instanceof Map ? [...body] : ArrayBuffer.isView(body) || body instanceof ArrayBuffer ? [...new Uint8Array(body)] : body];
export default {
  queue(batch) {
    for (const message of batch.messages) received.push({ sort: JSON.stringify(describe(message.body)), queue: batch.queue, body: describe(message.body), attempts: message.attempts, id: /^[0-9a-f]{32}$/.test(message.id), date: message.timestamp instanceof Date && Math.abs(Date.now() - message.timestamp) < 60000 });
  },
  fetch: route({
    "/json": async (q) => { await q.send({ a: [1, null], d: new Date(0) }); await q.send("text"); await q.send(null); return until(3); },
    "/text": async (q) => { await q.send("grün", { contentType: "text" }); await q.send(new Uint8Array([1, 2, 3]).subarray(1), { contentType: "bytes" }); return until(2); },
    "/v8": async (q) => { await q.send(new Map([["k", 1]]), { contentType: "v8" }); await q.send(new Date(5), { contentType: "v8" }); await q.send(new Uint8Array([7]), { contentType: "v8" }); return until(3); },
    "/batch": async (q) => { await q.sendBatch([{ body: 1 }, { body: "b", contentType: "text" }, { body: new Set([1]), contentType: "v8" }]); return until(3); },
    "/later": async (q) => { await q.send("slow", { delaySeconds: 1 }); const before = received.length; return [before, await until(1)]; },
  }),
};`,
    calls: paths("json", "text", "v8", "batch", "later"),
  },
  "failed messages come again with one attempt more": {
    queues: { Q: "own" },
    consumes: ["own"],
    source: `${ROUTER}
const seen = [];
const until = async (n) => { for (let i = 0; i < 500 && seen.length < n; i++) await scheduler.wait(20); return seen.splice(0); };
export default {
  queue(batch) {
    for (const message of batch.messages) {
      seen.push([message.body, message.attempts]);
      if (message.body === "retry" && message.attempts < 3) message.retry();
      if (message.body === "throw" && message.attempts < 2) throw new Error("no");
    }
  },
  fetch: route({
    "/retry": async (q) => { await q.send("retry"); return until(3); },
    "/throw": async (q) => { await q.send("throw"); return until(2); },
  }),
};`,
    calls: paths("retry", "throw"),
  },
  "a consumer is given a batch with everything on it": {
    source: `${ROUTER}
let last;
export default {
  queue(batch, env, ctx) {
    const message = batch.messages[0];
    last = {
      batch: [batch.constructor.name, Object.keys(batch), batch.queue, Array.isArray(batch.messages), batch.messages.length, batch.metadata],
      message: message && [message.constructor.name, Object.keys(message), message.id, message.timestamp.toISOString(), message.body, message.attempts],
      same: [batch.messages === batch.messages, message && message.timestamp === message.timestamp, message && message.body === message.body],
      ctx: [typeof ctx.waitUntil, typeof env], text: [String(batch), message && String(message)],
    };
    if (message) { try { message.attempts = 9; batch.queue = "x"; message.body = 1; } catch (error) { last.assigned = error.name; } last.after = [message.attempts, batch.queue, message.body]; }
    return "ignored";
  },
  fetch: () => Response.json(last),
};`,
    calls: [
      batch("work", { n: 1 }, "two"),
      ...paths("last"),
      { queue: "again", messages: [{ id: "m1", timestamp: AT, body: "x", attempts: 4 }] },
      ...paths("last"),
      { queue: "empty", messages: [] },
      ...paths("last"),
    ],
  },
  "the first word about a message counts": {
    source: `
export default { queue(batch) { const [a, b, c] = batch.messages; ({
  nothing() {}, ack() { a.ack(); }, retry() { b.retry(); }, delay() { b.retry({ delaySeconds: 7 }); }, both() { a.ack(); b.retry(); c.retry({ delaySeconds: 0 }); },
  "ack-retry"() { a.ack(); a.retry(); }, "retry-ack"() { a.retry({ delaySeconds: 3 }); a.ack(); }, "retry-retry"() { a.retry({ delaySeconds: 3 }); a.retry({ delaySeconds: 5 }); }, "retry-retry-plain"() { a.retry({ delaySeconds: 3 }); a.retry(); }, "ack-ack"() { a.ack(); a.ack(); },
  ackAll() { batch.ackAll(); }, retryAll() { batch.retryAll(); }, "retryAll-delay"() { batch.retryAll({ delaySeconds: 9 }); }, "retryAll-twice"() { batch.retryAll({ delaySeconds: 9 }); batch.retryAll({ delaySeconds: 4 }); },
  "ackAll-retry"() { batch.ackAll(); a.retry(); b.ack(); }, "retryAll-ack"() { batch.retryAll(); a.ack(); b.retry({ delaySeconds: 2 }); }, "ackAll-retryAll"() { batch.ackAll(); batch.retryAll(); }, "retryAll-ackAll"() { batch.retryAll(); batch.ackAll(); },
  "ack-retryAll"() { a.ack(); b.retry(); batch.retryAll(); }, "retry-ackAll"() { a.retry(); b.ack(); batch.ackAll(); }, "null-options"() { a.retry(null); b.retry({}); batch.retryAll({ delaySeconds: undefined }); }, "text-delay"() { a.retry({ delaySeconds: "6" }); }, "fraction"() { a.retry({ delaySeconds: 1.9 }); }, "negative"() { a.retry({ delaySeconds: -1 }); },
  "words"() { a.retry("soon"); }, "detached"() { const { ack } = a; ack(); },
})[batch.queue](); } };`,
    calls: three(
      "nothing",
      "ack",
      "retry",
      "delay",
      "both",
      "ack-retry",
      "retry-ack",
      "retry-retry",
      "retry-retry-plain",
      "ack-ack",
      "ackAll",
      "retryAll",
      "retryAll-delay",
      "retryAll-twice",
      "ackAll-retry",
      "retryAll-ack",
      "ackAll-retryAll",
      "retryAll-ackAll",
      "ack-retryAll",
      "retry-ackAll",
      "null-options",
      "text-delay",
      "fraction",
      "negative",
      "words",
      "detached",
    ),
  },
  "a handler that fails leaves what it had said": {
    source: `
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default { async queue(batch, env, ctx) { const [a, b, c] = batch.messages; await ({
  throw() { throw new Error("no"); }, async reject() { await wait(1); throw new Error("no"); }, "ack-throw"() { a.ack(); b.retry({ delaySeconds: 5 }); throw new Error("no"); }, "ackAll-throw"() { batch.ackAll(); throw new Error("no"); },
  "retryAll-throw"() { batch.retryAll({ delaySeconds: 8 }); throw new Error("no"); }, async late() { await wait(5); a.ack(); b.retry(); }, "wait-until"() { ctx.waitUntil(wait(5).then(() => a.retry())); }, "wait-until-fails"() { a.ack(); ctx.waitUntil(Promise.reject(new Error("no"))); },
  "throw-text"() { throw "text"; }, "no-message"() { batch.messages.length; },
})[batch.queue](); } };`,
    calls: three(
      "throw",
      "reject",
      "ack-throw",
      "ackAll-throw",
      "retryAll-throw",
      "late",
      "wait-until",
      "wait-until-fails",
      "throw-text",
      "no-message",
    ),
  },
  "a Worker without a queue handler fails its batches": {
    source: "export default { fetch() { return new Response('here'); } };",
    calls: three("any"),
  },
};
