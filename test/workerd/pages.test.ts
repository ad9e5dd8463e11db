// A Pages project: its Worker as a file or a folder, `_routes.json`, and its files as `wrangler pages dev` gives them out.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { HidbError } from "../../src/errors.js";
import { makePlan } from "../../src/workerd/config/plan.js";
import { routeToAssets } from "../../src/workerd/env/assets.js";
import type { AssetsPlan } from "../../src/workerd/plan.js";
import { hostWorker } from "../../src/workerd/public.js";
import { makeFile, makeFolder } from "../catalogue/world.js";
import { freePort } from "../support/ports.js";

const CODE = "export default { fetch: () => new Response('the Worker') };";
const DATE = "2026-07-30";

const FILES = {
  "_worker.js": CODE,
  "_routes.json": JSON.stringify({
    version: 1,
    include: ["/api/*", "/exact", "/slash/", "/*/deep"],
    exclude: ["/api/docs/*", "/api/file.txt"],
  }),
  _headers: "/*\n  X-All: yes\n/app.js\n  X-All: more\n  Cache-Control: max-age=5\n  ! referrer-policy\n",
  _redirects: "/old /about 301\n/gone /about?y=2\n/shown /about 200\n/splat/* /new/:splat 303\n",
  "index.html": "home",
  "about.html": "about",
  "blog/index.html": "blog",
  "blog/first.html": "first",
  "blog/404.html": "no such post",
  "api/docs/a.txt": "docs",
  "api/file.txt": "file",
  bare: "bytes",
  "app.js": "x",
  "a.txt": "text",
  "icon.svg": "<svg/>",
  "f.unknown-kind": "?",
  "s p.html": "spaces",
  "[slug].html": "brackets",
};

const PATHS = [
  ...[
    "/",
    "/index",
    "/index.html",
    "/about",
    "/about/",
    "/about.html?q=1",
    "/nothing",
    "/blog",
    "/blog/",
    "/blog/index.html",
  ],
  ...["/blog/first", "/blog/first.html", "/blog/first/", "/blog/nothing", "/bare", "/app.js", "/a.txt", "/icon.svg"],
  ...["/f.unknown-kind", "/s%20p", "/[slug]", "/%5Bslug%5D", "/old?x=1", "/gone?x=1", "/shown", "/splat/a/b?c=1"],
  ...["/api", "/api/", "/api/x", "/api/docs", "/api/docs/a.txt"],
  ...["/api/file.txt", "/exact", "/exact/", "/exact/more", "/slash", "/slash/", "/a/b/deep", "/deep"],
];

function makeOutput(files: Record<string, string>): string {
  const folder = join(makeFolder(), "out");
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) makeFile(folder, name, content);
  return folder;
}

const plan = async (file: string) => (await makePlan({ file, compatibilityDate: DATE })).plan;

async function refusal(made: Promise<unknown>): Promise<HidbError> {
  const error = await made.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HidbError);
  return error as HidbError;
}

describe("a Pages project", () => {
  it("may be named by its output folder or by its Worker, which is a file", async () => {
    const folder = makeOutput({ "_worker.js": CODE, "index.html": "home" });
    for (const path of [folder, join(folder, "_worker.js")]) {
      const { entry, root, bindings, assets } = await plan(path);
      expect({ entry, root }).toEqual({ entry: join(folder, "_worker.js"), root: folder });
      expect(bindings).toEqual([{ name: "ASSETS", kind: "assets", directory: folder }]);
      expect(assets).toMatchObject({ directory: folder, notFound: "pages", otherwise: "worker" });
    }
  });

  it("may have a Worker that is a folder with chunks", async () => {
    const folder = makeOutput({
      "_worker.js/index.js": "import './chunks/a.js';",
      "_worker.js/chunks/a.js": "",
      "a.txt": "",
    });
    for (const path of [folder, join(folder, "_worker.js"), join(folder, "_worker.js/index.js")]) {
      const { entry, root, assets } = await plan(path);
      expect({ entry, root }).toEqual({ entry: join(folder, "_worker.js/index.js"), root: join(folder, "_worker.js") });
      expect(assets?.directory).toBe(folder);
    }
  });

  it("runs with its chunks, and has its files as env.ASSETS", async () => {
    const folder = makeOutput({
      "_worker.js/index.js": `import { word } from "./chunks/a.js";
        export default { fetch: async (request, { ASSETS }) => new Response(word + (await (await ASSETS.fetch(request)).text())) };`,
      "_worker.js/chunks/a.js": "export const word = 'it says: ';",
      "a.txt": "text",
    });
    const worker = await hostWorker({ file: folder, compatibilityDate: DATE });
    onTestFinished(() => worker.close());
    expect(await (await worker.fetch("/a.txt")).text()).toBe("it says: text");
  });

  it("may be named by its wrangler config, which has its bindings", async () => {
    const folder = makeOutput({ "_worker.js": CODE });
    const config = makeFile(
      join(folder, ".."),
      "wrangler.toml",
      'name = "site"\npages_build_output_dir = "./out"\nvars = { A = "1" }\n',
    );
    const { plan: made } = await makePlan({ config, compatibilityDate: DATE });
    expect(made).toMatchObject({ name: "site", entry: join(folder, "_worker.js") });
    expect(made.bindings.map(({ name }) => name)).toEqual(["A", "ASSETS"]);
  });

  it("has only the requests of _routes.json go to its Worker", async () => {
    const { assets } = await plan(makeOutput(FILES));
    expect(assets).toMatchObject({ workerPaths: ["/api/*", "/exact", "/slash/", "/*/deep"], otherwise: "assets" });
    expect(routeTo(assets, "/api/x")).toBeNull();
    expect(routeTo(assets, "/api/docs/a.txt")?.status).toBe(200);
  });

  it.each([
    ["functions beside the output", "functions/api.js", /got only the sources in .*functions$/],
    ["functions in the output", "out/functions/api.js", /got only the sources in .*functions$/],
    ["an output without a Worker", "out/a.txt", /got a folder without _worker\.js or index\.js$/],
    ["a Worker that is an empty folder", "out/_worker.js/other.js", /to begin with index\.js, got no such file$/],
  ])("is refused with what to do: %s", async (_title, file, said) => {
    const folder = makeOutput({});
    makeFile(join(folder, ".."), file, CODE);
    const error = await refusal(plan(folder));
    expect(error.code).toBe("WORKER_BROKEN");
    expect(error.message).toMatch(said);
    if (file.includes("functions")) expect(error.fix).toContain("npx wrangler pages functions build");
  });

  it("with routes that are none is refused with the file", async () => {
    const folder = makeOutput({ "_worker.js": CODE, "_routes.json": '{ "version": 1, "include": "/*" }' });
    expect((await refusal(plan(folder))).message).toMatch(/_routes\.json to have .* got include: "\/\*"/);
  });
});

