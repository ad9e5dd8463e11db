// Reads a list as JSON (one array) or NDJSON (one value a line). An element is an object, or a text: the source alone.
import { messageOf } from "../errors.js";
import { type ColumnMap, guessSource, nameColumns } from "./columns.js";
import { type ListColumn, type RawRow, show } from "./entry.js";
import { listUnreadable, shorten } from "./unreadable.js";

interface Element {
  line: number;
  value: unknown;
}

/** Errors: LIST_UNREADABLE for broken JSON, for anything but an array, or when no element has a source. */
export function readJson(text: string, name: string, map: ColumnMap): RawRow[] {
  const elements = splitArray(text);
  try {
    const values = parse(text);
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
      elements.push({ line, value: parse(raw) });
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
    got: shorten(found.slice(0, 20).join(", ")) || "objects without anything",
    fix: `say which key holds the path or URL of a video: --map source=${shorten(guessSource(found) ?? "url")}`,
  });
}

function toRow(line: number, value: unknown, names: ReadonlyMap<ListColumn, string>): RawRow {
  if (typeof value === "string") return { line, values: { source: value } };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { line, values: {}, wrong: `expected an object or the text of a source, got ${show(value)}` };
  }
  const lower = new Map(Object.entries(value).map(([key, cell]) => [key.trim().toLowerCase(), cell]));
  return { line, values: Object.fromEntries([...names].map(([column, key]) => [column, lower.get(key)])) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text, keepRoundedNumbers);
  } catch (cause) {
    // The stack ends before the nesting does.
    if (cause instanceof RangeError) throw new SyntaxError("it is nested too deeply", { cause });
    throw cause;
  }
}

/** A number that JSON would round to a whole one would silently become another one; its text can still be checked. */
function keepRoundedNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (!Number.isInteger(value)) return value;
  const source = context?.source ?? "";
  return Number.isSafeInteger(value) && isWhole(source) ? value : source || value;
}

/** Whether these digits stand for a whole number: `10`, `1.0` and `1.5e1` do, `4503599627370497.1` does not. */
function isWhole(source: string): boolean {
  if (!/[.e]/i.test(source)) return true;
  const [, digits = "", fraction = "", exponent = "0"] = /^-?(\d+)(?:\.(\d+))?(?:e(.+))?$/i.exec(source) ?? [];
  const behindPoint = fraction.length - Number(exponent);
  return behindPoint <= 0 || /^0*$/.test((digits + fraction).slice(-behindPoint));
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
