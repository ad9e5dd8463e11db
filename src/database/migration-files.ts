// The files of a migrations folder, in the order and by the names that wrangler gives them.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, relative, sep } from "node:path";
import { splitStatements } from "./split.js";

/** Names relative to the folder, with forward slashes; the pattern is wrangler's `migrations_pattern` after its folder. */
export function listMigrations(folder: string, pattern = "*.sql"): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/"))
    .filter((name) => posix.matchesGlob(name, pattern))
    .sort(compareNames);
}

export function readMigration(folder: string, name: string): string[] {
  // Checked out on Windows or not, it makes the same schema, to the letter.
  const sql = readFileSync(join(folder, name), "utf8")
    .replace(/^\uFEFF/, "")
    .replaceAll("\r\n", "\n");
  return splitStatements(sql, { comments: "drop" });
}

/** Folder by folder: by the number in front, what has none last, and the same numbers by their text. */
function compareNames(one: string, other: string): number {
  const [ones, others] = [one.split("/"), other.split("/")];
  for (const [at, a] of ones.entries()) {
    const b = others[at];
    if (b === undefined) return 1;
    if (a !== b) return compareNumbers(numberOf(a), numberOf(b)) || (a < b ? -1 : 1);
  }
  return ones.length - others.length;
}

function numberOf(name: string): number {
  const [digits] = /^\s*[+-]?\d+/.exec(name.split("_")[0] ?? "") ?? [];
  return digits === undefined ? Number.POSITIVE_INFINITY : Number(digits);
}

function compareNumbers(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
