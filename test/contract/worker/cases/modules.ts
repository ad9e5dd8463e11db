// How modules are found, what kinds of them there are, and what is refused.
import type { WorkerCases } from "../case.ts";
import { routed } from "./routed.ts";

/** Exports `f`, which returns 42. */
const WASM = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, 42, 11,
]);
const LIB = { type: "ESModule" as const, contents: "export const b = 'b'; export const imp = (name) => import(name);" };

export const modules: WorkerCases = {
  "imports text, data and wasm as what they are": routed({
    top: `import text from "./lib/a.txt"; import data from "./d.bin"; import wasm from "./m.wasm";`,
    modules: {
      "lib/a.txt": { type: "Text", contents: "hello\n" },
      "d.bin": { type: "Data", contents: new Uint8Array([1, 2, 255]) },
      "m.wasm": { type: "CompiledWasm", contents: WASM },
    },
    observe: {
      text: "[typeof text, text]",
      data: "[data.constructor.name, [...new Uint8Array(data)]]",
      wasm: "[wasm instanceof WebAssembly.Module, WebAssembly.Module.exports(wasm)]",
      run: "new WebAssembly.Instance(wasm).exports.f()",
      "text-names": "Object.keys(await import('./lib/a.txt'))",
      "wasm-names": "Object.keys(await import('./m.wasm'))",
      "same-text": "(await import('./lib/a.txt')).default === text",
      "same-data": "(await import('./lib/../d.bin')).default === data",
    },
  }),
  "finds modules by their path from the root": routed({
    top: `import * as self from "./index.js";`,
    modules: { "lib/b.mjs": LIB, "lib/c.mjs": { type: "ESModule", contents: "export * from './b.mjs';" } },
    observe: {
      relative: "Object.keys(await import('./lib/b.mjs'))",
      absolute: "Object.keys(await import('/lib/b.mjs'))",
      bare: "Object.keys(await import('lib/b.mjs'))",
      "re-exported": "Object.keys(await import('./lib/c.mjs'))",
      dotted: "(await import('./lib/b.mjs')) === (await import('./lib/./x/../b.mjs'))",
      self: "Object.keys(self)",
      "self-again": "(await import('./index.js')) === self",
      beside: "Object.keys(await (await import('./lib/b.mjs')).imp('./c.mjs'))",
      above: "Object.keys(await (await import('./lib/b.mjs')).imp('../index.js'))",
      "bare-beside": "Object.keys(await (await import('./lib/b.mjs')).imp('c.mjs'))",
    },
  }),
  "refuses what is not among its modules": routed({
    modules: { "lib/b.mjs": LIB },
    observe: {
      missing: "import('./x.js')",
      package: "import('lodash')",
      above: "import('../../etc/passwd')",
      absolute: "import('/etc/passwd')",
      file: "import('file:///etc/passwd')",
      http: "import('http://example.com/x.js')",
      data: "import('data:text/javascript,1')",
      blob: "import('blob:x')",
      query: "import('./lib/b.mjs?x=1')",
      hash: "import('./lib/b.mjs#x')",
      "no-ending": "import('./lib/b')",
      folder: "import('./lib')",
      empty: "import('')",
      number: "import(5)",
      undefined: "import(undefined)",
      cloudflare: "import('cloudflare:nope')",
      workerd: "import('workerd:unsafe')",
      internal: "import('cloudflare-internal:env')",
      attributes: "import('./lib/b.mjs', { with: { type: 'json' } })",
      beside: "(await import('./lib/b.mjs')).imp('./zz.js')",
      upwards: "(await import('./lib/b.mjs')).imp('../zz.js')",
      bare: "(await import('./lib/b.mjs')).imp('zz')",
    },
  }),
  "tells what a module that fails has thrown": routed({
    modules: {
      "b.mjs": { type: "ESModule", contents: "export const b = 1;" },
      "throws.mjs": {
        type: "ESModule",
        contents: "globalThis.tries = (globalThis.tries ?? 0) + 1; throw new RangeError('top');",
      },
      "no-export.mjs": { type: "ESModule", contents: "import { nothing } from './b.mjs';" },
      "missing.mjs": { type: "ESModule", contents: "import './gone.mjs';" },
    },
    observe: {
      throws: "import('./throws.mjs')",
      again: "import('./throws.mjs')",
      tries: "globalThis.tries",
      "no-export": "import('./no-export.mjs')",
      missing: "import('./missing.mjs')",
    },
  }),
  "has an empty import.meta": routed({
    modules: {
      "lib/m.mjs": { type: "ESModule", contents: "export default [Object.keys(import.meta), typeof import.meta.url];" },
    },
    observe: {
      keys: "Object.keys(import.meta)",
      url: "typeof import.meta.url",
      others:
        "[typeof import.meta.dirname, typeof import.meta.filename, typeof import.meta.resolve, typeof import.meta.main]",
      prototype: "Object.getPrototypeOf(import.meta)",
      writable: "(import.meta.mine = 1, import.meta.mine)",
      module: "(await import('./lib/m.mjs')).default",
    },
  }),
  "runs CommonJS modules with a require of their own": routed({
    top: `import c, * as names from "./c.cjs";`,
    modules: {
      "c.cjs": {
        type: "CommonJS",
        contents: "exports.a = 1; exports.text = require('./lib/a.txt'); exports.two = require('./lib/two.cjs');",
      },
      "lib/two.cjs": { type: "CommonJS", contents: "module.exports = { two: 2, up: require('../up.cjs') };" },
      "up.cjs": { type: "CommonJS", contents: "module.exports = () => 'up';" },
      "lib/a.txt": { type: "Text", contents: "hello" },
      "d.bin": { type: "Data", contents: new Uint8Array([1]) },
      "missing.cjs": { type: "CommonJS", contents: "require('./gone')" },
      "throws.cjs": { type: "CommonJS", contents: "throw new Error('cjs top')" },
      "node.cjs": { type: "CommonJS", contents: "require('node:fs')" },
      "bare.cjs": { type: "CommonJS", contents: "module.exports = require('lib/a.txt')" },
      "data.cjs": { type: "CommonJS", contents: "module.exports = require('./d.bin').byteLength" },
      "cycle.cjs": { type: "CommonJS", contents: "exports.early = 1; exports.seen = require('./cycle2.cjs').seen;" },
      "cycle2.cjs": { type: "CommonJS", contents: "exports.seen = Object.keys(require('./cycle.cjs'));" },
      "sloppy.cjs": { type: "CommonJS", contents: "module.exports = (function () { return typeof this; })();" },
    },
    observe: {
      names: "Object.keys(names)",
      keys: "Object.keys(c)",
      values: "[c.a, c.text, c.two.two, c.two.up()]",
      missing: "import('./missing.cjs')",
      throws: "import('./throws.cjs')",
      node: "import('./node.cjs')",
      bare: "(await import('./bare.cjs')).default",
      data: "(await import('./data.cjs')).default",
      cycle: "(await import('./cycle.cjs')).default",
      sloppy: "(await import('./sloppy.cjs')).default",
      globals: "[typeof require, typeof module, typeof exports, typeof __dirname]",
    },
  }),
  "waits for a top-level await": routed({
    top: `const late = await Promise.resolve("late"); import { value } from "./slow.mjs";`,
    modules: { "slow.mjs": { type: "ESModule", contents: "export const value = await (async () => 'slow')();" } },
    observe: { late: "late", slow: "value" },
  }),
  "keeps one instance of each module": routed({
    top: `import { counter } from "./counter.mjs"; import * as again from "./lib/../counter.mjs";`,
    modules: {
      "counter.mjs": {
        type: "ESModule",
        contents: "export const counter = { n: 0 }; export let live = 0; export const bump = () => ++live;",
      },
    },
    observe: {
      first: "++counter.n",
      second: "++again.counter.n",
      live: "[again.bump(), again.live, again.bump(), again.live]",
      frozen: "Object.isFrozen(again)",
    },
  }),
  "does not start without a module that it imports": {
    source: `import "./gone.js";\nexport default {};`,
    calls: [{ fetch: "/" }],
  },
  "does not start without Node when it imports node:fs": {
    source: `import fs from "node:fs";\nexport default {};`,
    calls: [{ fetch: "/" }],
  },
};
