// What kind of module a file is: by the rules of the plan, else by wrangler's own, else it is JavaScript.
import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, matchesGlob, parse } from "node:path";
import type { ModuleRule, ModuleType } from "../plan.js";

/** Wrangler's own rules; by the ending, wherever the file stands. */
const WRANGLER_RULES: readonly [ending: RegExp, type: ModuleType][] = [
  [/\.(?:txt|html|sql)$/, "Text"],
  [/\.bin$/, "Data"],
  [/\.wasm(?:\?module)?$/, "CompiledWasm"],
  [/\.json$/, "JSON"],
];

/** `import x from "..."`, `export {`, `export default`, `import "..."` at the start of a line; minified code has them first or after a `;`. */
const ESM_SYNTAX =
  /(?:^|[;}\n])\s*(?:import\s*(?:[\w$*{]|["'])|export\s*(?:[{*]|default\b|const\b|let\b|var\b|class\b|function\b|async\b))/;

/** `path` from the root, with what follows a `?`. */
export function ruledKind(path: string, rules: readonly ModuleRule[]): ModuleType | undefined {
  const rule = rules.find(({ globs }) => globs.some((glob) => matchesGlob(path, glob)));
  return rule?.type ?? WRANGLER_RULES.find(([ending]) => ending.test(path))?.[1];
}

/** JavaScript of the Worker is ESM unless its package says CommonJS; a package's own is what Node takes it for. */
export function scriptKind(file: string, source: string, isPackage: boolean): "ESModule" | "CommonJS" {
  const extension = extname(file);
  if (extension === ".mjs") return "ESModule";
  if (extension === ".cjs") return "CommonJS";
  const said = packageType(dirname(file));
  if (said === "module" || (said === undefined && !isPackage)) return "ESModule";
  // `npm init` writes "type": "commonjs" of its own accord, also where a build puts ESM.
  return ESM_SYNTAX.test(source) ? "ESModule" : "CommonJS";
}

function packageType(folder: string): string | undefined {
  const file = packageFileOf(folder);
  if (file === undefined) return undefined;
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof parsed === "object" && parsed !== null && "type" in parsed ? String(parsed.type) : undefined;
}

/** The nearest package.json at or above the folder. */
export function packageFileOf(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const file = join(at, "package.json");
    if (existsSync(file)) return file;
    if (at === parse(at).root) return undefined;
  }
}
