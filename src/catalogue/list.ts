// Reads what `hidb add` was given: a folder, a media file, a list in a file, or a list on standard input.
import { constants } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { messageOf } from "../errors.js";
import type { ColumnMap } from "./columns.js";
import { readCsv } from "./csv.js";
import { checkRows, type RawRow, type VideoList } from "./entry.js";
import { scanFolder } from "./folder.js";
import { readJson, readNdjson } from "./json.js";
import { isMedia } from "./media.js";
import { listUnreadable } from "./unreadable.js";

export interface ReadListOptions {
  map?: ColumnMap;
  /** Where a relative path that was typed, or that stands in a list on standard input, starts. */
  cwd: string;
  /** For `-`: everything on standard input. */
  readStdin: () => Promise<Uint8Array>;
}

/** Errors: LIST_UNREADABLE, with nothing taken. */
export async function readVideoList(what: string, options: ReadListOptions): Promise<VideoList> {
  const map: ColumnMap = options.map ?? new Map();
  if (what === "-") return readList(await options.readStdin(), { name: "standard input", base: options.cwd, map });
  const path = resolve(options.cwd, what);
  const stat = lookAt(path, what);
  if (stat.isDirectory()) return scanFolder(path);
  if (!stat.isFile()) throw noFile(what);
  if (isMedia(path)) return checkRows([{ line: 1, values: { source: path } }], dirname(path));
  const known = formatOf(path);
  if (known === undefined) {
    throw listUnreadable({
      name: what,
      expected: "a folder, a media file or a list that ends in .csv, .json or .ndjson",
      got: extname(path) === "" ? "a name without an ending" : extname(path),
      fix: `rename it, or let hidb find out what it is: hidb add - < ${JSON.stringify(basename(path))}`,
    });
  }
  return readList(readFile(path, what), { name: what, base: dirname(path), map, format: known });
}

type Format = "csv" | "json";

interface ListPlace {
  name: string;
  base: string;
  map: ColumnMap;
  format?: Format;
}

function readList(bytes: Uint8Array, { name, base, map, format }: ListPlace): VideoList {
  const text = decode(bytes, name);
  if (text.trim() === "") throw listUnreadable({ name, expected: "a list of videos", got: "nothing" });
  return checkRows(parseRows(text, { name, map, csv: format === "csv" }), base);
}

function parseRows(text: string, { name, map, csv }: { name: string; map: ColumnMap; csv: boolean }): RawRow[] {
  const first = text.trimStart()[0];
  // What begins like JSON is JSON, whichever of its two forms the ending promises.
  if (!csv && first === "[") return readJson(text, name, map);
  if (!csv && (first === "{" || first === '"') && !looksQuotedCsv(text)) return readNdjson(text, name, map);
  if (csv || name === "standard input") return readCsv(text, name, map);
  return readNdjson(text, name, map);
}

/** `"id","source"` is a CSV header, `"a.mp4"` a line of NDJSON. */
function looksQuotedCsv(text: string): boolean {
  return /^\s*"[^"]*"\s*[,;\t]/.test(text);
}

function formatOf(path: string): Format | undefined {
  switch (extname(path).toLowerCase()) {
    case ".csv":
    case ".tsv":
      return "csv";
    case ".json":
    case ".ndjson":
    case ".jsonl":
      return "json";
    default:
      return undefined;
  }
}

function decode(bytes: Uint8Array, name: string): string {
  if (bytes.length > constants.MAX_STRING_LENGTH) {
    const most = `${Math.floor(constants.MAX_STRING_LENGTH / 1e6)} MB`;
    const got = `${Math.ceil(bytes.length / 1e6)} MB`;
    throw listUnreadable({ name, expected: `at most ${most}`, got, fix: "divide the list and add its parts" });
  }
  const nul = bytes.indexOf(0);
  if (nul >= 0) throw notText(name, bytes, nul, "binary data");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const lossy = new TextDecoder("utf-8").decode(bytes);
    const line = lossy.slice(0, lossy.indexOf("\uFFFD")).split("\n").length;
    const fix = "save the list as UTF-8 and add it again; nothing was taken";
    throw listUnreadable({ name, line, expected: "UTF-8 text", got: "another encoding", fix, cause });
  }
}

function notText(name: string, bytes: Uint8Array, at: number, got: string) {
  const line = Buffer.from(bytes.subarray(0, at)).toString("latin1").split("\n").length;
  return listUnreadable({ name, line, expected: "UTF-8 text", got });
}

/** Reading a pipe would wait until something is written to it. */
function noFile(what: string) {
  return listUnreadable({
    name: dirname(what),
    expected: `a folder or a file ${JSON.stringify(basename(what))}`,
    got: "a device, pipe or socket",
    fix: `let hidb read it as standard input: hidb add - < ${JSON.stringify(what)}`,
  });
}

function lookAt(path: string, what: string) {
  try {
    return statSync(path);
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw listUnreadable({
      name: dirname(path),
      expected: `a folder or a list ${JSON.stringify(basename(what))}`,
      got: missing ? "nothing of that name" : messageOf(cause),
      fix: "give the path of a folder, of a .csv, .json or .ndjson list, or - for standard input",
      cause,
    });
  }
}

function readFile(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const fix = "give this user read permission on it";
    throw listUnreadable({ name: what, expected: "to read the list", got: messageOf(cause), fix, cause });
  }
}
