// Which files are modules of which kind: wrangler's rules.
import { wranglerConfigError } from "../../database/wrangler/error.js";
import type { WorkerKeys } from "../../database/wrangler/keys.js";
import type { ModuleRule, ModuleType } from "../plan.js";

export const DEFAULT_RULES: readonly ModuleRule[] = [
  { type: "Text", globs: ["**/*.txt", "**/*.html", "**/*.sql"] },
  { type: "Data", globs: ["**/*.bin"] },
  { type: "CompiledWasm", globs: ["**/*.wasm", "**/*.wasm?module"] },
];

const TYPES: readonly ModuleType[] = ["ESModule", "CommonJS", "Text", "Data", "CompiledWasm"];

/** The config's rules, then wrangler's own: the first rule of a type that has no `fallthrough` is its last. */
export function rulesOf(given: WorkerKeys["rules"], file: string): ModuleRule[] {
  const ended = new Set<string>();
  const rules: ModuleRule[] = [];
  for (const { type, globs, fallthrough } of [...given, ...DEFAULT_RULES.map(asGiven)]) {
    if (ended.has(type)) continue;
    if (fallthrough !== true) ended.add(type);
    rules.push({ type: checkType(type, file), globs });
  }
  return rules;
}

const BY_ENDING: readonly [RegExp, ModuleType][] = [
  [/\.(txt|html|sql)$/, "Text"],
  [/\.bin$/, "Data"],
  [/\.wasm(\?module)?$/, "CompiledWasm"],
  [/\.cjs$/, "CommonJS"],
  [/\.json$/, "JSON"],
];

/** For a module whose type is not said. */
export function typeByEnding(path: string): ModuleType {
  return BY_ENDING.find(([ending]) => ending.test(path))?.[1] ?? "ESModule";
}

function asGiven({ type, globs }: ModuleRule): WorkerKeys["rules"][number] {
  return { type, globs: [...globs] };
}

function checkType(type: string, file: string): ModuleType {
  const known = TYPES.find((name) => name === type);
  if (known !== undefined) return known;
  throw wranglerConfigError({
    expected: `the rules of ${file} to be of the types ${TYPES.join(", ")}`,
    got: `"${type}"`,
    fix: "remove that rule: such modules cannot run here",
  });
}
