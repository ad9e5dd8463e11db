// Reads a list as JSON (one array) or NDJSON (one value a line). An element is an object, or a text: the source alone.
import { messageOf } from "../errors.js";
import { type ColumnMap, guessSource, nameColumns } from "./columns.js";
import type { ListColumn, RawRow } from "./entry.js";
import { listUnreadable } from "./unreadable.js";

interface Element {
  line: number;
  value: unknown;
}

/** Errors: LIST_UNREADABLE for broken JSON, for anything but an array, or when no element has a source. */
export function readJson(text: string, name: string, map: ColumnMap): RawRow[] {
  const elements = splitArray(text);
  try {
    const values: unknown = JSON.parse(text, keepLargeNumbers);
    if (!Array.isArray(values)) throw new SyntaxError("it is no array");
    return toRows(
      values.map((value, at) => ({ value, line: elements[at]?.line ?? 1 })),
      name,
      map,
    );
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const broken = elements.find((element) => !isJson(element.text)) ?? elements.at(-1);
    const got = `something else (${messageOf(cause).replaceAll("\n", " ")})`;
    throw listUnreadable({ name, line: broken?.line ?? 1, expected: "a JSON array of videos", got, cause });
  }
}

/** Errors: LIST_UNREADABLE with the line that is no JSON. */
export function readNdjson(text: string, name: string, map: ColumnMap): RawRow[] {
  const elements: Element[] = [];
  for (const [at, raw] of text.split(/\r\n|\n|\r/).entries()) {
    if (raw.trim() === "") continue;
    const line = at + 1;
    try {
      elements.push({ line, value: JSON.parse(raw, keepLargeNumbers) });
    } catch (cause) {
      const got = `something else (${messageOf(cause)})`;
      throw listUnreadable({ name, line, expected: "one JSON value a line", got, cause });
    }
  }
  return toRows(elements, name, map);
}

function toRows(elements: Element[], name: string, map: ColumnMap): RawRow[] {
  const names = nameColumns(map);
  const rows = elements.map(({ line, value }) => toRow(line, value, names));
  const objects = elements.filter(({ value }) => typeof value === "object" && value !== null);
  if (objects.length === 0 || rows.some((row) => row.values.source !== undefined)) return rows;
  const found = [...new Set(objects.slice(0, 100).flatMap(({ value }) => Object.keys(value as object)))];
  throw listUnreadable({
    name,
    line: elements[0]?.line ?? 1,
    expected: `objects with a "${names.get("source") ?? "source"}"`,
    got: found.slice(0, 20).join(", ") || "objects without anything",
    fix: `say which key holds the path or URL of a video: --map source=${guessSource(found) ?? "url"}`,
  });
}

function toRow(line: number, value: unknown, names: ReadonlyMap<ListColumn, string>): RawRow {
  if (typeof value === "string") return { line, values: { source: value } };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { line, values: {}, wrong: `expected an object or the text of a source, got ${JSON.stringify(value)}` };
  }
  const lower = new Map(Object.entries(value).map(([key, cell]) => [key.trim().toLowerCase(), cell]));
  return { line, values: Object.fromEntries([...names].map(([column, key]) => [column, lower.get(key)])) };
}

/** A number beyond 2^53 would silently become its neighbour; its text can still be checked. */
function keepLargeNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? value) : value;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Where each element of the outermost array begins, and its text: JSON.parse tells neither. */
function splitArray(text: string): { line: number; text: string }[] {
  const elements: { line: number; text: string }[] = [];
  let depth = 0;
  let line = 1;
  let start = -1;
  let startLine = 1;
  const end = (at: number) => {
    if (start >= 0) elements.push({ line: startLine, text: text.slice(start, at) });
    start = -1;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === "\n") line++;
    if (/\s/.test(char)) continue;
    if (depth === 1 && (char === "," || char === "]")) end(at);
    else if (depth === 1 && start < 0) {
      start = at;
      startLine = line;
    }
    if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth--;
    else if (char === '"') at = endOfString(text, at);
  }
  end(text.length);
  return elements;
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"' || text[at] === "\n") return text[at] === "\n" ? at - 1 : at;
  }
  return text.length;
}