describe("other built code", () => {
  it("is a module, or a folder with index.js", async () => {
    const folder = makeOutput({ "index.js": CODE, "other.mjs": CODE, "0a1b-note.txt": "text" });
    expect(await plan(folder)).toMatchObject({ entry: join(folder, "index.js"), root: folder, name: "out" });
    const other = await plan(join(folder, "other.mjs"));
    expect(other).toMatchObject({ entry: join(folder, "other.mjs"), root: folder, bindings: [], crons: [] });
    expect(other.assets).toBeUndefined();
  });

  it("takes no bindings from a config that lies above it", async () => {
    const folder = makeOutput({ "index.js": CODE });
    makeFile(join(folder, ".."), "wrangler.json", '{ "name": "x", "vars": { "A": "1" } }');
    expect((await plan(folder)).bindings).toEqual([]);
  });

  it("that is not there is refused", async () => {
    const error = await refusal(plan(join(makeOutput({}), "gone.js")));
    expect(error.message).toMatch(/expected a built Worker or a Pages output folder at .*gone\.js, got nothing there/);
  });
});

function routeTo(assets: AssetsPlan | undefined, path: string) {
  if (assets === undefined) throw new Error("no assets");
  return routeToAssets(assets, { url: `http://example.org${path}`, method: "GET", headers: [] });
}

const WRANGLER = join(import.meta.dirname, "../../node_modules/wrangler/bin/wrangler.js");

describe("the files of a Pages project", () => {
  it("are given out as `wrangler pages dev` gives them out", async () => {
    const folder = makeOutput(FILES);
    const port = await startPages(folder);
    const { assets } = await plan(folder);
    for (const path of PATHS) {
      const answer = routeTo(assets, encode(path));
      const body = answer?.body == null ? "" : new TextDecoder().decode(answer.body as Uint8Array);
      const ours = answer === null ? "the Worker" : tell(answer.status, answer.headers, body);
      expect.soft({ [path]: ours }).toEqual({ [path]: await ask(port, path) });
    }
  });

  it("are not its Worker, its routes or its rules, over which `wrangler pages dev` stumbles", async () => {
    const { assets } = await plan(makeOutput({ ...FILES, "404.html": "nothing" }));
    for (const path of ["/_worker.js", "/_routes.json", "/_headers", "/_redirects"])
      expect(routeTo(assets, path)?.status).toBe(404);
  });
});

async function startPages(folder: string): Promise<number> {
  const port = await freePort();
  const args = [WRANGLER, "pages", "dev", folder, "--port", String(port), "--compatibility-date", DATE];
  const env = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" };
  const child = spawn(process.execPath, args, { env, cwd: join(folder, ".."), stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(async () => {
    child.kill();
    await once(child, "exit");
  });
  let said = "";
  child.stdout.setEncoding("utf8");
  while (!said.includes("Ready on")) said += String((await once(child.stdout, "data"))[0]);
  child.stdout.resume();
  return port;
}

async function ask(port: number, path: string): Promise<unknown> {
  const asked = request({ port, host: "localhost", path: encode(path) });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const body = await text(response);
  if (body === "the Worker") return body;
  const headers = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
  return tell(response.statusCode ?? 0, headers, body);
}

function encode(path: string): string {
  const { pathname, search } = new URL(path, "http://example.org");
  return `${pathname}${search}`;
}

/** Without what a server adds; an etag is only there or not. */
function tell(status: number, headers: [string, string][], body: string) {
  const named = headers.filter(
    ([name]) => !/^(date|transfer-encoding|content-length|connection|x-server-env|keep-alive)$/.test(name),
  );
  return {
    status,
    body,
    headers: Object.fromEntries(named.map(([name, value]) => [name, name === "etag" ? "given" : value])),
  };
}
