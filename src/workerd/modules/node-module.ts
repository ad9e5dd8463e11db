// `node:module`: its `createRequire` knows the runtime's modules, and nothing else.
import { fileURLToPath } from "node:url";
import { nameOf } from "../load/names.js";
import type { FindBuiltin } from "./builtin.js";
import { refusals } from "./node-errors.js";

const NOT_IMPLEMENTED = [
  "SourceMap",
  "_debug",
  "_findPath",
  "_initPaths",
  "_load",
  "_nodeModulePaths",
  "_preloadModules",
  "_resolveFilename",
  "_resolveLookupPaths",
  "findPackageJSON",
  "findSourceMap",
  "register",
  "registerHooks",
  "runMain",
  "setSourceMapsSupport",
  "stripTypeScriptTypes",
  "syncBuiltinESMExports",
  "wrap",
];

export function moduleModule({ names, find }: { names: readonly string[]; find: FindBuiltin }): object {
  const { Module } = refusals("module", ["Module"]);
  const builtinModules = [...names].sort();
  return Object.assign(Module as object, refusals("module", NOT_IMPLEMENTED), {
    Module,
    builtinModules,
    createRequire: (from: unknown) => createRequire(from, find),
    isBuiltin: (name: unknown) => builtinModules.includes(String(name).replace(/^node:/, "")),
    constants: { compileCacheStatus: { FAILED: 0, ENABLED: 1, ALREADY_ENABLED: 2, DISABLED: 3 } },
    enableCompileCache: () => undefined,
    flushCompileCache: () => undefined,
    getCompileCacheDir: () => undefined,
    getSourceMapsSupport: () => ({ enabled: false, nodeModules: false, generatedCode: false }),
    globalPaths: [],
    _cache: {},
    _pathCache: {},
    _extensions: {},
  });
}

function createRequire(from: unknown, find: FindBuiltin): (specifier: unknown) => unknown {
  const path = pathOf(from);
  return (specifier) => {
    const name = String(specifier);
    const builtin = find(name);
    if (builtin !== undefined) return (builtin.load() as Record<string, unknown>).default;
    throw new Error(`No such module "${nameOf(name, path.slice(1)) ?? name}".`);
  };
}

function pathOf(from: unknown): string {
  if (from instanceof URL) return fileURLToPath(from);
  if (typeof from === "string" && from.startsWith("file:")) return fileURLToPath(from);
  if (typeof from === "string" && from.startsWith("/")) return from;
  const rule = "The argument must be a file URL object, a file URL string, or an absolute path string.";
  const text = `The argument 'path' ${rule}. Received '${String(from)}'`;
  throw Object.assign(new TypeError(text), { code: "ERR_INVALID_ARG_VALUE" });
}
