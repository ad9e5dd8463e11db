// What a KV namespace answers, and refuses.
import type { WorkerCases } from "../case.ts";

/** Each path is a key of `paths`; what the function returns is the answer, an error as its name and message. */
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
const route = (paths) => ({
  async fetch(request, env, ctx) {
    return Response.json(await all({ answer: () => paths[new URL(request.url).pathname](env, request, ctx) }));
  },
});
`;

const paths = (...names: string[]) => names.map((name) => ({ fetch: `http://kv/${name}` }));

export const kv: WorkerCases = {
  "KV gives back what was put, in every type": {
    kv: ["KV"],
    source: `${ROUTER}
export default route({
  "/text": async (env) => { await env.KV.put("a", "grün"); return [await env.KV.get("a"), await env.KV.get("a", "text")]; },
  "/json": async (env) => {
    await env.KV.put("j", JSON.stringify({ n: 1, list: [true, null] }));
    return [await env.KV.get("j", "json"), await env.KV.get("j", { type: "json" })];
  },
  "/buffer": async (env) => {
    await env.KV.put("b", new Uint8Array([0, 255, 7]).buffer);
    const bytes = await env.KV.get("b", "arrayBuffer");
    return [bytes.constructor.name, [...new Uint8Array(bytes)]];
  },
  "/view": async (env) => {
    await env.KV.put("v", new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
    return [...new Uint8Array(await env.KV.get("v", { type: "arrayBuffer" }))];
  },
  "/dataview": async (env) => {
    await env.KV.put("v", new DataView(new Uint8Array([65, 66]).buffer));
    return env.KV.get("v");
  },
  "/stream": async (env) => {
    await env.KV.put("s", new Response("streamed").body);
    const stream = await env.KV.get("s", "stream");
    return [stream.constructor.name, await new Response(stream).text()];
  },
  "/binary-as-text": async (env) => { await env.KV.put("x", new Uint8Array([65, 200, 66])); return env.KV.get("x"); },
  "/empty": async (env) => { await env.KV.put("e", ""); return [await env.KV.get("e"), await env.KV.get("e", "arrayBuffer").then((b) => b.byteLength)]; },
  "/missing": async (env) => all({
    text: () => env.KV.get("none"), json: () => env.KV.get("none", "json"), stream: () => env.KV.get("none", "stream"),
    buffer: () => env.KV.get("none", "arrayBuffer"), meta: () => env.KV.getWithMetadata("none"),
  }),
  "/overwrite": async (env) => { await env.KV.put("a", "1", { metadata: { v: 1 } }); await env.KV.put("a", "2"); return env.KV.getWithMetadata("a"); },
  "/put-says": async (env) => [typeof (await env.KV.put("p", "1")), typeof (await env.KV.delete("p")), typeof (await env.KV.delete("p")), await env.KV.get("p")],
  "/bad-json": (env) => env.KV.put("bad", "{nope").then(() => env.KV.get("bad", "json")),
  "/bad-type": async (env) => all({
    one: () => env.KV.get("a", "blob"), object: () => env.KV.get("a", { type: "x" }), missing: () => env.KV.get("none", "blob"),
    undefinedType: () => env.KV.get("a", { type: undefined }), nullOptions: () => env.KV.get("a", null), number: () => env.KV.get("a", 5),
  }),
});`,
    calls: paths(
      "text",
      "json",
      "buffer",
      "view",
      "dataview",
      "stream",
      "binary-as-text",
      "empty",
      "missing",
      "overwrite",
      "put-says",
      "bad-json",
      "bad-type",
    ),
  },
  "KV keeps metadata and expiry": {
    kv: ["KV"],
    source: `${ROUTER}
export default route({
  "/metadata": async (env) => {
    await env.KV.put("m", "v", { metadata: { tags: ["a", "ü"], n: 1.5 } });
    return [await env.KV.getWithMetadata("m"), await env.KV.getWithMetadata("m", "arrayBuffer").then((r) => [r.value.byteLength, r.metadata, r.cacheStatus])];
  },
  "/plain": async (env) => {
    const kinds = { string: "s", number: 3, list: [1], falsy: false, zero: 0, nothing: null, undef: undefined };
    const answers = {};
    for (const [name, metadata] of Object.entries(kinds)) {
      await env.KV.put(name, "v", { metadata });
      answers[name] = (await env.KV.getWithMetadata(name)).metadata;
    }
    return answers;
  },
  "/date": async (env) => { await env.KV.put("d", "v", { metadata: { at: new Date(0), gone: undefined } }); return (await env.KV.getWithMetadata("d")).metadata; },
  "/large": async (env) => all({
    fits: () => env.KV.put("l", "v", { metadata: "x".repeat(1022) }),
    not: () => env.KV.put("l", "v", { metadata: "x".repeat(1023) }),
    umlauts: () => env.KV.put("l", "v", { metadata: "ü".repeat(600) }),
  }),
  "/ttl": async (env) => all({
    least: () => env.KV.put("t", "v", { expirationTtl: 60 }),
    short: () => env.KV.put("t", "v", { expirationTtl: 59 }),
    zero: () => env.KV.put("t", "v", { expirationTtl: 0 }),
    negative: () => env.KV.put("t", "v", { expirationTtl: -5 }),
    fraction: () => env.KV.put("t", "v", { expirationTtl: 60.9 }),
    text: () => env.KV.put("t", "v", { expirationTtl: "90" }),
    words: () => env.KV.put("t", "v", { expirationTtl: "soon" }),
    nothing: () => env.KV.put("t", "v", { expirationTtl: undefined }),
    past: () => env.KV.put("t", "v", { expiration: 1 }),
    zeroAt: () => env.KV.put("t", "v", { expiration: 0 }),
    nan: () => env.KV.put("t", "v", { expiration: NaN }),
    both: () => env.KV.put("t", "v", { expiration: 1, expirationTtl: 100 }),
    infinite: () => env.KV.put("t", "v", { expirationTtl: Infinity }),
  }),
  "/listed": async (env) => {
    await env.KV.put("with", "v", { expiration: 2000000000, metadata: { a: 1 } });
    await env.KV.put("without", "v");
    return env.KV.list({ prefix: "with" });
  },
  "/cache-ttl": async (env) => all({
    good: () => env.KV.get("with", { cacheTtl: 60 }), least: () => env.KV.get("with", { cacheTtl: 30 }),
    short: () => env.KV.get("with", { cacheTtl: 29 }), missing: () => env.KV.get("none", { cacheTtl: 5 }),
    meta: () => env.KV.getWithMetadata("with", { cacheTtl: 1 }), bulk: () => env.KV.get(["with"], { cacheTtl: 1 }),
    words: () => env.KV.get("with", { cacheTtl: "long" }),
  }),
});`,
    calls: paths("metadata", "plain", "date", "large", "ttl", "listed", "cache-ttl"),
  },
  "KV lists by prefix, in order, page by page": {
    kv: ["KV"],
    source: `${ROUTER}
export default route({
  "/fill": async (env) => {
    for (const key of ["b/2", "b/1", "a", "B", "b/10", "ü", "z", "b%", "b_"]) await env.KV.put(key, "v", key === "a" ? { metadata: 1 } : {});
    return (await env.KV.list()).keys;
  },
  "/prefix": async (env) => all({
    b: () => env.KV.list({ prefix: "b/" }), percent: () => env.KV.list({ prefix: "b%" }), low: () => env.KV.list({ prefix: "b_" }),
    none: () => env.KV.list({ prefix: "nothing" }), empty: async () => (await env.KV.list({ prefix: "" })).keys.length,
    nothing: async () => (await env.KV.list({ prefix: null })).keys.length,
  }),
  "/pages": async (env) => {
    const pages = [];
    let cursor;
    do {
      const page = await env.KV.list({ limit: 4, cursor });
      pages.push([page.keys.map((key) => key.name), page.list_complete, typeof page.cursor, page.cacheStatus]);
      cursor = page.cursor;
    } while (cursor);
    return pages;
  },
  "/prefix-pages": async (env) => {
    const first = await env.KV.list({ prefix: "b/", limit: 2 });
    const second = await env.KV.list({ prefix: "b/", limit: 2, cursor: first.cursor });
    return [first.keys, second, Object.keys(first)];
  },
  "/exact": async (env) => { const page = await env.KV.list({ limit: 9 }); return [page.keys.length, page.list_complete, page.cursor]; },
  "/limits": async (env) => all({
    zero: async () => (await env.KV.list({ limit: 0 })).keys.length, negative: async () => (await env.KV.list({ limit: -1 })).keys.length,
    most: async () => (await env.KV.list({ limit: 1000 })).keys.length, over: () => env.KV.list({ limit: 1001 }),
    fraction: async () => (await env.KV.list({ limit: 2.9 })).keys.length, text: async () => (await env.KV.list({ limit: "3" })).keys.length,
    longPrefix: () => env.KV.list({ prefix: "x".repeat(513) }), emptyCursor: async () => (await env.KV.list({ cursor: "" })).keys.length,
    nullCursor: async () => (await env.KV.list({ cursor: null })).keys.length,
  }),
  "/deleted": async (env) => { await env.KV.delete("b/2"); await env.KV.delete("never"); return (await env.KV.list({ prefix: "b/" })).keys; },
});`,
    calls: paths("fill", "prefix", "pages", "prefix-pages", "exact", "limits", "deleted"),
  },
  "KV gives several keys at once as a Map": {
    kv: ["KV"],
    source: `${ROUTER}
const plain = (map) => [map.constructor.name, [...map]];
export default route({
  "/text": async (env) => { await env.KV.put("a", "1", { metadata: { m: 1 } }); await env.KV.put("b", '{"x":2}'); return plain(await env.KV.get(["b", "a", "none"])); },
  "/json": async (env) => plain(await env.KV.get(["b", "a"], "json")),
  "/json-option": async (env) => plain(await env.KV.get(["b"], { type: "json" })),
  "/twice": async (env) => plain(await env.KV.get(["a", "a"])),
  "/numbers": async (env) => { await env.KV.put("7", "seven"); return plain(await env.KV.get(["b", "7"])); },
  "/metadata": async (env) => plain(await env.KV.getWithMetadata(["a", "b", "none"])),
  "/metadata-json": async (env) => plain(await env.KV.getWithMetadata(["b"], "json")),
  "/refused": async (env) => { await env.KV.put("t", "no json"); return all({
    none: () => env.KV.get([]), many: () => env.KV.get(Array.from({ length: 101 }, (_, i) => "k" + i)),
    most: async () => (await env.KV.get(Array.from({ length: 100 }, (_, i) => "k" + i))).size,
    type: () => env.KV.get(["a"], "arrayBuffer"), stream: () => env.KV.get(["a"], { type: "stream" }),
    notJson: () => env.KV.get(["t"], "json"), empty: () => env.KV.get([""]), dot: () => env.KV.get(["a", "."]),
    long: () => env.KV.get(["x".repeat(513)]),
  }); },
});`,
    calls: paths("text", "json", "json-option", "twice", "numbers", "metadata", "metadata-json", "refused"),
  },
  "KV refuses keys and values it cannot keep": {
    kv: ["KV"],
    source: `${ROUTER}
export default route({
  "/keys": async (env) => all({
    empty: () => env.KV.put("", "v"), dot: () => env.KV.put(".", "v"), dots: () => env.KV.put("..", "v"),
    fits: () => env.KV.put("x".repeat(512), "v"), long: () => env.KV.put("x".repeat(513), "v"), umlauts: () => env.KV.put("ü".repeat(257), "v"),
    getEmpty: () => env.KV.get(""), getDots: () => env.KV.get(".."), getLong: () => env.KV.get("x".repeat(513)),
    metaLong: () => env.KV.getWithMetadata("x".repeat(600)), deleteEmpty: () => env.KV.delete(""), deleteLong: () => env.KV.delete("x".repeat(513)),
  }),
  "/odd-keys": async (env) => {
    const answers = {};
    for (const key of ["a/b", "a?b", "a#b", "a%20b", "ä ö", "\\u{1F600}", "...", "/", " "]) {
      await env.KV.put(key, "v:" + key);
      answers[key] = await env.KV.get(key);
    }
    return answers;
  },
  "/coerced": async (env) => { await env.KV.put(5, "five"); await env.KV.put(null, "null"); await env.KV.put(true, "t"); return [await env.KV.get("5"), await env.KV.get("null"), await env.KV.get("true")]; },
  "/values": async (env) => all({
    number: () => env.KV.put("n", 5).then(() => env.KV.get("n")), bool: () => env.KV.put("n", true).then(() => env.KV.get("n")),
    nothing: () => env.KV.put("n", null).then(() => env.KV.get("n")), undef: () => env.KV.put("n", undefined).then(() => env.KV.get("n")),
    object: () => env.KV.put("n", { a: 1 }), list: () => env.KV.put("n", [1]), date: () => env.KV.put("n", new Date(0)),
    blob: () => env.KV.put("n", new Blob(["x"])), response: () => env.KV.put("n", new Response("x")), map: () => env.KV.put("n", new Map()),
  }),
  "/calls": async (env) => all({
    noKey: () => env.KV.get(), noValue: () => env.KV.put("k"), noPut: () => env.KV.put(), noDelete: () => env.KV.delete(), noMeta: () => env.KV.getWithMetadata(),
  }),
  "/size": async (env) => all({
    fits: async () => { await env.KV.put("big", new Uint8Array(26214400)); return (await env.KV.get("big", "arrayBuffer")).byteLength; },
    over: () => env.KV.put("big", new Uint8Array(26214401)),
    streamOver: () => env.KV.put("big", new Blob([new Uint8Array(26214401)]).stream()),
  }),
  "/binding": async (env) => [typeof env.KV.get, env.KV.constructor.name, String(env.KV), Object.keys(env.KV), JSON.stringify(env.KV)],
});`,
    calls: paths("keys", "odd-keys", "coerced", "values", "calls", "size", "binding"),
  },
};
