// How a Worker's modules are found and loaded: from files as they were built, from packages, and from nowhere else.
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { HidbError } from "../../src/errors.js";
import { script, setup } from "./loading.js";

const WASM = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
const failed = (loading: Promise<unknown>) => loading.then(String, (error: HidbError) => error);

it("loads a bundle with the text, data, wasm and JSON that wrangler puts beside it", async () => {
  const { load } = setup({
    files: {
      "app/index.js": `
        import text from "./1a2b-q.sql"; import html from "./1a2b-page.html"; import data from "./1a2b-d.bin";
        import wasm from "./1a2b-m.wasm"; import same from "./1a2b-m.wasm?module"; import json from "./c.json";
        export default [text, html, data instanceof ArrayBuffer, data.byteLength, wasm instanceof WebAssembly.Module,
          same instanceof WebAssembly.Module, json.a];`,
      "app/1a2b-q.sql": "SELECT 1",
      "app/1a2b-page.html": "<p>",
      "app/1a2b-d.bin": new Uint8Array(3),
      "app/1a2b-m.wasm": WASM,
      "app/c.json": '{"a":1}',
    },
  });
  expect((await load()).default).toEqual(["SELECT 1", "<p>", true, 3, true, true, 1]);
});

it("takes the rules of the plan before wrangler's own", async () => {
  const { load } = setup({
    files: {
      "app/index.js": `import a from "./a.txt"; import b from "./lib/b.md"; export default [a.byteLength, b];`,
      "app/a.txt": "abc",
      "app/lib/b.md": "# b",
    },
    rules: [
      { type: "Data", globs: ["**/*.txt"] },
      { type: "Text", globs: ["lib/*.md"] },
    ],
  });
  expect((await load()).default).toEqual([3, "# b"]);
});

it("prefers modules that are no files, and imports both from one another", async () => {
  const { load } = setup({
    files: {
      "app/index.js": `export { default } from "./made.js";`,
      "app/made.js": "export default 'file';",
      "app/f.js": "export const f = 1;",
    },
    modules: [script("made.js", `import { f } from "./f.js"; export default ["made", f];`)],
  });
  expect((await load()).default).toEqual(["made", 1]);
});

it("gives every Worker modules of its own, however often its files are loaded", async () => {
  const worker = setup({
    files: {
      "app/index.js": "import { n } from './n.js'; export default n;",
      "app/n.js": "export const n = { at: 0 };",
    },
  });
  const [one, other] = [await worker.load(), await worker.load()];
  expect(one.default).toEqual(other.default);
  expect(one.default).not.toBe(other.default);
});

it("leaves the host's own imports alone", async () => {
  const { load } = setup({ modules: [script("index.js", "export default 1;")] });
  await load();
  expect(typeof (await import("node:fs")).readFileSync).toBe("function");
});

it("keeps lines, columns and names of files in stack traces", async () => {
  const { load, plan } = setup({
    files: { "app/index.js": "import.meta;\nexport default () => { throw new Error('x'); };\n" },
  });
  const fail = (await load()).default as () => void;
  let stack = "";
  try {
    fail();
  } catch (error) {
    stack = (error as Error).stack ?? "";
  }
  // The tests' own stack traces keep the mark that Node's leave out.
  expect(stack.replace(/\?hidb-worker=\d+/, "")).toContain(`file://${plan.entry}:2:30`);
});

it("takes a Worker's .js for ESM, also where npm has written commonjs into its package.json", async () => {
  const { load } = setup({
    files: {
      "app/index.js": `import own from "./own.js"; export default [typeof require, own];`,
      "app/own.js": "module.exports = 'commonjs';",
      "app/package.json": '{"type":"commonjs"}',
    },
  });
  expect((await load()).default).toEqual(["undefined", "commonjs"]);
});

it("finds packages at and above the root, with wrangler's conditions, their ESM and their CommonJS", async () => {
  const { load } = setup({
    files: {
      "app/index.js": `
        import near from "near"; import { named } from "near/sub.js"; import far, { twice } from "far"; import events from "events";
        export default [near, named, far.twice(2), twice(3), events];`,
      "app/node_modules/near/package.json":
        '{"name":"near","type":"module","exports":{".":{"node":"./n.js","workerd":"./w.js"},"./sub.js":"./sub.js"}}',
      "app/node_modules/near/n.js": "export default 'node';",
      "app/node_modules/near/w.js": "import { named } from './sub.js'; export default 'workerd ' + named;",
      "app/node_modules/near/sub.js": "export const named = 'sub';",
      "node_modules/far/package.json": '{"name":"far","main":"main"}',
      "node_modules/far/main.js": "const { times } = require('./lib'); exports.twice = (n) => times(n, 2);",
      "node_modules/far/lib/index.js":
        "const data = require('./data.json'); exports.times = (n, m) => n * m + data.more;",
      "node_modules/far/lib/data.json": '{"more":100}',
      "node_modules/events/package.json": '{"name":"events","main":"./e.js"}',
      "node_modules/events/e.js": "module.exports = 'the package';",
    },
  });
  expect((await load()).default).toEqual(["workerd sub", "sub", 104, 106, "the package"]);
});

