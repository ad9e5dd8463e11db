// Static files beside a Worker, answered as real workerd's assets answer them (through miniflare).
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { Miniflare } from "miniflare";
import { afterEach, describe, expect, it } from "vitest";
import { makeAssets, routeToAssets } from "../../src/workerd/env/assets.js";
import type { FetchAnswer } from "../../src/workerd/host/protocol.js";
import type { AssetsPlan, WorkerPlan } from "../../src/workerd/plan.js";
import { makeFile, makeFolder } from "../catalogue/world.js";

const FILES = {
  "index.html": "<h1>home</h1>",
  "about.html": "about",
  "blog/index.html": "blog",
  "blog/first.html": "first",
  "blog/404.html": "no such post",
  "both.html": "both, a page",
  "both/index.html": "both, a folder",
  "404.html": "nothing",
  bare: "bare bytes",
  "exact/index": "an index without an ending",
  "app.js": "console.log(1)",
  "style.css": "a{}",
  "data.json": "{}",
  "icon.svg": "<svg/>",
  "a.txt": "text",
  "b.xml": "<a/>",
  "c.md": "# md",
  "d.wasm": "w",
  "e.bin": "b",
  "f.unknown-kind": "?",
  "g.png": "p",
  "h.ico": "i",
  "i.mjs": "m",
  "j.map": "{}",
  "k.woff2": "w",
  "l.yaml": "y",
  "m.webmanifest": "{}",
  "n.csv": "1,2",
  "o.pdf": "%",
  "p.mp4": "v",
  "q.xhtml": "x",
  "r.htm": "h",
  "s p a c e.html": "spaces",
  "ümlaut.html": "non-ASCII",
  "[slug].html": "brackets",
  "hidden/secret.txt": "ignored",
  "keep.log": "ignored",
  "kept.log": "kept",
  ".well-known/x": "dots",
};

const PATHS = [
  ...[
    "/",
    "/index",
    "/index.html",
    "/about",
    "/about/",
    "/about.html",
    "/about/index",
    "/about/index.html",
    "/nothing",
  ],
  ...[
    "/blog",
    "/blog/",
    "/blog/index",
    "/blog/index.html",
    "/blog.html",
    "/blog/first",
    "/blog/first.html",
    "/blog/first/",
  ],
  ...[
    "/blog/nothing",
    "/blog/deep/er",
    "/both",
    "/both/",
    "/both.html",
    "/both/index.html",
    "/both/index",
    "/bare",
    "/bare/",
  ],
  ...["/exact/index", "/exact/", "/exact", "/app.js?x=1"],
  ...[
    "/s p a c e",
    "/s%20p%20a%20c%20e.html?q=1",
    "/%C3%BCmlaut",
    "/ümlaut.html",
    "/[slug]",
    "/%5Bslug%5D",
    "/%5bslug%5d",
  ],
  ...["//about", "/blog//first", "/%2e%2e/etc", "/a%2Fb", "/%ff", "/hidden/secret.txt", "/keep.log", "/kept.log"],
  ...["/_headers", "/_redirects", "/.assetsignore", "/.well-known/x", "/404", "/404.html"],
  ...[
    "/old",
    "/old?x=1",
    "/gone?x=1",
    "/out/a/b?x=1",
    "/pics/7",
    "/shown",
    "/shown/",
    "/host",
    "/splat/a/b/c?d=1",
    "/forever/x",
  ],
  ...["/seen.txt", "/api/a", "/api/docs/b", "/api", "/style.css"],
  ...["js", "css", "svg", "txt"].map((ending) => `/none.${ending}`),
];

const RULES = {
  _redirects: `
# a comment
/old /about 301 # moved
/gone /about?y=2
/out/* https://example.com/:splat 308
/pics/:id /icon.svg?id=:id 307
/shown /about 200
/splat/* /new//:splat 303
/old /twice
/bad /x 999
/one
/forever/* /forever/index.html
https://example.org/host /elsewhere
`,
  _headers: `
/*
  X-All: yes
/style.css
  X-All: more
  Cache-Control: max-age=5
/blog/:post
  X-Post: is :post
  ! etag
/app.*
  X-Splat: :splat
`,
  ".assetsignore": "hidden/\n*.log\n!kept.log\n# a comment\n",
};

