// What an R2 bucket answers, and refuses.
import type { WorkerCases } from "../case.ts";

/** As in kv.ts, and `plain`: an R2Object without what differs from run to run. */
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
    return Response.json(await all({ answer: () => paths[new URL(request.url).pathname](env.R2, request, ctx) }));
  },
});
const plain = (object) => object && ({
  kind: object.constructor.name, key: object.key, size: object.size, etag: object.etag, httpEtag: object.httpEtag,
  checksums: object.checksums.toJSON(), httpMetadata: object.httpMetadata, customMetadata: object.customMetadata,
  range: object.range, version: /^[0-9a-f]{32}$/.test(object.version),
  uploaded: object.uploaded instanceof Date && Math.abs(Date.now() - object.uploaded.getTime()) < 60000,
  body: "body" in object ? object.body.constructor.name : undefined,
});
`;

const paths = (...names: string[]) => names.map((name) => ({ fetch: `http://r2/${name}` }));

export const r2: WorkerCases = {
  "R2 keeps objects with what is said about them": {
    r2: ["R2"],
    source: `${ROUTER}
export default route({
  "/put": async (r2) => plain(await r2.put("a", "hello")),
  "/head": async (r2) => plain(await r2.head("a")),
  "/get": async (r2) => { const object = await r2.get("a"); return [plain(object), object.bodyUsed, await object.text(), object.bodyUsed]; },
  "/missing": async (r2) => [await r2.head("none"), await r2.get("none"), await said(() => r2.delete("none"))],
  "/metadata": async (r2) => {
    const options = { httpMetadata: { contentType: "text/x", contentLanguage: "de", contentDisposition: "inline", contentEncoding: "br", cacheControl: "no-cache", cacheExpiry: new Date(1e12) }, customMetadata: { b: "1", a: "ü" } };
    return [plain(await r2.put("m", "x", options)), plain(await r2.head("m")), plain(await r2.get("m"))];
  },
  "/from-headers": async (r2) => {
    const headers = new Headers({ "content-type": "image/png", "cache-control": "max-age=1", "content-language": "en", expires: "Thu, 01 Jan 2026 00:00:00 GMT", "x-other": "1" });
    await r2.put("h", "x", { httpMetadata: headers });
    return (await r2.head("h")).httpMetadata;
  },
  "/write": async (r2) => {
    const written = async (key) => { const headers = new Headers({ "x-mine": "1", "content-type": "old" }); (await r2.head(key)).writeHttpMetadata(headers); return [...headers]; };
    return [await written("m"), await written("a")];
  },
  "/overwrite": async (r2) => { const before = await r2.head("a"); const after = await r2.put("a", "other", { customMetadata: { n: "1" } }); return [before.version === after.version, plain(await r2.head("a")), await (await r2.get("a")).text()]; },
  "/null": async (r2) => { await r2.put("n", null); return [(await r2.head("n")).size, await (await r2.get("n")).text()]; },
  "/partial": async (r2) => { await r2.put("p", "x", { httpMetadata: { contentType: "a/b", unknown: 1 } }); return (await r2.head("p")).httpMetadata; },
  "/coerced": async (r2) => { await r2.put(5, "x", { customMetadata: { n: 1, b: true } }); return (await r2.head("5")).customMetadata; },
  "/put-returns": async (r2) => { const object = await r2.put("a", "x", { httpMetadata: { contentType: "t/t" }, customMetadata: { z: "1" } }); return [object.httpMetadata, object.customMetadata, object.range]; },
  "/keys": async (r2) => { const object = await r2.put("k", "x"); return [Object.keys(object), Object.keys(await r2.get("k")), Object.prototype.toString.call(object), Object.keys(r2), r2.constructor.name, String(r2)]; },
});`,
    calls: paths(
      "put",
      "head",
      "get",
      "missing",
      "metadata",
      "from-headers",
      "write",
      "overwrite",
      "null",
      "partial",
      "coerced",
      "put-returns",
      "keys",
    ),
  },
  "R2 takes and gives bodies of every kind": {
    r2: ["R2"],
    source: `${ROUTER}
const kept = async (r2, value) => { await r2.put("v", value); return (await r2.get("v")).text(); };
export default route({
  "/values": async (r2) => all({
    text: () => kept(r2, "grün"), buffer: () => kept(r2, new Uint8Array([65, 66]).buffer), view: () => kept(r2, new Uint8Array([65, 66, 67]).subarray(1)),
    blob: () => kept(r2, new Blob(["blob"])), stream: () => kept(r2, new Response("stream").body), nothing: () => kept(r2, null),
    number: () => kept(r2, 5), object: () => kept(r2, { a: 1 }), undef: () => kept(r2, undefined), list: () => kept(r2, [1]),
    response: () => kept(r2, new Response("x")),
  }),
  "/fixed": async (r2) => {
    const { readable, writable } = new FixedLengthStream(3);
    const writer = writable.getWriter();
    writer.write(new TextEncoder().encode("abc")); writer.close();
    return kept(r2, readable);
  },
  "/read": async (r2) => {
    await r2.put("j", '{"n":1}', { httpMetadata: { contentType: "application/json" } });
    const get = () => r2.get("j");
    const blob = await (await get()).blob();
    return [await (await get()).json(), (await (await get()).arrayBuffer()).byteLength, (await (await get()).bytes()).constructor.name, blob.type, blob.size, await new Response((await get()).body).text()];
  },
  "/twice": async (r2) => { const object = await r2.get("j"); await object.text(); return all({ text: () => object.text(), buffer: () => object.arrayBuffer(), json: () => object.json(), blob: () => object.blob() }); },
  "/response": async (r2) => { const object = await r2.get("j"); const response = new Response(object.body, { headers: { etag: object.httpEtag } }); return [await response.text(), [...response.headers]]; },
  "/chunks": async (r2) => { await r2.put("big", new Uint8Array(300000).fill(65)); let size = 0; for await (const chunk of (await r2.get("big")).body) size += chunk.byteLength; return size; },
});`,
    calls: paths("values", "fixed", "read", "twice", "response", "chunks"),
  },
  "R2 gives ranges": {
    r2: ["R2"],
    source: `${ROUTER}
const ranged = (r2, range) => async () => { const object = await r2.get("r", { range }); return [await object.text(), object.range, object.size]; };
const header = (r2, value) => ranged(r2, new Headers({ range: value }));
export default route({
  "/objects": async (r2) => { await r2.put("r", "0123456789"); return all({
    none: ranged(r2, undefined), offset: ranged(r2, { offset: 3 }), length: ranged(r2, { length: 4 }), both: ranged(r2, { offset: 2, length: 3 }),
    suffix: ranged(r2, { suffix: 3 }), suffixOver: ranged(r2, { suffix: 30 }), over: ranged(r2, { offset: 8, length: 10 }), end: ranged(r2, { offset: 10 }),
    past: ranged(r2, { offset: 11 }), zero: ranged(r2, { offset: 2, length: 0 }), suffixZero: ranged(r2, { suffix: 0 }), empty: ranged(r2, {}),
    negative: ranged(r2, { offset: -1 }), negativeLength: ranged(r2, { length: -1 }), fraction: ranged(r2, { offset: 1.5 }), fractionLength: ranged(r2, { length: 1.5 }),
    negativeSuffix: ranged(r2, { suffix: -1 }), fractionSuffix: ranged(r2, { suffix: 1.5 }), mixed: ranged(r2, { suffix: 1, offset: 1 }), mixedLength: ranged(r2, { suffix: 1, length: 1 }),
  }); },
  "/headers": async (r2) => all({
    both: header(r2, "bytes=2-4"), open: header(r2, "bytes=7-"), suffix: header(r2, "bytes=-2"), over: header(r2, "bytes=8-99"), several: header(r2, "bytes=0-1,3-4"),
    past: header(r2, "bytes=20-30"), bad: header(r2, "items=1-2"), absent: ranged(r2, new Headers()), suffixOver: header(r2, "bytes=-50"), backwards: header(r2, "bytes=4-2"),
  }),
  "/missing": async (r2) => r2.get("none", { range: { offset: 1 } }),
});`,
    calls: paths("objects", "headers", "missing"),
  },
  "R2 asks its conditions first": {
    r2: ["R2"],
    source: `${ROUTER}
const got = (r2, onlyIf) => async () => { const object = await r2.get("c", { onlyIf }); return object && [object.constructor.name, "body" in object, object.key]; };
const put = (r2, key, onlyIf) => async () => { const object = await r2.put(key, "hello", { onlyIf }); return object && object.constructor.name; };
const ETAG = "5d41402abc4b2a76b9719d911017c592";
const past = new Date(Date.now() - 3600000), future = new Date(Date.now() + 3600000);
export default route({
  "/get": async (r2) => { await r2.put("c", "hello"); return all({
    same: got(r2, { etagMatches: ETAG }), other: got(r2, { etagMatches: "x" }), not: got(r2, { etagDoesNotMatch: ETAG }), notOther: got(r2, { etagDoesNotMatch: "x" }),
    any: got(r2, { etagMatches: "*" }), notAny: got(r2, { etagDoesNotMatch: "*" }), before: got(r2, { uploadedBefore: future }), notBefore: got(r2, { uploadedBefore: past }),
    after: got(r2, { uploadedAfter: past }), notAfter: got(r2, { uploadedAfter: future }), quoted: got(r2, { etagMatches: '"' + ETAG + '"' }), empty: got(r2, {}),
    missing: () => r2.get("none", { onlyIf: { etagMatches: "x" } }), seconds: got(r2, { uploadedBefore: future, secondsGranularity: true }),
    matchAndBefore: got(r2, { etagMatches: ETAG, uploadedBefore: past }), notAndAfter: got(r2, { etagDoesNotMatch: "x", uploadedAfter: future }),
  }); },
  "/headers": async (r2) => { const h = (headers) => got(r2, new Headers(headers)); return all({
    match: h({ "if-match": '"' + ETAG + '"' }), matchList: h({ "if-match": '"a", "' + ETAG + '"' }), no: h({ "if-match": '"a"' }), any: h({ "if-match": "*" }),
    none: h({ "if-none-match": '"' + ETAG + '"' }), weak: h({ "if-none-match": 'W/"' + ETAG + '"' }), weakMatch: h({ "if-match": 'W/"' + ETAG + '"' }), noneAny: h({ "if-none-match": "*" }),
    since: h({ "if-modified-since": future.toUTCString() }), sincePast: h({ "if-modified-since": past.toUTCString() }),
    unmodified: h({ "if-unmodified-since": future.toUTCString() }), unmodifiedPast: h({ "if-unmodified-since": past.toUTCString() }),
    unquoted: h({ "if-match": ETAG }), unclosed: h({ "if-match": '"abc' }), comma: h({ "if-match": '"a" "b"' }), other: h({ "x-other": "1" }), badWeak: h({ "if-none-match": 'W"a"' }),
  }); },
  "/put": async (r2) => all({
    create: put(r2, "new", { etagDoesNotMatch: "*" }), again: put(r2, "new", { etagDoesNotMatch: "*" }), mustExist: put(r2, "never", { etagMatches: "*" }),
    same: put(r2, "new", { etagMatches: ETAG }), other: put(r2, "new", { etagMatches: "x" }), before: put(r2, "new", { uploadedBefore: past }), after: put(r2, "none2", { uploadedAfter: past }),
    beforeMissing: put(r2, "none3", { uploadedBefore: past }), headers: put(r2, "new", new Headers({ "if-none-match": "*" })), left: async () => (await r2.list()).objects.map((o) => o.key),
  }),
});`,
    calls: paths("get", "headers", "put"),
  },
  "R2 checks digests": {
    r2: ["R2"],
    source: `${ROUTER}
const DIGESTS = { md5: "MD5", sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };
const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export default route({
  "/right": async (r2) => {
    const answers = {};
    for (const [name, algorithm] of Object.entries(DIGESTS)) {
      const digest = await crypto.subtle.digest(algorithm, new TextEncoder().encode("hello"));
      answers[name] = [(await r2.put("d", "hello", { [name]: digest })).checksums.toJSON(), (await r2.put("d", "hello", { [name]: hex(digest) })).checksums.toJSON(), (await r2.head("d")).checksums.toJSON()];
    }
    const checksums = (await r2.get("d")).checksums;
    return [answers, Object.keys(checksums), checksums.sha512.constructor.name, checksums.md5.byteLength, checksums.sha1 === undefined, JSON.stringify(checksums)];
  },
  "/wrong": async (r2) => { const answers = {}; for (const [name, n] of [["md5", 16], ["sha1", 20], ["sha256", 32], ["sha384", 48], ["sha512", 64]]) answers[name] = [
    await said(() => r2.put("w", "hello", { [name]: new Uint8Array(n) })), await said(() => r2.put("w", "hello", { [name]: new Uint8Array(3) })),
    await said(() => r2.put("w", "hello", { [name]: "abc" })), await said(() => r2.put("w", "hello", { [name]: "z".repeat(n * 2) }))]; return [answers, await r2.head("w")]; },
  "/two": async (r2) => r2.put("w", "hello", { md5: new Uint8Array(16), sha1: new Uint8Array(20) }),
  "/upper": async (r2) => (await r2.put("d", "hello", { md5: "5D41402ABC4B2A76B9719D911017C592" })).checksums.toJSON(),
});`,
    calls: paths("right", "wrong", "two", "upper"),
  },
  "R2 lists, with delimiters and page by page": {
    r2: ["R2"],
    source: `${ROUTER}
const names = (page) => ({ keys: page.objects.map((object) => object.key), truncated: page.truncated, cursor: typeof page.cursor, prefixes: page.delimitedPrefixes });
export default route({
  "/fill": async (r2) => { for (const key of ["a/1", "a/2", "a/b/3", "b", "c/1", "ü", "a-", "%", "A"]) await r2.put(key, key, { customMetadata: { k: key }, httpMetadata: { contentType: "t/t" } }); return names(await r2.list()); },
  "/empty": async (r2) => { const page = await r2.list({ prefix: "zzz" }); return [page, Object.keys(page)]; },
  "/options": async (r2) => all({
    prefix: async () => names(await r2.list({ prefix: "a" })), delimiter: async () => names(await r2.list({ delimiter: "/" })), both: async () => names(await r2.list({ prefix: "a/", delimiter: "/" })),
    emptyDelimiter: async () => names(await r2.list({ delimiter: "" })), after: async () => names(await r2.list({ startAfter: "a/2" })), limit: async () => names(await r2.list({ limit: 2 })),
    longDelimiter: async () => names(await r2.list({ delimiter: "/b" })), zero: () => r2.list({ limit: 0 }), over: () => r2.list({ limit: 1001 }), negative: async () => names(await r2.list({ limit: -1 })), least: () => r2.list({ limit: -2 }), prefixNull: () => r2.list({ prefix: null }),
    unknown: () => r2.list({ include: ["other"] }), exact: async () => names(await r2.list({ limit: 9 })), percent: async () => names(await r2.list({ prefix: "%" })),
  }),
  "/pages": async (r2) => { const pages = []; let cursor; do { const page = await r2.list({ limit: 4, cursor }); pages.push(names(page)); cursor = page.truncated ? page.cursor : undefined; } while (cursor); return pages; },
  "/delimited-pages": async (r2) => { const pages = []; let cursor; do { const page = await r2.list({ limit: 2, delimiter: "/", cursor }); pages.push(names(page)); cursor = page.truncated ? page.cursor : undefined; } while (cursor); return pages; },
  "/include": async (r2) => all({
    nothing: async () => { const object = (await r2.list({ prefix: "b" })).objects[0]; return [object.httpMetadata, object.customMetadata, await said(() => object.writeHttpMetadata(new Headers()))]; },
    empty: async () => plain((await r2.list({ prefix: "b", include: [] })).objects[0]), http: async () => plain((await r2.list({ prefix: "b", include: ["httpMetadata"] })).objects[0]),
    custom: async () => plain((await r2.list({ prefix: "b", include: ["customMetadata"] })).objects[0]), both: async () => plain((await r2.list({ prefix: "b", include: ["httpMetadata", "customMetadata"] })).objects[0]),
    noOptions: async () => plain((await r2.list()).objects[0]),
  }),
  "/delete": async (r2) => { await r2.delete("b"); await r2.delete(["a/1", "none", "a/2"]); await r2.delete([]); return names(await r2.list()); },
});`,
    calls: paths("fill", "empty", "options", "pages", "delimited-pages", "include", "delete"),
  },
  "R2 assembles multipart uploads": {
    r2: ["R2"],
    source: `${ROUTER}
const MIN = 5 * 1024 * 1024;
const part = (letter, size = MIN) => new Uint8Array(size).fill(letter.charCodeAt(0));
export default route({
  "/whole": async (r2) => {
    const upload = await r2.createMultipartUpload("big", { httpMetadata: { contentType: "v/mp4" }, customMetadata: { a: "1" } });
    const parts = [await upload.uploadPart(1, part("a")), await upload.uploadPart(2, part("b")), await upload.uploadPart(3, "tail")];
    const object = await upload.complete(parts);
    const ranged = await r2.get("big", { range: { offset: MIN - 2, length: 4 } });
    const end = await r2.get("big", { range: { suffix: 6 } });
    return [upload.constructor.name, upload.key, typeof upload.uploadId, parts.map((p) => [p.partNumber, typeof p.etag, Object.keys(p)]), plain(object), plain(await r2.head("big")), await ranged.text(), await end.text(), (await (await r2.get("big")).arrayBuffer()).byteLength];
  },
  "/resumed": async (r2) => {
    const upload = await r2.createMultipartUpload("res");
    const again = r2.resumeMultipartUpload("res", upload.uploadId);
    const second = await again.uploadPart(2, "end");
    await upload.uploadPart(1, part("x"));
    const first = await again.uploadPart(1, part("y"));
    const object = await upload.complete([second, first].reverse());
    const body = await (await r2.get("res")).text();
    return [again.key === "res", again.uploadId === upload.uploadId, object.size, body[0], body.slice(-4), await said(() => again.complete([first, second])), await said(() => again.uploadPart(1, "x")), await said(() => again.abort())];
  },
  "/aborted": async (r2) => {
    const upload = await r2.createMultipartUpload("ab");
    const first = await upload.uploadPart(1, "x");
    return [await said(() => upload.abort()), await said(() => upload.abort()), await said(() => upload.complete([first])), await said(() => upload.uploadPart(1, "x")), await r2.head("ab")];
  },
  "/refused": async (r2) => {
    const upload = await r2.createMultipartUpload("no");
    const small = await upload.uploadPart(1, "small"), last = await upload.uploadPart(2, "last");
    const unknown = r2.resumeMultipartUpload("no", "unknown");
    return all({
      small: () => upload.complete([small, last]), etag: () => upload.complete([{ partNumber: 1, etag: "x" }]), absent: () => upload.complete([{ partNumber: 7, etag: "x" }]),
      twice: () => upload.complete([small, small]), number: () => upload.uploadPart(0, "x"), many: () => upload.uploadPart(10001, "x"), badPart: () => upload.complete([{ partNumber: 0, etag: "x" }]),
      unknownPart: () => unknown.uploadPart(1, "x"), unknownComplete: () => unknown.complete([small]), unknownAbort: () => unknown.abort(), wrongKey: () => r2.resumeMultipartUpload("other", upload.uploadId).uploadPart(1, "x"),
      noValue: () => upload.uploadPart(1), nullValue: () => upload.uploadPart(1, null), one: async () => (await upload.complete([small])).size,
    });
  },
  "/none": async (r2) => { const upload = await r2.createMultipartUpload("zero"); return all({ complete: async () => { const object = await upload.complete([]); return [object.size, object.etag]; }, get: async () => (await r2.get("zero")).text() }); },
  "/uneven": async (r2) => { const upload = await r2.createMultipartUpload("uneven"); const parts = [await upload.uploadPart(1, part("a", MIN + 1)), await upload.uploadPart(2, part("b")), await upload.uploadPart(3, "c")]; return all({ sizes: () => upload.complete(parts), lastLarger: async () => (await upload.complete([parts[1], parts[0]])).size }); },
});`,
    calls: paths("whole", "resumed", "aborted", "refused", "none", "uneven"),
  },
  "R2 refuses what it cannot keep": {
    r2: ["R2"],
    source: `${ROUTER}
export default route({
  "/keys": async (r2) => all({
    fits: async () => (await r2.put("x".repeat(1024), "v")).key.length, long: () => r2.put("x".repeat(1025), "v"), umlauts: () => r2.put("ü".repeat(513), "v"), getLong: () => r2.get("x".repeat(1025)),
    headLong: () => r2.head("x".repeat(1025)), deleteLong: () => r2.delete("x".repeat(1025)), empty: async () => (await r2.put("", "v")).key, getEmpty: async () => (await r2.get(""))?.size,
    uploadLong: () => r2.createMultipartUpload("x".repeat(1025)),
  }),
  "/odd": async (r2) => { const answers = {}; for (const key of ["a/b", "a?b", "../x", ".", "ä ö", "\\u{1F600}", "/", "a%2Fb"]) { await r2.put(key, "v:" + key); answers[key] = await (await r2.get(key)).text(); } return answers; },
  "/metadata": async (r2) => all({
    fits: async () => (await r2.put("m", "v", { customMetadata: { k: "x".repeat(2047) } })).key, over: () => r2.put("m", "v", { customMetadata: { k: "x".repeat(2048) } }),
    wide: () => r2.put("m", "v", { customMetadata: { k: "€".repeat(1025) } }),
  }),
  "/calls": async (r2) => all({ get: () => r2.get(), head: () => r2.head(), put: () => r2.put(), putNothing: () => r2.put("k"), delete: () => r2.delete(), create: () => r2.createMultipartUpload(), resume: () => r2.resumeMultipartUpload("k") }),
  "/delete-many": async (r2) => all({ fits: () => r2.delete(Array.from({ length: 1000 }, (_, i) => "k" + i)), over: () => r2.delete(Array.from({ length: 1001 }, (_, i) => "k" + i)) }),
  "/options": async (r2) => all({ range: () => r2.get("a", { range: 5 }), onlyIf: () => r2.get("a", { onlyIf: 5 }), custom: () => r2.put("a", "x", { customMetadata: "x" }), http: () => r2.put("a", "x", { httpMetadata: "x" }), date: () => r2.get("a", { onlyIf: { uploadedBefore: "x" } }), expiry: () => r2.put("a", "x", { httpMetadata: { cacheExpiry: "x" } }) }),
});`,
    calls: paths("keys", "odd", "metadata", "calls", "delete-many", "options"),
  },
};
