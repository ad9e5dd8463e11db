// The Cache API: what is kept, for how long, and what a request gets of it.
import type { WorkerCases } from "../case.ts";
import { routed } from "./http-router.ts";

/** Shows a response without the time in it. */
const SHOW = `
const FRESH = { "cache-control": "max-age=100" };
const told = async (response) => {
  if (response === undefined) return "nothing";
  const headers = [...response.headers].filter(([name]) => name !== "date" && name !== "expires");
  return [response.status, response.statusText, headers, await response.text()];
};
const kept = async (init, url = "http://cache.test/kept", body = "x") => {
  const put = await seen(() => caches.default.put(url, new Response(body, init)));
  return [put, await told(await caches.default.match(url))];
};
`;

const withTop = (top: string, paths: string) => {
  const { source, calls } = routed(paths);
  return { source: source.replace("\nexport default", `${top}\nexport default`), calls };
};

export const cacheApi: WorkerCases = {
  "a cache gives back what was put, by URL and for GET": withTop(
    SHOW,
    `
  "/miss": async () => caches.default.match("http://cache.test/a"),
  "/put": async () => caches.default.put("http://cache.test/a", new Response("hello", { headers: FRESH })),
  "/hit": async () => told(await caches.default.match("http://cache.test/a")),
  "/again": async () => told(await caches.default.match(new Request("http://cache.test/a", { headers: { a: "b" } }))),
  "/query": async () => told(await caches.default.match("http://cache.test/a?b")),
  "/fragment": async () => told(await caches.default.match("http://cache.test/a#b")),
  "/url-object": async () => told(await caches.default.match(new URL("http://cache.test/a"))),
  "/post": async () => told(await caches.default.match(new Request("http://cache.test/a", { method: "POST" }))),
  "/post-ignored": async () =>
    told(await caches.default.match(new Request("http://cache.test/a", { method: "POST" }), { ignoreMethod: true })),
  "/immutable": async () => (await caches.default.match("http://cache.test/a")).headers.set("x", "y"),
  "/overwrite": async () => {
    await caches.default.put("http://cache.test/a", new Response("second", { headers: FRESH }));
    return told(await caches.default.match("http://cache.test/a"));
  },
  "/delete-post": async () => caches.default.delete(new Request("http://cache.test/a", { method: "POST" })),
  "/delete": async () => caches.default.delete("http://cache.test/a"),
  "/delete-again": async () => caches.default.delete("http://cache.test/a"),
`,
  ),
  "named caches are apart from one another": withTop(
    SHOW,
    `
  "/open": async () => {
    const [one, other] = [await caches.open("one"), await caches.open("other")];
    await one.put("http://cache.test/a", new Response("1", { headers: FRESH }));
    const again = await caches.open("one");
    return [await told(await again.match("http://cache.test/a")), await other.match("http://cache.test/a") === undefined];
  },
  "/default": async () => told(await caches.default.match("http://cache.test/a")),
  "/delete": async () => [await (await caches.open("other")).delete("http://cache.test/a"), await (await caches.open("one")).delete("http://cache.test/a")],
  "/no-name": async () => caches.open(),
  "/what": async () => [String(caches), String(caches.default), caches.constructor.name, caches.default.constructor.name, caches.default === caches.default],
`,
  ),
  "cache-control decides what is kept": withTop(
    SHOW,
    `
  "/none": async () => kept({}),
  "/max-age": async () => kept({ headers: { "cache-control": "max-age=5" } }, "http://cache.test/1"),
  "/s-maxage": async () => kept({ headers: { "cache-control": "s-maxage=5" } }, "http://cache.test/2"),
  "/no-store": async () => kept({ headers: { "cache-control": "no-store, max-age=5" } }, "http://cache.test/3"),
  "/no-cache": async () => kept({ headers: { "cache-control": "no-cache, max-age=5" } }, "http://cache.test/4"),
  "/private": async () => kept({ headers: { "cache-control": "private, max-age=5" } }, "http://cache.test/5"),
  "/zero": async () => kept({ headers: { "cache-control": "max-age=0" } }, "http://cache.test/6"),
  "/shared-zero": async () => kept({ headers: { "cache-control": "max-age=50, s-maxage=0" } }, "http://cache.test/7"),
  "/public": async () => kept({ headers: { "cache-control": "public" } }, "http://cache.test/8"),
  "/immutable": async () => kept({ headers: { "cache-control": "immutable" } }, "http://cache.test/9"),
  "/expires": async () => kept({ headers: { expires: new Date(Date.now() + 1e5).toUTCString() } }, "http://cache.test/10"),
  "/expired": async () => kept({ headers: { expires: new Date(Date.now() - 1e5).toUTCString() } }, "http://cache.test/11"),
  "/expires-zero": async () => kept({ headers: { expires: "0" } }, "http://cache.test/12"),
  "/cookie": async () => kept({ headers: { ...FRESH, "set-cookie": "a=b" } }, "http://cache.test/13"),
  "/private-cookie": async () =>
    kept({ headers: { "cache-control": "private=set-cookie, max-age=5", "set-cookie": "a=b" } }, "http://cache.test/14"),
  "/age": async () => kept({ headers: { ...FRESH, age: "90" } }, "http://cache.test/15"),
  "/too-old": async () => kept({ headers: { ...FRESH, age: "190" } }, "http://cache.test/16"),
  "/no-store-keeps-the-older": async () => {
    await kept({ headers: FRESH }, "http://cache.test/17", "older");
    return kept({ headers: { "cache-control": "no-store" } }, "http://cache.test/17", "newer");
  },
`,
  ),
  "a cache refuses what it may not keep, and methods nobody has": withTop(
    SHOW,
    `
  "/post": async () => caches.default.put(new Request("http://cache.test/a", { method: "POST" }), new Response("x", { headers: FRESH })),
  "/head": async () => caches.default.put(new Request("http://cache.test/a", { method: "HEAD" }), new Response("x", { headers: FRESH })),
  "/partial": async () => kept({ status: 206, headers: FRESH }),
  "/varies": async () => kept({ headers: { ...FRESH, vary: "*" } }),
  "/used": async () => {
    const response = new Response("x", { headers: FRESH });
    await response.text();
    return caches.default.put("http://cache.test/a", response);
  },
  "/nothing": async () => each({
    put: () => caches.default.put(), response: () => caches.default.put("http://cache.test/a"),
    text: () => caches.default.put("http://cache.test/a", "x"), match: () => caches.default.match(),
    relative: () => caches.default.match("/a"), scheme: () => caches.default.match("ftp://cache.test/a"),
  }),
  "/unimplemented": async () => each({
    add: () => caches.default.add("http://cache.test/a"), keys: () => caches.default.keys(),
    all: () => caches.default.matchAll("http://cache.test/a"), match: () => caches.match("a"),
    has: () => caches.has("a"), delete: () => caches.delete("a"), names: () => caches.keys(),
  }),
  "/body-is-used": async () => {
    const response = new Response("x", { headers: FRESH });
    await caches.default.put("http://cache.test/a", response);
    return response.bodyUsed;
  },
  "/new": async () => each({ cache: () => new Cache(), storage: () => new CacheStorage() }),
`,
  ),
  "status codes, streams and what else can be kept": withTop(
    SHOW,
    `
  "/status": async () => {
    const answers = {};
    for (const status of [201, 301, 302, 307, 308, 400, 404, 410, 418, 500, 503]) {
      answers[status] = (await kept({ status, headers: FRESH }, "http://cache.test/status/" + status))[1][0];
    }
    return answers;
  },
  "/stream": async () => kept({ headers: FRESH }, "http://cache.test/stream", streamOf(bytes("ab"), bytes("cd"))),
  "/broken-stream": async () =>
    kept({ headers: FRESH }, "http://cache.test/broken", new ReadableStream({ pull(to) { to.error(new Error("boom")); } })),
  "/empty": async () => kept({ headers: FRESH }, "http://cache.test/empty", null),
  "/status-text": async () => kept({ statusText: "Fine", headers: FRESH }, "http://cache.test/text"),
  "/repeated": async () => kept({ headers: [["cache-control", "max-age=9"], ["x-a", "1"], ["x-a", "2"]] }, "http://cache.test/rep"),
  "/vary": async () => kept({ headers: { ...FRESH, vary: "accept" } }, "http://cache.test/vary"),
`,
  ),
  "ranges and conditions are answered from the cache": withTop(
    `${SHOW}
const URL_OF = "http://cache.test/ranged";
const asked = async (headers) => {
  const init = { headers: { ...FRESH, etag: '"abc"', "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT", "content-type": "text/x" } };
  await caches.default.put(URL_OF, new Response("0123456789", init));
  return told(await caches.default.match(new Request(URL_OF, { headers })));
};`,
    `
  "/first": async () => asked({ range: "bytes=0-3" }),
  "/from": async () => asked({ range: "bytes=2-" }),
  "/last": async () => asked({ range: "bytes=-3" }),
  "/beyond": async () => asked({ range: "bytes=5-100" }),
  "/outside": async () => asked({ range: "bytes=20-30" }),
  "/backwards": async () => asked({ range: "bytes=3-2" }),
  "/nonsense": async () => asked({ range: "bytes=a-b" }),
  "/other-unit": async () => asked({ range: "items=0-1" }),
  "/all": async () => asked({ range: "bytes=-100" }),
  "/same": async () => asked({ "if-none-match": '"abc"' }),
  "/other": async () => asked({ "if-none-match": '"x"' }),
  "/weak": async () => asked({ "if-none-match": 'W/"abc"' }),
  "/one-of": async () => asked({ "if-none-match": '"x", "abc"' }),
  "/any": async () => asked({ "if-none-match": "*" }),
  "/since-then": async () => asked({ "if-modified-since": "Wed, 21 Oct 2015 07:28:00 GMT" }),
  "/since-before": async () => asked({ "if-modified-since": "Wed, 21 Oct 2015 07:27:00 GMT" }),
  "/both": async () => asked({ range: "bytes=0-1", "if-none-match": '"abc"' }),
  "/no-cache": async () => asked({ "cache-control": "no-cache" }),
`,
  ),
  "what is kept expires": withTop(
    SHOW,
    `
  "/expires": async () => {
    const before = await kept({ headers: { "cache-control": "max-age=1" } });
    await scheduler.wait(1200);
    return [before, await told(await caches.default.match("http://cache.test/kept")), await caches.default.delete("http://cache.test/kept")];
  },
`,
  ),
};