const TYPES = Object.keys(FILES).filter((name) => /^[a-r]\.|^(app|style|data|icon)\./.test(name));

interface Setting {
  html?: AssetsPlan["htmlHandling"];
  notFound?: Exclude<AssetsPlan["notFound"], "pages">;
  first?: boolean | string[];
  rules?: boolean;
}

const WORKER = `export default { async fetch(request, env) {
  const url = new URL(request.url);
  if (!url.searchParams.has("ask")) return new Response("the Worker");
  url.searchParams.delete("ask");
  return env.FILES.fetch(new Request(url, request));
} }`;

let miniflare: Miniflare | undefined;
afterEach(async () => {
  await miniflare?.dispose();
  miniflare = undefined;
});

function setup({ html = "auto-trailing-slash", notFound = "none", first = false, rules = false }: Setting) {
  const directory = makeFolder();
  for (const [name, content] of Object.entries({ ...FILES, ...(rules ? RULES : {}) }))
    makeFile(directory, name, content);
  const paths = Array.isArray(first) ? first : [];
  const plan: AssetsPlan = {
    ...{ directory, htmlHandling: html, notFound, navigation: true },
    assetPaths: paths.filter((path) => path.startsWith("!")).map((path) => path.slice(1)),
    workerPaths: paths.filter((path) => !path.startsWith("!")),
    otherwise: first === true ? "worker" : "found",
  };
  miniflare = new Miniflare({
    modules: true,
    script: WORKER,
    compatibilityDate: "2026-07-30",
    assets: {
      directory,
      binding: "FILES",
      routerConfig: {
        has_user_worker: true,
        invoke_user_worker_ahead_of_assets: first === true,
        ...(paths.length > 0
          ? { static_routing: { user_worker: plan.workerPaths, asset_worker: plan.assetPaths } }
          : {}),
      },
      assetConfig: { html_handling: html, not_found_handling: notFound },
    },
  });
  const binding = makeAssets(directory, { plan: { assets: plan } as WorkerPlan });
  return { plan, miniflare, binding, directory };
}

interface Told {
  status: number;
  headers: Record<string, string>;
  body: string;
}

interface Asking {
  method?: string;
  headers?: Record<string, string>;
}

/** By plain HTTP: a fetch would put in headers of its own. */
async function ask(path: string, { method = "GET", headers = {} }: Asking = {}): Promise<Told> {
  const { hostname, port } = await (miniflare as Miniflare).ready;
  const encoded = new URL(`http://example.org${path}`);
  const asked = request({ hostname, port, method, path: encoded.href.slice(encoded.origin.length), headers });
  asked.setHeader("host", "example.org").end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const names = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
  return tell(response.statusCode ?? 0, names, await text(response));
}

/** Without what a server adds; an etag is only there or not. */
function tell(status: number, headers: Iterable<readonly [string, string]>, body: string): Told {
  const named = [...headers].filter(
    ([name]) => !/^(date|transfer-encoding|content-length|connection|mf-|x-mf-)/.test(name),
  );
  return {
    status,
    headers: Object.fromEntries(named.map(([name, value]) => [name, name === "etag" ? "given" : value])),
    body,
  };
}

const THE_WORKER = tell(200, [["content-type", "text/plain;charset=UTF-8"]], "the Worker");

function answerOf(plan: AssetsPlan, path: string, { method = "GET", headers = {} }: Asking = {}): Told {
  const answer = routeToAssets(plan, { url: `http://example.org${path}`, method, headers: Object.entries(headers) });
  if (answer !== null) return told(answer);
  return method === "HEAD" ? { ...THE_WORKER, body: "" } : THE_WORKER;
}

function told({ status, headers, body }: FetchAnswer): Told {
  return tell(status, headers, body === null ? "" : new TextDecoder().decode(body as Uint8Array));
}

