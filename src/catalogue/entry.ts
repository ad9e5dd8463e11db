// One row of a list on its way in: either an entry that could become a video, or a refusal that says what was wrong.
import { resolveSource } from "./source.js";

/** The columns of a list that hidb reads. */
export const LIST_COLUMNS = ["id", "source", "title", "duration_s"] as const;
export type ListColumn = (typeof LIST_COLUMNS)[number];

/** A row as it stands in the list, before any check. */
export interface RawRow {
  line: number;
  values: Partial<Record<ListColumn, unknown>>;
  /** The row as such is broken, whatever its values. */
  wrong?: string;
}

export interface Entry {
  /** Null for a file that was found in a folder. */
  line: number | null;
  /** Null: the catalogue gives one. */
  id: number | null;
  source: string;
  title: string | null;
  durationS: number | null;
}

export interface Refusal {
  line: number | null;
  source: string | null;
  reason: string;
}

/** What a folder or a list holds. */
export interface VideoList {
  entries: Entry[];
  refused: Refusal[];
}

const ID_LIMIT = 2n ** 53n;
/** Far above any path or URL, far below what one D1 value may hold. */
const LONGEST_TEXT = 65_536;

/** Sorts raw rows into entries and refusals; `base` is where relative paths start. */
export function checkRows(rows: RawRow[], base: string): VideoList {
  const list: VideoList = { entries: [], refused: [] };
  for (const row of rows) {
    try {
      list.entries.push(toEntry(row, base));
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      const { source } = row.values;
      list.refused.push({ line: row.line, source: typeof source === "string" ? source : null, reason: error.message });
    }
  }
  return list;
}

/** A reason to refuse the row; never leaves this file. */
class Wrong extends Error {}

function toEntry({ line, values, wrong }: RawRow, base: string): Entry {
  if (wrong !== undefined) throw new Wrong(wrong);
  return {
    line,
    id: readId(values.id),
    source: readSource(values.source, base),
    title: readTitle(values.title),
    durationS: readDuration(values.duration_s),
  };
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "string" && value.trim() === "");
}

function readId(value: unknown): number | null {
  if (isBlank(value)) return null;
  const text = String(value).trim();
  const whole = (typeof value === "string" || typeof value === "number") && /^[+-]?\d{1,20}$/.test(text);
  if (!whole) throw new Wrong(`expected id to be a whole number, got ${show(value)}`);
  const id = BigInt(text.replace("+", ""));
  if (id > ID_LIMIT || id < -ID_LIMIT) throw new Wrong(`expected id to lie within +-2^53, got ${text}`);
  return Number(id);
}

function readSource(value: unknown, base: string): string {
  if (isBlank(value)) throw new Wrong("expected a source, got none");
  if (typeof value !== "string") throw new Wrong(`expected source to be a path or a URL, got ${show(value)}`);
  // Both would come back from the database as something else than what went in.
  if (value.includes("\0")) throw new Wrong("expected source to be a path or a URL, got one with a NUL character");
  if (!value.isWellFormed()) throw new Wrong("expected source to be Unicode text, got half a surrogate pair");
  if (value.length > LONGEST_TEXT) throw new Wrong(`expected a source of at most ${LONGEST_TEXT} characters`);
  return resolveSource(value, base);
}

function readTitle(value: unknown): string | null {
  if (isBlank(value)) return null;
  if (typeof value === "object") throw new Wrong(`expected title to be text, got ${show(value)}`);
  const title = String(value).trim();
  if (title.length > LONGEST_TEXT) throw new Wrong(`expected a title of at most ${LONGEST_TEXT} characters`);
  return title.replaceAll("\0", "").toWellFormed();
}

function readDuration(value: unknown): number | null {
  if (isBlank(value)) return null;
  const text = String(value).trim();
  const decimal = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
  const seconds = decimal && typeof value !== "object" ? Number(text) : Number.NaN;
  if (!Number.isFinite(seconds)) throw new Wrong(`expected duration_s to be a number >= 0, got ${show(value)}`);
  return seconds;
}

export function show(value: unknown): string {
  // Not only to be short: what is nested deeply enough cannot be written at all.
  const text = JSON.stringify(value, typeof value === "object" ? cutDeep : undefined) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function cutDeep(key: string, value: unknown): unknown {
  return key === "" || typeof value !== "object" || value === null ? value : "…";
}
