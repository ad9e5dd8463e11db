// Request, Response and Headers by themselves.
import type { WorkerCases } from "../case.ts";
import { ROUTER, routed } from "./http-router.ts";

export const httpMessages: WorkerCases = {
  "an incoming request": {
    source: `${ROUTER}
export default route({
  "/parts": ({ url, method, redirect, cache, body, bodyUsed, integrity, keepalive, signal }) => [url, method, redirect, cache, body, bodyUsed, integrity, keepalive, signal.aborted],
  "/set": (request) => request.headers.set("a", "b"),
  "/delete": (request) => request.headers.delete("accept"),
  "/clone": (request) => request.clone().headers.append("a", "b"),
  "/copy": (request) => { const copy = new Request(request); copy.headers.set("a", "b"); return [copy.redirect, copy.headers.get("a"), copy.url]; },
  "/other-url": (request) => { const copy = new Request("http://other.test/", request); return [copy.url, copy.redirect, copy.headers.get("x-own")]; },
  "/text": async (request) => [request.bodyUsed, await request.text(), request.bodyUsed, await seen(() => request.text())],
  "/json": (request) => request.json(),
  "/bad-json": (request) => request.json(),
  "/form": async (request) => [...await request.formData()],
  "/stream": async (request) => { const parts = []; for await (const part of request.body) parts.push(new TextDecoder().decode(part)); return parts.join(""); },
  "/both": async (request) => { const copy = request.clone(); return [await copy.text(), await request.text()]; },
  "/keys": (request) => [Object.keys(request), JSON.stringify(request), { ...request }],
  "/unbound": ({ text }) => text(),
});`,
    calls: [
      { fetch: "/parts?a=%20b" },
      { fetch: "/set" },
      { fetch: "/delete" },
      { fetch: "/clone" },
      { fetch: "/copy" },
      { fetch: "/other-url", headers: { "x-own": "1" } },
      { fetch: "/text", method: "POST", body: "grün" },
      { fetch: "/json", method: "POST", body: '{"a":[1]}' },
      { fetch: "/bad-json", method: "POST", body: "{" },
      {
        fetch: "/form",
        method: "POST",
        body: "a=1&b=x+y&a=2",
        headers: { "content-type": "application/x-www-form-urlencoded" },
      },
      { fetch: "/stream", method: "PUT", body: "streamed" },
      { fetch: "/both", method: "POST", body: "both" },
      { fetch: "/keys" },
      { fetch: "/unbound" },
    ],
  },

  "what a request can be made of": routed(`
  "/urls": () => each({ relative: () => new Request("/x"), empty: () => new Request(""), number: () => new Request(5), nothing: () => new Request(), normal: () => new Request("HTTP://A.test:80/b/../c?d#e").url, object: () => new Request({ toString: () => "http://a.test/" }).url, file: () => new Request("file:///etc").url }),
  "/methods": () => each(Object.fromEntries(["get", "patch", "PROPFIND", "query", "TRACE", "CONNECT", "FOO", "", null].map((method) => [method, () => new Request("http://a.test/", { method }).method]))),
  "/inits": () => each({ null: () => new Request("http://a.test/", null).method, number: () => new Request("http://a.test/", 5), "null headers": () => new Request("http://a.test/", { headers: null }), "text headers": () => new Request("http://a.test/", { headers: "a: b" }), signal: () => new Request("http://a.test/", { signal: {} }), integrity: () => new Request("http://a.test/", { integrity: "x" }), getter: () => new Request("http://a.test/", { get method() { throw new RangeError("mine"); } }) }),
  "/redirects": () => each(Object.fromEntries(["follow", "manual", "error", "other", undefined].map((redirect) => [redirect, () => new Request("http://a.test/", { redirect }).redirect]))),
  "/caches": () => each(Object.fromEntries(["no-store", "no-cache", "default", "reload", "force-cache", null].map((cache) => [cache, () => new Request("http://a.test/", { cache }).cache]))),
  "/cf": () => each({ none: () => new Request("http://a.test/").cf, given: () => new Request("http://a.test/", { cf: { a: { b: 1 } } }).cf, copied: () => new Request(new Request("http://a.test/", { cf: { a: 1 } }), {}).cf, replaced: () => new Request(new Request("http://a.test/", { cf: { a: 1 } }), { cf: { b: 2 } }).cf, number: () => new Request("http://a.test/", { cf: 5 }), same: () => { const cf = {}; return new Request("http://a.test/", { cf }).cf === cf; } }),
  "/ignored": () => { const request = new Request("http://a.test/", { mode: "cors", credentials: "include", referrer: "x", duplex: "half", keepalive: true }); return [request.mode, request.credentials, request.referrer, request.duplex, request.keepalive]; },
  "/signals": () => { const to = new AbortController(); const request = new Request("http://a.test/", { signal: to.signal }); const copy = new Request(request.clone()); const before = [request.signal === to.signal, copy.signal.aborted]; to.abort("why"); return [...before, copy.signal.aborted, copy.signal.reason, new Request("http://a.test/").signal.aborted]; },
  "/bodies-of-get": () => each({ get: () => new Request("http://a.test/", { body: "x" }), head: () => new Request("http://a.test/", { method: "HEAD", body: "" }), null: () => new Request("http://a.test/", { body: null }).body }),
`),

  "a request made of another takes its body over": routed(`
  "/moved": async () => { const one = new Request("http://a.test/", { method: "POST", body: "x" }); const two = new Request(one); return [one.bodyUsed, two.bodyUsed, await two.text()]; },
  "/method": async () => { const one = new Request("http://a.test/", { method: "POST", body: "x" }); const two = new Request(one, { method: "PUT" }); return [two.method, one.bodyUsed, await two.text()]; },
  "/body": async () => { const one = new Request("http://a.test/", { method: "POST", body: "x" }); const two = new Request(one, { body: "y" }); return [one.bodyUsed, await two.text(), await one.text()]; },
  "/null": async () => { const one = new Request("http://a.test/", { method: "POST", body: "x" }); const two = new Request(one, { body: null }); return [one.bodyUsed, await two.text()]; },
  "/get": () => new Request(new Request("http://a.test/", { method: "POST", body: "x" }), { method: "GET" }),
  "/init": async () => { const one = new Request("http://a.test/", { method: "POST", body: "x" }); const two = new Request("http://b.test/", one); return [two.method, two.url, one.bodyUsed, await two.text()]; },
  "/used": async () => { const one = new Request("http://a.test/", { method: "POST", body: "x" }); await one.text(); return each({ copy: () => new Request(one), init: () => new Request("http://b.test/", one), "another body": () => new Request(one, { body: "z" }).text(), clone: () => one.clone() }); },
  "/locked": () => { const one = new Request("http://a.test/", { method: "POST", body: "x" }); one.body.getReader(); return each({ copy: () => new Request(one), clone: () => one.clone(), text: () => one.text() }); },
  "/headers": () => { const one = new Request("http://a.test/", { headers: { a: "1" } }); const two = new Request(one); two.headers.set("a", "2"); return [one.headers, two.headers, new Request(one, { headers: { b: "3" } }).headers]; },
  "/subclass": () => { class Mine extends Request {} const mine = new Mine("http://a.test/"); return [mine instanceof Request, mine.clone() instanceof Mine, mine.clone() instanceof Request]; },
`),

  "what a response can be made of": routed(`
  "/default": () => { const { status, statusText, ok, type, url, redirected, body, bodyUsed, cf, webSocket, headers } = new Response(); return [status, statusText, ok, type, url, redirected, body, bodyUsed, cf, webSocket, headers]; },
  "/bodies": () => each({ text: () => new Response("a").text(), number: () => new Response(5).text(), object: () => new Response({}).text(), date: () => new Response(new Date(0)).text(), view: () => new Response(new DataView(bytes("xabx").buffer, 1, 2)).text(), shorts: () => new Response(new Uint16Array([65])).text(), params: () => new Response(new URLSearchParams("a=1")).text(), blob: () => new Response(new Blob(["b"])).text(), undefined: () => new Response(undefined).text(), empty: () => new Response("").body !== null, list: () => new Response(["a"]).text(), symbol: () => new Response(Symbol("x")), response: () => new Response(new Response("x")).text() }),
  "/types": () => each({ text: () => new Response("a").headers, params: () => new Response(new URLSearchParams()).headers, blob: () => new Response(new Blob([], { type: "A/B" })).headers, bytes: () => new Response(bytes("a")).headers, stream: () => new Response(streamOf()).headers, given: () => new Response("a", { headers: { "content-type": "q/r" } }).headers, "given empty": () => new Response("a", { headers: { "content-type": "" } }).headers }),
  "/statuses": () => each(Object.fromEntries([100, 101, 199, 200, 299, 306, 418, 425, 520, 599, 600, 0, -1, 200.7, "201", "x", null, 1e12].map((status) => [status, () => { const made = new Response(null, { status }); return [made.status, made.statusText, made.ok]; }]))),
  "/status-texts": () => each(Object.fromEntries(["", "Fine", "grün", "a\\nb", null, undefined].map((statusText) => [statusText, () => new Response(null, { statusText }).statusText]))),
  "/null-bodies": () => each({ text: () => new Response("x", { status: 204 }), empty: () => new Response("", { status: 204 }).status, 205: () => new Response("x", { status: 205 }), stream: () => new Response(streamOf(), { status: 304 }), null: () => new Response(null, { status: 304 }).status }),
  "/inits": () => each({ number: () => new Response(null, 201), text: () => new Response(null, "x"), null: () => new Response(null, null).status, headers: () => new Response(null, { headers: 5 }), "null headers": () => new Response(null, { headers: null }), pairs: () => new Response(null, { headers: [["a"]] }), cf: () => new Response(null, { cf: { a: 1 } }).cf, "bad cf": () => new Response(null, { cf: 5 }), encodeBody: () => new Response(null, { encodeBody: "other" }), webSocket: () => new Response(null, { webSocket: {} }) }),
  "/copies": () => { const one = new Response("x", { status: 201, statusText: "Q", headers: { a: "1" } }); const two = new Response(one.body, one); const three = new Response("y", { ...one }); return [two.status, two.statusText, two.headers, three.status, three.headers]; },
  "/errors": async () => { const { status, type, ok, body } = Response.error(); return [status, type, ok, body]; },
  "/subclass": () => { class Mine extends Response {} return [new Mine("x").clone() instanceof Mine, Mine.json(1) instanceof Mine, Mine.json(1) instanceof Response, new Mine() instanceof Body]; },
`),

  "Response.json and Response.redirect": routed(`
  "/json": () => each({ object: () => Response.json({ a: 1 }).text(), undefined: () => Response.json(undefined).text(), nothing: () => Response.json(), function: () => Response.json(() => 1).text(), bigint: () => Response.json(1n), circular: () => { const a = {}; a.a = a; return Response.json(a); }, throws: () => Response.json({ toJSON() { throw new RangeError("mine"); } }), "no content": () => Response.json(1, { status: 204 }) }),
  "/json-headers": () => [Response.json(1).headers, Response.json(1, { status: 201, headers: { a: "b" } }).headers, Response.json(1, { headers: { "content-type": "a/b" } }).headers],
  "/redirect": () => { const { status, statusText, headers, body } = Response.redirect("http://a.test/b c"); return [status, statusText, headers, body]; },
  "/redirects": () => each({ 301: () => Response.redirect("http://a.test", 301).status, text: () => Response.redirect("http://a.test", "303").status, relative: () => Response.redirect("/x"), 200: () => Response.redirect("http://a.test", 200), nothing: () => Response.redirect(), url: () => Response.redirect(new URL("http://a.test/#b")).headers.get("location") }),
  "/redirect-headers": () => Response.redirect("http://a.test").headers.set("a", "b"),
`),

  "a body is read once": routed(`
  "/twice": async () => { const one = new Response("x"); await one.text(); return each({ text: () => one.text(), json: () => one.json(), bytes: () => one.bytes(), arrayBuffer: () => one.arrayBuffer(), blob: () => one.blob(), formData: () => one.formData(), clone: () => one.clone(), again: () => new Response(one.body), used: () => [one.bodyUsed, one.body.locked] }); },
  "/null": async () => { const one = new Response(null); await one.text(); return [one.bodyUsed, await one.text(), await one.arrayBuffer()]; },
  "/empty": async () => { const one = new Response(""); await one.text(); return [one.bodyUsed, await seen(() => one.text())]; },
  "/locked": () => { const one = new Response("x"); one.body.getReader(); return each({ used: () => [one.bodyUsed, one.body.locked], text: () => one.text(), clone: () => one.clone(), again: () => new Response(one.body).bodyUsed }); },
  "/read-and-released": async () => { const one = new Response("x"); const reader = one.body.getReader(); await reader.read(); reader.releaseLock(); return [one.bodyUsed, await seen(() => one.text())]; },
  "/cancelled": async () => { const one = new Response("x"); await one.body.cancel(); return [one.bodyUsed, await seen(() => one.text())]; },
  "/clone": async () => { const one = new Response("x", { headers: { a: "1" } }); const two = one.clone(); two.headers.set("a", "2"); return [await one.text(), await two.text(), one.headers, two.headers]; },
  "/shared": async () => { const one = new Response("x"); const two = new Response(one.body); return [await two.text(), one.bodyUsed]; },
  "/same": () => { const one = new Response("x"); return [one.body === one.body, one.headers === one.headers]; },
  "/reading": async () => { const one = new Response("x"); const text = one.text(); return [one.bodyUsed, one.body.locked, await text]; },
  "/not-aliased": async () => { const given = bytes("a"); const one = new Response(given); given[0] = 98; const two = one.clone(); new Uint8Array(await one.arrayBuffer())[0] = 99; return two.text(); },
`),

  "what bodies are read as": routed(`
  "/text": async () => [await new Response(new Uint8Array([0xef, 0xbb, 0xbf, 65])).text(), await new Response(new Uint8Array([255])).text()],
  "/json": () => each({ good: () => new Response('{"a":1}').json(), cut: () => new Response('{"a":').json(), empty: () => new Response("").json(), none: () => new Response().json(), text: () => new Response("nope").json() }),
  "/bytes": async () => [await new Response("x").bytes(), await new Response("x").arrayBuffer()],
  "/blob": async () => { const types = []; for (const type of ["a/B; q=1", "nonsense", 'Text/HTML; Charset="utf-8"']) types.push((await new Response("x", { headers: { "content-type": type } }).blob()).type); return [...types, (await new Response(bytes("x")).blob()).type]; },
  "/form": async () => { const form = new FormData(); form.set("a", "ü"); form.set("f", new File(["zz"], "n.txt", { type: "text/x" })); const read = await new Response(form).formData(); return [...read].map(([name, value]) => [name, typeof value === "string" ? value : [value.name, value.type, value.size]]); },
  "/forms": () => each({ "no type": () => new Response(bytes("x")).formData(), "other type": () => new Response("a=1").formData(), "no boundary": () => new Response("x", { headers: { "content-type": "multipart/form-data" } }).formData(), "no start": () => new Response("x", { headers: { "content-type": "multipart/form-data; boundary=x" } }).formData(), "no end": () => new Response('--x\\r\\nContent-Disposition: form-data; name="a"\\r\\n\\r\\nv\\r\\n', { headers: { "content-type": "multipart/form-data; boundary=x" } }).formData(), "no disposition": () => new Response("--x\\r\\na: b\\r\\n\\r\\nv\\r\\n--x--", { headers: { "content-type": "multipart/form-data; boundary=x" } }).formData(), "no name": () => new Response("--x\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\nv\\r\\n--x--", { headers: { "content-type": "multipart/form-data; boundary=x" } }).formData() }),
  "/form-lines": async () => { const read = []; for (const body of ['--x\\r\\nContent-Disposition: form-data; name="a"\\r\\n\\r\\nv\\r\\n--x--', '--x\\nContent-Disposition: form-data; name="a"\\n\\nv\\n--x--', "--x--", 'before\\r\\n--x\\r\\ncontent-disposition:form-data;name="é";filename="ü.txt"\\r\\n\\r\\nv\\r\\n--x--\\r\\n']) read.push([...await new Response(body, { headers: { "content-type": 'multipart/form-data; boundary="x"' } }).formData()].map(([name, value]) => [name, value.name ?? value])); return read; },
`),

  Headers: routed(`
  "/made-of": () => each({ object: () => new Headers({ B: "2", a: "1" }), pairs: () => new Headers([["a", "1"], ["A", "2"]]), map: () => new Headers(new Map([["a", "1"]])), headers: () => new Headers(new Headers({ a: "1" })), undefined: () => new Headers(undefined), null: () => new Headers(null), number: () => new Headers(5), text: () => new Headers("a"), "short pair": () => new Headers([["a"]]), "no pair": () => new Headers(["ab"]), values: () => new Headers({ a: undefined, b: null, c: 5, d: [1, 2] }), params: () => new Headers(new URLSearchParams("a=1")) }),
  "/names": () => each({ space: () => new Headers({ "a b": "1" }), colon: () => new Headers({ "a:": "1" }), get: () => new Headers().get("a b"), has: () => new Headers().has("a b"), delete: () => new Headers().delete("a b"), append: () => new Headers().append("a b", "1"), "no name": () => new Headers().get(), "no value": () => new Headers().set("a") }),
  "/values": () => each({ trimmed: () => new Headers({ a: "  x \\t" }).get("a"), "line at the end": () => new Headers({ a: "x\\r\\n" }).get("a"), line: () => new Headers({ a: "x\\ny" }), nul: () => new Headers({ a: "x\\0y" }), empty: () => new Headers({ a: "" }).get("a"), unicode: () => new Headers({ a: "ü☃" }).get("a") }),
  "/cookies": () => { const headers = new Headers({ z: "1" }); headers.append("Set-Cookie", "a=1"); headers.append("set-cookie", "b=2"); return [headers.get("set-cookie"), headers.getSetCookie(), headers.getAll("Set-Cookie"), headers, [...headers.keys()], [...headers.values()]]; },
  "/get-all": () => each({ other: () => new Headers().getAll("a"), none: () => new Headers().getAll("set-cookie"), nothing: () => new Headers().getAll() }),
  "/set-cookie": () => { const headers = new Headers(); headers.set("set-cookie", "a"); headers.set("set-cookie", "b"); return [headers.getSetCookie(), headers.has("Set-Cookie"), headers.delete("set-cookie"), headers.has("set-cookie")]; },
  "/for-each": () => { const headers = new Headers({ Z: "1", A: "2" }); const calls = []; headers.forEach(function (value, name, all) { calls.push([value, name, all === headers, this.own]); }, { own: 1 }); return [calls]; },
  "/for-each-refused": () => each({ nothing: () => new Headers().forEach(), number: () => new Headers().forEach(5), unbound: () => Headers.prototype.get.call({}, "a") }),
  "/changed-while-read": () => { const headers = new Headers({ a: "1", c: "2" }); const names = []; for (const [name] of headers) { names.push(name); headers.set("b", "3"); headers.delete("c"); } return [names, headers]; },
  "/looks": () => [String(new Headers()), JSON.stringify(new Headers({ a: "1" })), Object.keys(new Headers({ a: "1" })), Object.fromEntries(new Headers({ A: "1" }))],
`),

  "what goes out": {
    source: `${ROUTER}
const answers = {
  "/text": () => new Response("grün"),
  "/json": () => Response.json({ a: undefined, b: "ü" }),
  "/undefined": () => Response.json(undefined),
  "/empty": () => new Response(null, { status: 204 }),
  "/not-modified": () => new Response(null, { status: 304, headers: { etag: '"x"' } }),
  "/redirect": () => Response.redirect("http://a.test/b", 301),
  "/cookies": () => { const answer = new Response("x"); answer.headers.append("set-cookie", "a=1"); answer.headers.append("set-cookie", "b=2"); return answer; },
  "/strings": () => new Response(streamOf("grün", bytes(" und "), "☃")),
  "/generator": () => new Response((async function* () { yield "a"; yield bytes("b"); })()),
  "/blob": () => new Response(new Blob(["b"], { type: "a/b" })),
  "/params": () => new Response(new URLSearchParams({ a: "1 2" })),
  "/of-the-connection": () => new Response("x", { headers: { connection: "close", "keep-alive": "5", "x-own": "1", upgrade: "x" } }),
  "/gzip": () => new Response("packed by the server", { headers: { "content-encoding": "gzip" } }),
  "/used": async () => { const answer = new Response("x"); await answer.text(); return answer; },
  "/cloned": () => { const answer = new Response("cloned", { headers: { a: "b" } }); return answer.clone(); },
  "/copied": () => { const answer = Response.json({ a: 1 }); const copy = new Response(answer.body, answer); copy.headers.set("x-copy", "1"); return copy; },
  "/transformed": () => { const { readable, writable } = new TransformStream(); const writer = writable.getWriter(); (async () => { await writer.write("a"); await writer.write("b"); await writer.close(); })(); return new Response(readable); },
};
export default { fetch: (request) => answers[new URL(request.url).pathname]() };`,
    calls: [
      ...["text", "json", "undefined", "empty", "not-modified", "redirect", "cookies", "strings", "generator", "blob"],
      ...["params", "of-the-connection", "gzip", "used", "cloned", "copied", "transformed"],
    ].map((path) => ({ fetch: `/${path}` })),
  },
};
