// What `fetch` sends, follows, gives back and refuses. What is called are the paths of outside.ts.
import type { WorkerCases } from "../case.ts";
import { ROUTER, routed } from "./http-router.ts";

export const fetching: WorkerCases = {
  "fetch sends only what it is told": routed(`
  "/get": (_, env) => heard(fetch(env.OUTSIDE + "/echo?a=b c&d=é#fragment")),
  "/post": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: "grün" })),
  "/post-empty": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: "" })),
  "/post-none": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST" })),
  "/put-none": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "PUT" })),
  "/delete": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "DELETE" })),
  "/patch": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "patch", body: "x" })),
  "/headers": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { headers: { "X-One": "1", "user-agent": "me", accept: "a/b", "accept-encoding": "br", cookie: "a=b", "x-empty": "" } })),
  "/repeated": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { headers: [["x-a", "1"], ["x-a", "2"]] })),
  "/of-the-connection": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { headers: { host: "evil.test", "keep-alive": "5", te: "trailers", "content-length": "9", "transfer-encoding": "chunked", "cf-connecting-ip": "1.2.3.4" } })),
  "/credentials": (_, env) => heard(fetch(env.OUTSIDE.replace("//", "//name:word@") + "/echo")),
`),

  "fetch sends bodies of every kind": routed(`
  "/bytes": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: bytes("bytes") })),
  "/buffer": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: bytes("buffer").buffer })),
  "/blob": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: new Blob(["blob"], { type: "a/b" }) })),
  "/params": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: new URLSearchParams({ a: "1 2" }) })),
  "/form": async (_, env) => {
    const form = new FormData(); form.set("a", "1"); form.set("f", new File(["file"], "f.txt", { type: "text/x" }));
    const { body, headers } = await heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: form }));
    const type = new Headers(headers).get("content-type");
    const [, boundary] = type.split("=");
    return [type.replace(boundary, "B"), body.replaceAll(boundary, "B")];
  },
  "/stream": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: streamOf(bytes("a"), bytes("b")) })),
  "/strings": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: streamOf("grün", "☃") })),
  "/fixed-length": (_, env) => {
    const { readable, writable } = new FixedLengthStream(5);
    const writer = writable.getWriter(); writer.write(bytes("fixed")); writer.close();
    return heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: readable }));
  },
  "/of-a-response": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: new Response("response").body })),
  "/list": (_, env) => heard(fetch(env.OUTSIDE + "/echo", { method: "POST", body: ["a", "b"] })),
  "/locked": (_, env) => { const body = streamOf("a"); body.getReader(); return fetch(env.OUTSIDE + "/echo", { method: "POST", body }); },
`),

  "fetch follows redirects": routed(`
  "/once": async (_, env) => { const got = await fetch(env.OUTSIDE + "/redirect/1"); return [got.status, got.redirected, got.url, await heard(got)]; },
  "/thrice": async (_, env) => { const got = await fetch(env.OUTSIDE + "/redirect/3"); return [got.status, got.redirected, got.url]; },
  "/twenty": async (_, env) => (await fetch(env.OUTSIDE + "/redirect/20")).status,
  "/twenty-one": (_, env) => fetch(env.OUTSIDE + "/redirect/21"),
  "/loop": (_, env) => fetch(env.OUTSIDE + "/loop"),
  "/manual": async (_, env) => { const got = await fetch(env.OUTSIDE + "/redirect/1", { redirect: "manual" }); return [got.status, got.type, got.redirected, got.headers.get("location"), await got.text()]; },
  "/error": (_, env) => fetch(env.OUTSIDE + "/redirect/1", { redirect: "error" }),
  "/fragment": async (_, env) => (await fetch(env.OUTSIDE + "/redirect/1#here")).url,
  "/elsewhere": async (_, env) => { const { headers } = await heard(fetch(env.OUTSIDE + "/elsewhere", { headers: { authorization: "secret", cookie: "a=b" } })); return headers; },
  "/same-place": async (_, env) => { const { headers } = await heard(fetch(env.OUTSIDE + "/redirect/1", { headers: { authorization: "secret" } })); return headers; },
`),

  "authorization goes along to other origins before 2025-09-01": {
    ...routed(`
  "/elsewhere": async (_, env) => (await heard(fetch(env.OUTSIDE + "/elsewhere", { headers: { authorization: "secret" } }))).headers,
`),
    compatibilityDate: "2025-08-31",
  },

  "a redirect decides about method and body": routed(`
  "/post-301": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=301", { method: "POST", body: "b", headers: { "content-type": "a/b" } })),
  "/post-302": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=302", { method: "POST", body: "b" })),
  "/post-303": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=303", { method: "POST", body: "b" })),
  "/post-307": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=307", { method: "POST", body: "b" })),
  "/post-308": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=308", { method: "POST", body: "b" })),
  "/put-302": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=302", { method: "PUT", body: "b" })),
  "/put-303": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=303", { method: "PUT", body: "b" })),
  "/stream-302": (_, env) => fetch(env.OUTSIDE + "/redirect/1?status=302", { method: "POST", body: streamOf("b") }),
  "/stream-303": (_, env) => heard(fetch(env.OUTSIDE + "/redirect/1?status=303", { method: "POST", body: streamOf("b") })),
  "/stream-307": (_, env) => fetch(env.OUTSIDE + "/redirect/1?status=307", { method: "POST", body: streamOf("b") }),
  "/not-followed-300": async (_, env) => (await fetch(env.OUTSIDE + "/redirect/1?status=300")).status,
`),

  "fetch loads http and https and nothing else": routed(`
  "/nothing": () => fetch(),
  "/relative": () => fetch("/x"),
  "/empty": () => fetch(""),
  "/file": () => fetch("file:///etc/passwd"),
  "/ftp": () => fetch("ftp://example.com/"),
  "/websocket-scheme": () => fetch("ws://example.com/"),
  "/about": () => fetch("about:blank"),
  "/data": async () => { const got = await fetch("data:text/plain;charset=x,h%20i"); return [got.status, got.url, got.headers, await got.text()]; },
  "/data-base64": async () => (await fetch("data:;base64,aGk=")).text(),
  "/bad-init": (_, env) => fetch(env.OUTSIDE, 5),
  "/bad-method": (_, env) => fetch(env.OUTSIDE, { method: "no method" }),
  "/body-of-get": (_, env) => fetch(env.OUTSIDE, { body: "x" }),
  "/refused": () => fetch("http://127.0.0.1:1/"),
  "/hung-up": (_, env) => fetch(env.OUTSIDE + "/close"),
`),

  "a fetched response": routed(`
  "/parts": async (_, env) => { const got = await fetch(env.OUTSIDE + "/status/404"); return [got.status, got.statusText, got.ok, got.type, got.url, got.redirected, got.cf, got.webSocket, got.bodyUsed, await got.text(), got.bodyUsed]; },
  "/immutable": async (_, env) => (await fetch(env.OUTSIDE + "/echo")).headers.set("a", "b"),
  "/immutable-clone": async (_, env) => (await fetch(env.OUTSIDE + "/echo")).clone().headers.append("a", "b"),
  "/copy": async (_, env) => { const got = await fetch(env.OUTSIDE + "/json"); const copy = new Response(got.body, got); copy.headers.set("a", "b"); return [copy.status, copy.url, copy.headers.get("a"), copy.headers.get("content-type"), await copy.json()]; },
  "/cookies": async (_, env) => { const { headers } = await fetch(env.OUTSIDE + "/set-cookies"); return [headers.getSetCookie(), headers.getAll("Set-Cookie"), headers.get("set-cookie")]; },
  "/no-content": async (_, env) => { const got = await fetch(env.OUTSIDE + "/status/304"); return [got.status, got.body, await got.text()]; },
  "/head": async (_, env) => { const got = await fetch(env.OUTSIDE + "/json", { method: "HEAD" }); return [got.status, got.body, got.headers.get("content-type")]; },
  "/chunks": async (_, env) => { const parts = []; for await (const part of (await fetch(env.OUTSIDE + "/stream/3")).body) parts.push(new TextDecoder().decode(part)); return parts.join(""); },
  "/byob": async (_, env) => { const reader = (await fetch(env.OUTSIDE + "/json")).body.getReader({ mode: "byob" }); return (await reader.read(new Uint8Array(4))).value; },
  "/latin1": async (_, env) => (await fetch(env.OUTSIDE + "/latin1")).text(),
  "/form": async (_, env) => [...await (await fetch(env.OUTSIDE + "/form")).formData()],
  "/twice": async (_, env) => { const got = await fetch(env.OUTSIDE + "/json"); await got.text(); return got.json(); },
  "/cancelled": async (_, env) => { const got = await fetch(env.OUTSIDE + "/stream/3"); await got.body.cancel(); return got.bodyUsed; },
  "/broken": async (_, env) => { const got = await fetch(env.OUTSIDE + "/broken"); return [got.status, await seen(() => got.text())]; },
`),

  "fetch unpacks gzip": routed(`
  "/unpacked": async (_, env) => { const got = await fetch(env.OUTSIDE + "/gzip"); return [got.headers.get("content-encoding"), await got.text()]; },
  "/as-it-comes": async (_, env) => { const got = await fetch(env.OUTSIDE + "/gzip", { encodeResponseBody: "manual" }); const [first, second] = await got.bytes(); return [got.headers.get("content-encoding"), first, second]; },
  "/whatever-was-accepted": async (_, env) => (await fetch(env.OUTSIDE + "/gzip", { headers: { "accept-encoding": "identity" } })).text(),
`),

  "what was fetched can be answered with": {
    source: `${ROUTER}
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/proxied-gzip") return fetch(env.OUTSIDE + "/gzip");
    if (pathname === "/same-request") return fetch(env.OUTSIDE + "/redirect/1", request);
    if (pathname === "/new-request") return fetch(new Request(env.OUTSIDE + "/echo", request));
    if (pathname === "/changed") {
      const got = await fetch(env.OUTSIDE + "/json");
      const answer = new Response(got.body, got);
      answer.headers.set("x-changed", "yes");
      return answer;
    }
    return fetch(env.OUTSIDE + pathname);
  },
};`,
    calls: [
      { fetch: "/proxied-gzip" },
      { fetch: "/same-request" },
      { fetch: "/changed" },
      { fetch: "/json" },
      { fetch: "/set-cookies" },
      { fetch: "/status/404" },
      { fetch: "/status/304" },
      { fetch: "/bytes/300" },
      { fetch: "/stream/3" },
    ],
  },

  "a request is sent once": routed(`
  "/with-body": async (_, env) => { const request = new Request(env.OUTSIDE + "/echo", { method: "POST", body: "x" }); await fetch(request); return [request.bodyUsed, await seen(() => fetch(request))]; },
  "/without-body": async (_, env) => { const request = new Request(env.OUTSIDE + "/echo"); await fetch(request); return (await fetch(request)).status; },
  "/used": async (_, env) => { const request = new Request(env.OUTSIDE + "/echo", { method: "POST", body: "x" }); await request.text(); return fetch(request); },
  "/clone": async (_, env) => { const request = new Request(env.OUTSIDE + "/echo", { method: "POST", body: "x" }); const one = await heard(fetch(request.clone())); return [one.body, (await heard(fetch(request))).body]; },
  "/new-headers": (_, env) => heard(fetch(new Request(env.OUTSIDE + "/echo", { method: "POST", body: "x", headers: { a: "1" } }), { headers: { b: "2" } })),
  "/new-body": (_, env) => heard(fetch(new Request(env.OUTSIDE + "/echo", { method: "POST", body: "x" }), { method: "PUT", body: "y" })),
`),

  "fetch can be aborted": routed(`
  "/before": (_, env) => fetch(env.OUTSIDE + "/echo", { signal: AbortSignal.abort() }),
  "/reason": (_, env) => fetch(env.OUTSIDE + "/echo", { signal: AbortSignal.abort(new RangeError("mine")) }),
  "/no-error": (_, env) => fetch(env.OUTSIDE + "/echo", { signal: AbortSignal.abort("a text") }),
  "/meanwhile": (_, env) => { const to = new AbortController(); setTimeout(() => to.abort(), 30); return fetch(env.OUTSIDE + "/slow/2000", { signal: to.signal }); },
  "/of-the-request": (_, env) => { const to = new AbortController(); setTimeout(() => to.abort(), 30); return fetch(new Request(env.OUTSIDE + "/slow/2000", { signal: to.signal })); },
  "/timeout": (_, env) => fetch(env.OUTSIDE + "/slow/2000", { signal: AbortSignal.timeout(30) }),
  "/body": async (_, env) => { const to = new AbortController(); const got = await fetch(env.OUTSIDE + "/stream/9", { signal: to.signal }); to.abort(); return got.text(); },
  "/too-late": async (_, env) => { const to = new AbortController(); const got = await fetch(env.OUTSIDE + "/json", { signal: to.signal }); const text = await got.text(); to.abort(); return text; },
  "/signal-taken-away": async (_, env) => (await fetch(new Request(env.OUTSIDE + "/json", { signal: AbortSignal.abort() }), { signal: null })).status,
`),

  "many requests at once": routed(`
  "/twenty": async (_, env) => (await Promise.all(Array.from({ length: 20 }, (_, at) => fetch(env.OUTSIDE + "/echo?" + at).then((got) => got.json())))).map(({ url }) => url),
  "/race": async (_, env) => (await Promise.race([fetch(env.OUTSIDE + "/slow/1000"), fetch(env.OUTSIDE + "/json")])).json(),
  "/wait-until": (request, env, ctx) => { ctx.waitUntil(fetch(env.OUTSIDE + "/echo")); return "done"; },
`),

  "the top level may not fetch": {
    source: `
const tried = [];
const attempt = async (name, work) => { try { tried.push([name, String(await work())]); } catch (error) { tried.push([name, error.name + ": " + error.message]); } };
const all = [
  attempt("fetch", () => fetch("http://example.com/")),
  attempt("bad URL", () => fetch("/x")),
  attempt("response", () => new Response("x")),
  attempt("JSON", () => Response.json(1)),
  attempt("request", () => new Request("http://example.com/", { method: "POST", body: "x" })),
  attempt("no body", () => new Response(null)),
  attempt("GET", () => new Request("http://example.com/")),
  attempt("headers", () => new Headers({ a: "b" })),
  attempt("fixed length", () => new FixedLengthStream(1)),
];
export default { async fetch() { await Promise.all(all); return Response.json(tried.sort()); } };`,
    calls: [{ fetch: "/" }],
  },
};
