// What an answer of Cloudflare's API means: for the statement, for the next try, for the person.
import type { D1Meta } from "@cloudflare/workers-types";
import type { Millis } from "../../video.js";

export interface RawResult {
  columns: string[];
  rows: unknown[][];
  meta: D1Meta & Record<string, unknown>;
}

export interface HttpAnswer {
  status: number;
  retryAfter: string | undefined;
  text: string;
}

export type Verdict =
  | { kind: "answered"; result: unknown }
  /** D1 has refused the statement itself; it would again. */
  | { kind: "statement failed"; text: string }
  /** It has changed nothing for sure, and may be sent again after `waitMs`. */
  | { kind: "not executed"; got: string; waitMs: Millis; isLimit: boolean; cause?: unknown }
  /** A write may have been applied. `isLoad`: asking again soon would make it worse. */
  | { kind: "unknown"; got: string; isLoad: boolean; cause?: unknown }
  | { kind: "token refused"; got: string }
  | { kind: "account refused"; got: string }
  | { kind: "database gone"; got: string }
  | { kind: "quota spent"; text: string }
  | { kind: "full"; text: string }
  | { kind: "too long" };

const RATE_LIMITED = 971;
const ACCOUNT_REFUSED = 7403;
const NO_DATABASE = 7404;
const NO_ROUTE = 7003;
const MALFORMED = 7400;
/** What Cloudflare says, with HTTP 400, of a token that does not look like one. */
const HEADERS_INVALID = 6003;
/** How long to wait after a 429 that does not say it. */
const LIMIT_WAIT_MS: Millis = 5000;
const LONGEST_WAIT_MS: Millis = 86_400_000;
/** Characters of what a server says. */
const LONGEST_SAID = 500;

/** SQLite's own errors end so, whatever text a trigger or a value has put before. */
const OF_SQLITE = /: SQLITE_[A-Z]+(?: \(extended: SQLITE_\w+\))?$/;
const QUOTA = /exceeded D1's free tier|reached its daily row (?:read|write) limit/i;
const FULL = /maximum (?:DB|database) size|maximum account storage|: SQLITE_FULL$/i;
/** What a commit refuses, such as a deferred foreign key, D1 tells as an error of its own. */
const ROLLED_BACK = /was reset and rolled back to its last known good state because the application/i;
const LOAD = /D1 DB is overloaded|Too many requests queued|exceeded timeout|exceeded its (?:memory|CPU time) limit/i;
const PASSING =
  /Network connection lost|because its code was updated|storage caused object to be reset|transient issue on remote node|internal error; reference/i;

export function judge(answer: HttpAnswer): Verdict {
  const { status } = answer;
  const envelope = readEnvelope(answer.text);
  if (envelope?.success === true && status < 300) return { kind: "answered", result: envelope.result };
  const { code, message } = firstError(envelope);
  const said = shorten(message);
  const got = `HTTP ${status}${said === "" ? "" : `: ${said}`}`;
  if (status === 429 || code === RATE_LIMITED) {
    return { kind: "not executed", got, waitMs: readWait(answer.retryAfter), isLimit: true };
  }
  // Not a word of the API: something on the way has answered, and what became of the request it does not tell.
  if (envelope === undefined) {
    const isReadable = status >= 300;
    return { kind: "unknown", got: isReadable ? got : "an answer that cannot be read", isLoad: status === 503 };
  }
  if (code === ACCOUNT_REFUSED) return { kind: "account refused", got };
  if (status === 401 || status === 403 || code === HEADERS_INVALID) return { kind: "token refused", got };
  if (code === NO_DATABASE || code === NO_ROUTE) return { kind: "database gone", got };
  if (code === MALFORMED && /databaseId/.test(message)) return { kind: "database gone", got };
  if (status === 400 && OF_SQLITE.test(message) && !message.endsWith(": SQLITE_FULL")) {
    return { kind: "statement failed", text: message };
  }
  if (ROLLED_BACK.test(message)) return { kind: "statement failed", text: message };
  if (QUOTA.test(message)) return { kind: "quota spent", text: said };
  if (FULL.test(message)) return { kind: "full", text: said };
  if (LOAD.test(message)) return { kind: "unknown", got: said, isLoad: true };
  if (PASSING.test(message)) return { kind: "unknown", got: said, isLoad: false };
  if (status >= 400 && status < 500 && status !== 408 && message !== "") {
    return { kind: "statement failed", text: message };
  }
  return { kind: "unknown", got, isLoad: status === 503 };
}

/**
 * Undefined unless each of them is a result: a table, and how many rows it has changed. What is anything else tells nothing,
 * least of all that zero rows were changed, which would mean a claim that is lost.
 */
export function readResults(result: unknown): RawResult[] | undefined {
  if (!Array.isArray(result)) return undefined;
  const results: RawResult[] = [];
  for (const one of result as (Record<string, unknown> | null)[]) {
    const { columns, rows } = (one?.results ?? {}) as Record<string, unknown>;
    const meta = readMeta(one?.meta);
    if (one?.success === false || meta === undefined || !isTable(columns, rows)) return undefined;
    results.push({ columns: columns as string[], rows: rows as unknown[][], meta });
  }
  return results;
}

function isTable(columns: unknown, rows: unknown): boolean {
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === "string")) return false;
  return Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.length === columns.length);
}

/** What is counted of the costs is a number, whatever was told: one NaN would make NaN of all that is added to it. */
function readMeta(meta: unknown): RawResult["meta"] | undefined {
  if (typeof meta !== "object" || meta === null) return undefined;
  const told = meta as RawResult["meta"];
  if (!isCount(told.changes) || !Number.isInteger(told.changes)) return undefined;
  const odd = COSTS.filter((name) => !isCount(told[name]));
  return odd.length === 0 ? told : { ...told, ...Object.fromEntries(odd.map((name) => [name, 0])) };
}

const COSTS = ["duration", "rows_read", "rows_written"] as const;

function isCount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}

/** One line of a message, whatever a server on the way has made up. */
function shorten(message: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to catch
  const line = message.slice(0, LONGEST_SAID).replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
  return message.length > LONGEST_SAID ? `${line}…` : line;
}

interface Envelope {
  success?: unknown;
  result?: unknown;
  errors?: unknown;
}

function readEnvelope(text: string): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function firstError(envelope: Envelope | undefined): { code: number; message: string } {
  const [first] = Array.isArray(envelope?.errors) ? (envelope.errors as Record<string, unknown>[]) : [];
  return { code: Number(first?.code ?? 0), message: typeof first?.message === "string" ? first.message : "" };
}

/** Cloudflare says it in seconds. */
function readWait(retryAfter: string | undefined): Millis {
  return /^\d+$/.test(retryAfter ?? "") ? Math.min(Number(retryAfter) * 1000, LONGEST_WAIT_MS) : LIMIT_WAIT_MS;
}
