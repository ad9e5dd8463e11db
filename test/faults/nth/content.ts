// What a database holds, as text that can be compared; what is different each time is made equal.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import BetterSqlite3 from "better-sqlite3";

/** Rows of this kind count something that a second try counts once more, or are a name of their own. */
const PASSING_KEYS = new Set(["turn", "source", "sequence"]);

/** Every table with every row, one line each. */
export function contentOf(file: string): string[] {
  const database = new BetterSqlite3(file, { readonly: true });
  try {
    const schema = database
      .prepare<[], { type: string; name: string; sql: string | null }>(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name",
      )
      .all();
    const rows = schema
      .filter(({ type, name }) => type === "table" && name !== "sqlite_sequence")
      .flatMap(({ name }) => {
        const all = database.prepare(`SELECT * FROM "${name}"`).all() as Record<string, unknown>[];
        return all.filter((row) => !isPassing(name, row)).map((row) => `${name} ${steadyRow(row)}`);
      });
    return [...schema.map(({ type, name, sql }) => `${type} ${name} ${sql}`), ...rows.sort()];
  } finally {
    database.close();
  }
}

function isPassing(table: string, row: Record<string, unknown>): boolean {
  return table === "hidb_mirror" && PASSING_KEYS.has(String(row.key));
}

/** Moments of today are all alike. */
export function steadyRow(row: Record<string, unknown>): string {
  const shown = JSON.stringify(row, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value));
  return shown.replace(/\b1[678]\d{11}(\.\d+)?\b/g, "<time>").replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d/g, "<time>");
}

/** What SQLite itself finds wrong with the file; a file that never came to be is sound. */
export function integrityOf(file: string): string {
  if (!existsSync(file)) return "ok";
  const database = new BetterSqlite3(file);
  try {
    const found = database.pragma("integrity_check") as { integrity_check: string }[];
    return found.map((row) => row.integrity_check).join("; ");
  } finally {
    database.close();
  }
}

/** Names of all files below a folder, but for SQLite's own and the given ones. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => !/-(wal|shm)$/.test(name))
    .sort();
}

/** Of a text; moments are all alike, and so are folders. */
export function digestOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const moments = /\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d/g;
  const text = readFileSync(file, "utf8").replaceAll(dirname(file), "<folder>").replace(moments, "<time>");
  return createHash("sha256").update(text).digest("hex");
}

/** The first few lines that only one of them has. */
export function differenceOf(expected: string[], got: string[]): string | undefined {
  const [wanted, found] = [new Set(expected), new Set(got)];
  const missing = expected.filter((line) => !found.has(line)).map((line) => `- ${line}`);
  const surplus = got.filter((line) => !wanted.has(line)).map((line) => `+ ${line}`);
  const lines = [...missing.slice(0, 4), ...surplus.slice(0, 4)];
  if (lines.length > 0) return lines.join("\n    ");
  return expected.length === got.length ? undefined : `${expected.length} lines expected, got ${got.length}`;
}

/** Of a folder as it is, with all that lies in it. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true });
}