async function compare(plan: AssetsPlan, paths: readonly string[], init: Asking = {}): Promise<void> {
  const theirs: Record<string, Told> = {};
  for (const path of paths) theirs[path] = await ask(path, init);
  expect(Object.fromEntries(paths.map((path) => [path, answerOf(plan, path, init)]))).toEqual(theirs);
}

const SETTINGS: Record<string, Setting> = {
  "nothing said": {},
  "every slash forced": { html: "force-trailing-slash" },
  "no slash": { html: "drop-trailing-slash" },
  "no handling of HTML": { html: "none" },
  "a single-page application": { notFound: "single-page-application" },
  "a 404 page": { notFound: "404-page" },
  "the Worker first": { first: true },
  "the Worker first by path": { first: ["/api/*", "/about", "!/api/docs/*"], notFound: "single-page-application" },
  "redirects, headers and ignored files": { rules: true },
  "redirects, headers and a 404 page": { rules: true, notFound: "404-page" },
};

describe("static files before the Worker", () => {
  it.each(Object.keys(SETTINGS))("answer every path as workerd's: %s", async (title) => {
    const { plan } = setup(SETTINGS[title] as Setting);
    await compare(plan, PATHS);
  });

  it("have the content types of Cloudflare", async () => {
    const { plan } = setup({});
    await compare(
      plan,
      TYPES.map((name) => `/${name}`),
    );
  });

  it.each(["HEAD", "POST", "OPTIONS", "DELETE"])("answer %s as workerd's", async (method) => {
    const { plan } = setup({ notFound: "404-page", rules: true });
    await compare(plan, ["/", "/about", "/about.html", "/nothing", "/old", "/app.js"], { method });
  });

  it.each([
    ["a browser's navigation", { "sec-fetch-mode": "navigate" }],
    ["a request with a name", { authorization: "Basic eDp5" }],
    ["a request for a part", { range: "bytes=0-2" }],
  ])("answer %s as workerd's", async (_title, headers) => {
    const { plan } = setup({ notFound: "single-page-application" });
    await compare(plan, ["/", "/nothing", "/app.js"], { headers });
  });

  it("answer 304 to who has them", async () => {
    const { plan } = setup({});
    const url = "http://example.org/app.js";
    const etag =
      routeToAssets(plan, { url, method: "GET", headers: [] })?.headers.find(([name]) => name === "etag")?.[1] ?? "";
    const theirs = await (miniflare as Miniflare).dispatchFetch(url);
    await theirs.text();
    const real = await ask("/app.js", { headers: { "if-none-match": theirs.headers.get("etag") ?? "" } });
    expect(real.status).toBe(304);
    for (const known of [etag, `W/${etag}`])
      expect(answerOf(plan, "/app.js", { headers: { "if-none-match": known } })).toEqual(real);
    expect(answerOf(plan, "/app.js", { headers: { "if-none-match": '"other"' } }).status).toBe(200);
  });
});

describe("env.ASSETS", () => {
  it("gives out files as workerd's does, whoever comes first", async () => {
    const { binding } = setup({ first: true, notFound: "404-page", rules: true });
    for (const path of ["/", "/about.html", "/blog", "/nothing", "/old", "/app.js"]) {
      const response = await binding.fetch(`http://any.host${path}`);
      const ours = tell(response.status, response.headers, await response.text());
      expect({ path, ...ours }).toEqual({ path, ...(await ask(`${path}?ask`)) });
    }
  });

  it("takes what fetch takes", async () => {
    const { binding } = setup({});
    expect(await (await binding.fetch(new URL("http://a/a.txt"))).text()).toBe("text");
    expect(await (await binding.fetch(new Request("http://a/a.txt", { method: "HEAD" }))).text()).toBe("");
    expect((await binding.fetch("http://a/about", { method: "POST" })).status).toBe(405);
    await expect(binding.fetch("/relative")).rejects.toThrow(TypeError);
  });
});
