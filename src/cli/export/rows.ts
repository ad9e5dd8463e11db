// A video as a row: NDJSON, a JSON array, or CSV as RFC 4180 has it.
import type { ListedVideo } from "../../report/videos.js";

export type RowFormat = "ndjson" | "csv" | "json";

export interface RowParts {
  head: string;
  between: string;
  tail: string;
  row: (video: ListedVideo) => string;
}

const FIELDS = ["id", "source", "title", "state", "attempt", "error", "output"] as const;

export function rowParts(format: RowFormat, { raw }: { raw: boolean }): RowParts {
  switch (format) {
    case "ndjson":
      return { head: "", between: "\n", tail: "\n", row: toJson };
    case "json":
      return { head: "[\n", between: ",\n", tail: "\n]\n", row: toJson };
    case "csv":
      return { head: `${FIELDS.join()}\r\n`, between: "\r\n", tail: "\r\n", row: (video) => toCsv(video, raw) };
    default:
      return format satisfies never;
  }
}

function toJson({ id, source, title, state, attempt, error, output }: ListedVideo): string {
  return JSON.stringify({ id, source, title, state, attempt, error, output });
}

function toCsv(video: ListedVideo, raw: boolean): string {
  return FIELDS.map((field) => {
    const value = video[field];
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return quote(raw ? text : disarm(text));
  }).join();
}

/** A spreadsheet takes a cell that begins like this for a formula; titles and errors are not trusted. */
function disarm(text: string): string {
  return /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/.test(text) ? `'${text}` : text;
}

function quote(text: string): string {
  return /[",\r\n;\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
