// What a Worker answers with: responses that are none, that break off, that never end or that were used before.
import type { Chance } from "../random.ts";
import type { Piece } from "./statements.ts";
import { THROWN } from "./values.ts";

const ANSWERS: Record<string, (thrown: string) => Piece | string> = {
  plain: () => "return Response.json({ id: 66 })",
  nothing: () => "return",
  "what can be thrown": (thrown) => `return ${thrown}`,
  "a rejection": (thrown) => `return Promise.reject(${thrown})`,
  "an odd thenable": (thrown) => ({
    code: `return { then(resolve, reject) { resolve(Response.json(1)); reject(${thrown}) } }`,
  }),
  "one that never comes": () => ({ code: "return { then() {} }", deadly: true }),
  "used before": () => "const r = new Response('x'); await r.text(); return r",
  "used again": () => "globalThis.again ??= new Response('x'); return globalThis.again",
  "a locked body": () => "const r = new Response('x'); r.body.getReader(); return r",
  "a torn body": () => "const r = new Response('x'); const [a] = r.body.tee(); a.cancel(); return r",
  "a copy of no response": () => "return Object.create(Response.prototype)",
  "a proxy": () => "return new Proxy(Response.json(1), {})",
  "a proxy that throws": (thrown) => `return new Proxy(Response.json(1), { get() { throw ${thrown} } })`,
  "a subclass": (thrown) =>
    `return new (class extends Response { get status() { throw ${thrown} } get body() { throw 1 } })("x")`,
  "own getters": (thrown) =>
    `return Object.defineProperties(new Response("x"), { body: { get() { throw ${thrown} } }, headers: { get() { for (;;) throw 1 } } })`,
  "an error response": () => "return Response.error()",
  "an odd status": () =>
    "return new Response('x', { status: [0, 99, 101, 199, 204, 304, 599, 600, NaN][request.url.length % 9] })",
  "an odd status text": () => `return new Response("x", { status: 500, statusText: "s".repeat(1e6) })`,
  "many headers": () =>
    "const h = new Headers(); for (let n = 0; n < 20_000; n++) h.append('x' + n, 'y'); return new Response('x', { headers: h })",
  "a long header": () =>
    `return new Response("x", { headers: { "retry-after": "9".repeat(1e6), x: "y".repeat(1e6) }, status: 429 })`,
  "a refusal in full": () => `return new Response("no ".repeat(3e5), { status: 500 })`,
  "a refusal of controls": () => `return new Response("\\0\\x1b[31m\\ud800".repeat(1000), { status: 404 })`,
  "very much": () => `return new Response("x".repeat(30_000_000))`,
  "much that grows": () => `return new Response("\\0".repeat(1_000_000))`,
  "half a character": () => `return new Response(new Uint8Array([0xff, 0xfe, 0xed, 0xa0, 0x80]))`,
  "deep JSON": () => `return new Response("[".repeat(400_000) + "]".repeat(400_000))`,
  "no end": () => ({
    code: "return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65_536)) } }))",
    deadly: true,
  }),
  "drops without end": () => ({
    code: "return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new Uint8Array(1)) } }))",
    deadly: true,
  }),
  "a stream that never comes": () => ({
    code: "return new Response(new ReadableStream({ pull() { return new Promise(() => {}) } }))",
    deadly: true,
  }),
  "a stream that fails": (thrown) => ({
    code: `return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(9)); c.error(${thrown}) } }))`,
    deadly: true,
  }),
  "a stream that throws": (thrown) => ({
    code: `return new Response(new ReadableStream({ pull() { throw ${thrown} } }))`,
    deadly: true,
  }),
  "a stream that throws at its end": (thrown) => ({
    code: `return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(9)); c.close(); }, cancel() { throw ${thrown} } }))`,
    deadly: true,
  }),
  "a stream that fails to begin": (thrown) =>
    `return new Response(new ReadableStream({ start() { throw ${thrown} } }))`,
  "a stream of no bytes": (thrown) => ({
    code: `return new Response(new ReadableStream({ start(c) { c.enqueue(${thrown}); c.close() } }))`,
    deadly: true,
  }),
  "a stream nobody writes": () => ({ code: "return new Response(new TransformStream().readable)", deadly: true }),
  "a stream that is aborted": (thrown) => ({
    code: `const { readable, writable } = new TransformStream(); const w = writable.getWriter(); w.write(new Uint8Array(3)).catch(() => 0);
      setTimeout(() => w.abort(${thrown}), 5); return new Response(readable)`,
    deadly: true,
  }),
  "a response after the answer": () =>
    "ctx.waitUntil((async () => { await scheduler.wait(5); Response.json(request.url) })()); return Response.json(1)",
};

export function makeAnswer(chance: Chance): Piece & { name: string } {
  const name = chance.pick(Object.keys(ANSWERS));
  const made = ANSWERS[name]?.(`(${chance.pick(THROWN)})`) ?? "";
  return { name: `answer ${name}`, ...(typeof made === "string" ? { code: made } : made) };
}
