// What a cache answers to a request for something that it has: all of it, ranges of it, or that nothing has changed.
import { randomUUID } from "node:crypto";
import type { CacheEntry } from "../env/cache-store.js";

export interface Hit {
  status: number;
  headers: [string, string][];
  body: Uint8Array | null;
}

interface Range {
  start: number;
  /** Inclusive. */
  end: number;
}

export function answerFromCache(entry: CacheEntry, asked: { get(name: string): string | null }): Hit {
  const headers = new Map(entry.headers);
  headers.set("cf-cache-status", "HIT");
  const size = entry.body.byteLength;
  const range = asked.get("range");
  const ranges = range === null ? [] : parseRanges(range, size);
  if (ranges === null) {
    const unsatisfiable: [string, string][] = [
      ["cf-cache-status", "HIT"],
      ["content-range", `bytes */${size}`],
    ];
    return { status: 416, headers: unsatisfiable, body: null };
  }
  if (isUnchanged(headers, asked)) return { status: 304, headers: [...headers], body: null };
  const [first, second] = ranges;
  if (first === undefined) return { status: entry.status, headers: [...headers], body: entry.body };
  if (second !== undefined) return { status: 206, ...multipart(entry, headers, ranges) };
  headers.set("content-range", `bytes ${first.start}-${first.end}/${size}`);
  headers.set("content-length", String(first.end - first.start + 1));
  return { status: 206, headers: [...headers], body: slice(entry, first) };
}

function isUnchanged(headers: Map<string, string>, asked: { get(name: string): string | null }): boolean {
  const etag = parseEtag(headers.get("etag"));
  const tags = asked.get("if-none-match");
  if (tags !== null && etag !== null) {
    if (tags.trim() === "*" || tags.split(",").some((tag) => parseEtag(tag) === etag)) return true;
  }
  const since = parseDate(asked.get("if-modified-since"));
  return parseDate(headers.get("last-modified")) <= since;
}

function parseEtag(value: string | undefined): string | null {
  return /^(?:W\/)?"(.+)"$/.exec(value?.trim() ?? "")?.[1] ?? null;
}

function parseDate(value: string | null | undefined): number {
  return /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/.test(value ?? "") ? Date.parse(value ?? "") : Number.NaN;
}

/** Null for ranges that cannot be had; empty for ones that are all of it. */
function parseRanges(header: string, size: number): Range[] | null {
  const listed = /^ *bytes *=(.*)$/i.exec(header)?.[1];
  if (listed === undefined) return null;
  if (listed.trim() === "") return [];
  const ranges: Range[] = [];
  for (const part of listed.split(",")) {
    const [, start = "", end = ""] = /^ *(\d+)? *- *(\d+)? *$/.exec(part) ?? [];
    if (start === "" && end === "") return null;
    if (start === "") {
      const length = Number(end);
      if (length >= size) return [];
      if (length > 0) ranges.push({ start: size - length, end: size - 1 });
      continue;
    }
    const range = { start: Number(start), end: end === "" ? size - 1 : Math.min(Number(end), size - 1) };
    if (range.start >= size || (end !== "" && range.start > Number(end))) return null;
    ranges.push(range);
  }
  return ranges;
}

function multipart(entry: CacheEntry, headers: Map<string, string>, ranges: Range[]): Omit<Hit, "status"> {
  const boundary = `hidb-boundary-${randomUUID()}`;
  const type = headers.get("content-type");
  const text = new TextEncoder();
  const parts = ranges.flatMap((range) => {
    const about = `Content-Range: bytes ${range.start}-${range.end}/${entry.body.byteLength}`;
    const head = [`--${boundary}`, ...(type === undefined ? [] : [`Content-Type: ${type}`]), about, "", ""].join(
      "\r\n",
    );
    return [text.encode(head), slice(entry, range), text.encode("\r\n")];
  });
  headers.set("content-type", `multipart/byteranges; boundary=${boundary}`);
  return { headers: [...headers], body: concat([...parts, text.encode(`--${boundary}--`)]) };
}

function slice(entry: CacheEntry, { start, end }: Range): Uint8Array {
  return entry.body.subarray(start, end + 1);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
