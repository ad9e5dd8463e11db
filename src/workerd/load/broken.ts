// The error for a Worker that does not load: file, line, reason.
import { spawnSync } from "node:child_process";
import { isBuiltin } from "node:module";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { HidbError } from "../../errors.js";
import { native } from "../native.js";
import type { WorkerPlan } from "../plan.js";
import { type Missing, missingOf } from "./names.js";
import { plainUrl } from "./place.js";

/** `sources`: the modules found so far, by name, since the error of one that does not parse names no place. */
export function brokenWorker(plan: WorkerPlan, error: unknown, sources: () => Map<string, string>): HidbError {
  if (error instanceof HidbError) return error;
  const missing = missingOf(error);
  const at = placeOf(plan, error) || (error instanceof SyntaxError ? findSyntaxError(error, sources()) : "");
  return new HidbError({
    code: "WORKER_BROKEN",
    message: `expected the Worker to load, got ${describe(error)}`,
    fix: missing === undefined ? `mend ${at || "the Worker"}, or build it again` : mendImport(plan, missing),
    cause: error,
  });
}

export function noEntry(plan: WorkerPlan): HidbError {
  return new HidbError({
    code: "WORKER_BROKEN",
    message: `expected the Worker ${plan.name} to have a module ${plan.entry}, its entry, got none`,
    fix: "name the built module, or build the Worker again",
  });
}

function mendImport(plan: WorkerPlan, { specifier, importer }: Missing): string {
  return `${importer} imports "${specifier}": ${mendOf(specifier, plan)}`;
}

function mendOf(specifier: string, plan: WorkerPlan): string {
  if (isBuiltin(specifier) && plan.compatibility.node === "off") {
    return 'add "nodejs_compat" to the compatibility_flags, or set HIDB_WORKER_NODE=compat';
  }
  if (/^(?:node|cloudflare|workerd):/.test(specifier)) return "do without it: the runtime has no such module";
  if (/^[./]/.test(specifier)) return `put the file there, or mend the path; files outside ${plan.root} cannot be had`;
  if (/^[a-z]+:/i.test(specifier)) return "put the module beside the Worker: nothing is loaded from elsewhere";
  return `install ${specifier}, or let wrangler bundle it`;
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.split("\n")[0]}` : String(error);
}

/** Node's own check says where, in the module that fails with the same words. */
function findSyntaxError({ message }: SyntaxError, sources: Map<string, string>): string {
  for (const [name, source] of sources) {
    const check = spawnSync(native.process.execPath, ["--check", "--input-type=module", "-"], { input: source });
    const said = check.stderr.toString();
    const line = /^\[stdin\]:(\d+)/.exec(said)?.[1];
    if (line !== undefined && said.includes(message)) return `${name}:${line}`;
  }
  return "";
}

/** `lib/a.js:3:7` below the root: where a syntax error stands, else where the first frame of the stack is. */
function placeOf(plan: WorkerPlan, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const found = /(file:\/\/[^\s)?]+(?:\?[\w=-]+)?)(:\d+(?::\d+)?)/.exec(stack);
  if (found?.[1] === undefined) return "";
  const file = relative(plan.root, fileURLToPath(plainUrl(found[1])));
  return file.startsWith("..") ? "" : `${file}${found[2]}`;
}
