// The old service-worker syntax: a script without exports, whose bindings are globals.
import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import type { WorkerPlan } from "../plan.js";

/** Bundlers write exports at the start of a line or after a semicolon. */
const EXPORTS = /(^|[;}\n])\s*export\s*(\{|\*|default\b|const\b|let\b|var\b|class\b|function\b|async\b)/;

export function isScript({ entry, modules }: WorkerPlan): boolean {
  const planned = modules.find(({ path }) => path === entry)?.contents;
  const text = planned ?? (isAbsolute(entry) ? readFileSync(entry, "utf8") : "");
  return typeof text === "string" && text !== "" && !EXPORTS.test(text);
}