it("follows a linked package out of the root, and only that one", async () => {
  const worker = setup({
    files: {
      "app/index.js": `import { ok } from "linked"; export default ok; export const out = () => import("../other/x.js");`,
      "app/node_modules/.keep": "",
      "packages/linked/package.json": '{"name":"linked","type":"module","exports":"./a.js"}',
      "packages/linked/a.js": "export { ok } from './b.js';",
      "packages/linked/b.js": "export const ok = 'linked';",
      "other/x.js": "export default 1;",
    },
  });
  symlinkSync(join(worker.folder, "packages/linked"), join(worker.folder, "app/node_modules/linked"));
  const namespace = await worker.load();
  expect(namespace.default).toBe("linked");
  await expect((namespace.out as () => Promise<unknown>)()).rejects.toThrow(/^No such module "\.\.\/other\/x\.js"$/);
});

it("runs every import of the graph through the guard, also those of packages and of code made from text", async () => {
  const { load } = setup({
    files: {
      "app/index.js": `
        import { tries } from "sly";
        const here = [() => new Function("return import('node:fs')")(), () => (0, eval)("import('node:fs')"), () => import("data:text/javascript,1")];
        export default () => Promise.all([...tries, ...here].map((attempt) => attempt().then(() => "reached", (error) => error.message)));`,
      "node_modules/sly/package.json": '{"name":"sly","main":"sly.js"}',
      "node_modules/sly/sly.js": `exports.tries = [
        () => import("node:fs"),
        async () => require("node:fs"),
        async () => require("/etc/passwd"),
        async () => module.constructor._load("fs"),
        async () => require.main.require("fs"),
      ];`,
    },
  });
  const attempt = (await load()).default as () => Promise<string[]>;
  expect(await attempt()).toEqual([
    'No such module "node:fs".',
    'No such module "node:fs".',
    'No such module "etc/passwd".',
    "module.constructor._load is not a function",
    "Cannot read properties of undefined (reading 'require')",
    'No such module "node:fs".',
    'No such module "node:fs".',
    'No such module "data:text/javascript,1".',
  ]);
});

it("offers no files to a Worker that was handed over as modules", async () => {
  const { load } = setup({ modules: [script("index.js", `export default () => import("vitest");`)] });
  const attempt = (await load()).default as () => Promise<unknown>;
  await expect(attempt()).rejects.toThrow('No such module "vitest".');
});

it("says which import leads nowhere, and what to do", async () => {
  const broken = (source: string) => failed(setup({ files: { "app/index.js": source } }).load());
  const expectMissing = async (source: string, name: string, fix: RegExp) => {
    const error = (await broken(source)) as HidbError;
    expect(error).toMatchObject({ code: "WORKER_BROKEN" });
    expect(error.message).toBe(`expected the Worker to load, got Error: No such module "${name}".`);
    expect(error.fix).toMatch(fix);
  };
  await expectMissing(`import "./gone.js";`, "gone.js", /^index\.js imports "\.\/gone\.js": put the file there/);
  await expectMissing(`import "lodash-none";`, "lodash-none", /install lodash-none, or let wrangler bundle it/);
  await expectMissing(`import "node:fs";`, "node:fs", /nodejs_compat/);
  await expectMissing(`import "https://a.example/x.js";`, "https:/a.example/x.js", /nothing is loaded from elsewhere/);
});

it("says in which line a Worker does not parse, or throws while it loads", async () => {
  const files = { "app/index.js": `import "./lib/a.js";`, "app/lib/a.js": "export const fine = 1;\n  a b\n" };
  const syntax = (await failed(setup({ files }).load())) as HidbError;
  expect(syntax.message).toBe("expected the Worker to load, got SyntaxError: Unexpected identifier 'b'");
  expect(syntax.fix).toBe("mend lib/a.js:2, or build it again");
  const thrown = (await failed(
    setup({ files: { "app/index.js": "\n\nthrow new TypeError('no');" } }).load(),
  )) as HidbError;
  expect(thrown.message).toBe("expected the Worker to load, got TypeError: no");
  expect(thrown.fix).toBe("mend index.js:3:7, or build it again");
});

it("says that the entry is missing", async () => {
  const error = (await failed(setup({ files: { "app/other.js": "" } }).load())) as HidbError;
  expect(error).toMatchObject({ code: "WORKER_BROKEN" });
  expect(error.message).toMatch(/expected the Worker tested to have a module .*index\.js, its entry, got none/);
});

it("keeps Node's process out of the scope of a Worker in our own process", async () => {
  const source = `export default [typeof process, typeof global];
export const own = (() => { const process = { mine: 1 }; return process.mine; })();`;
  const { load } = setup({
    isolated: false,
    modules: [script("index.js", "export default [typeof process, typeof global];")],
  });
  expect((await load()).default).toEqual(["undefined", "undefined"]);
  const declaring = setup({ isolated: false, modules: [script("index.js", source)] });
  expect((await declaring.load()).own).toBe(1);
  const compat = setup({
    isolated: false,
    node: "compat",
    modules: [script("index.js", "export default process.version;")],
  });
  expect((await compat.load()).default).toBe("v22.19.0");
});
