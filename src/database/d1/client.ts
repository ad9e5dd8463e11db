// Carries statements to D1 and back, and decides what may be sent again: everything D1 has not seen, and what only reads.
import type { Clock } from "../../clock.js";
import { HidbError } from "../../errors.js";
import { hideSecrets, secretParts } from "../../shown.js";
import type { Millis } from "../../video.js";
import { sqlError } from "../sqlite-errors.js";
import { Connection, type Exchanged, type ExchangeParts } from "./connection.js";
import { isReading } from "./reading.js";
import {
  closed,
  full,
  gone,
  limited,
  outcomeUnknown,
  quotaSpent,
  refused,
  tooLong,
  unreachable,
} from "./remote-errors.js";
import { judge, type RawResult, readResults, type Verdict } from "./verdict.js";

export interface Query {
  sql: string;
  params: unknown[];
}

/** What one HTTP request has cost. */
export interface RequestCosts {
  statements: number;
  rowsRead: number;
  rowsWritten: number;
  durationMs: Millis;
  /** Whether D1 has answered with results. */
  isAnswered: boolean;
}

export interface ClientOptions {
  accountId: string;
  apiToken: string;
  baseUrl: string;
  clock: Clock;
  deadlineMs: Millis;
  patienceMs: Millis;
  backoffMs: Millis;
  maxAnswerMb: number;
  admit: (statements: number) => Promise<void>;
  onRequest: (costs: RequestCosts) => void;
  /** HTTP by default. */
  connect?: ((base: URL) => Carrier) | undefined;
}

/** What brings a request to the API, and its answer back. */
export interface Carrier {
  /** Never rejects. */
  exchange(parts: ExchangeParts): Promise<Exchanged>;
  close(): void;
}

interface Call {
  method: "GET" | "POST";
  path: string;
  body: string | undefined;
  statements: number;
  databaseId: string;
  /** Asked only once something has failed. */
  isRepeatable: () => boolean;
}

type Passing = Extract<Verdict, { kind: "not executed" | "unknown" | "account refused" }>;

const LONGEST_BACKOFF_MS: Millis = 10_000;
/** An overloaded D1 sheds what is asked too soon. */
const LOAD_FACTOR = 8;
/** Enough for the 50,000 databases that an account may have. */
const PAGE_SIZE = 1000;
const MOST_PAGES = 50;
/** Nothing else becomes a part of the path of requests. */
const UUID = /^[\da-f-]{36}$/i;

export class D1Client {
  readonly #options: ClientOptions;
  readonly #token: string;
  readonly #base: URL;
  readonly #connection: Carrier;
  readonly #closing = new AbortController();

  constructor(options: ClientOptions) {
    this.#options = { ...options, apiToken: "" };
    this.#token = options.apiToken;
    this.#base = new URL(`${options.baseUrl.replace(/\/+$/, "")}/accounts/${options.accountId}/d1/database`);
    this.#connection = options.connect?.(this.#base) ?? new Connection();
  }

  /** One result for each query, all in one transaction. */
  async query(databaseId: string, queries: Query[]): Promise<RawResult[]> {
    return this.#call(
      {
        method: "POST",
        path: `/${databaseId}/raw`,
        body: JSON.stringify(queries.length === 1 ? queries[0] : { batch: queries }),
        statements: queries.length,
        databaseId,
        isRepeatable: () => queries.every(({ sql }) => isReading(sql)),
      },
      (result) => {
        const read = readResults(result) ?? [];
        // Several results of one text belong to it; of several texts it would be unknown which belong to which.
        const isWhole = queries.length === 1 ? read.length > 0 : read.length === queries.length;
        return isWhole ? read : undefined;
      },
    );
  }

  /** The id of the database of this name; errors: DATABASE_GONE. */
  async findDatabase(name: string): Promise<string> {
    for (let page = 1; page <= MOST_PAGES; page++) {
      const search = new URLSearchParams({ name, page: String(page), per_page: String(PAGE_SIZE) });
      const call = { method: "GET", path: `?${search}`, body: undefined, statements: 0, databaseId: name } as const;
      const listed = await this.#call({ ...call, isRepeatable: () => true }, readDatabases);
      // The API's own search also finds names that only contain this one.
      const found = listed.find((database) => database.name === name);
      if (found !== undefined) return found.uuid;
      if (listed.length < PAGE_SIZE) break;
    }
    throw gone(JSON.stringify(name), "none of that id or name");
  }

  close(): void {
    this.#closing.abort();
    this.#connection.close();
  }

  async #call<T>(call: Call, read: (result: unknown) => T | undefined): Promise<T> {
    const { clock, patienceMs } = this.#options;
    let failedAt: Millis | undefined;
    let accountRefusals = 0;
    for (let tries = 1; ; tries++) {
      const { verdict, value } = await this.#attempt(call, read);
      if (value !== undefined) return value;
      if (verdict.kind === "account refused" && ++accountRefusals > 1) throw this.#explain(verdict, call);
      if (!mayRepeat(verdict, call)) throw this.#explain(verdict, call);
      failedAt ??= clock.monotonic();
      const waitMs = this.#wait(verdict, tries);
      if (clock.monotonic() - failedAt + waitMs > patienceMs) throw this.#explain(verdict, call);
      await clock.sleep(waitMs, this.#closing.signal);
    }
  }

  async #attempt<T>(
    call: Call,
    read: (result: unknown) => T | undefined,
  ): Promise<{ verdict: Verdict; value: T | undefined }> {
    const { clock, deadlineMs, maxAnswerMb, admit, onRequest } = this.#options;
    await admit(call.statements);
    if (this.#closing.signal.aborted) throw closed();
    const started = clock.monotonic();
    const exchanged = await this.#connection.exchange({
      method: call.method,
      url: new URL(`${this.#base}${call.path}`),
      token: this.#token,
      body: call.body,
      deadlineMs,
      maxBytes: maxAnswerMb * 1_000_000,
    });
    const verdict = this.#redact(verdictOf(exchanged));
    const value = verdict.kind === "answered" ? read(verdict.result) : undefined;
    const rows = verdict.kind === "answered" ? countRows(verdict.result) : { rowsRead: 0, rowsWritten: 0 };
    const isAnswered = value !== undefined;
    onRequest({ statements: call.statements, ...rows, durationMs: clock.monotonic() - started, isAnswered });
    if (verdict.kind === "answered" && !isAnswered) return { verdict: UNREADABLE, value };
    return { verdict, value };
  }

  /** Full jitter: several instances that fail together shall not come back together. */
  #wait(verdict: Passing, tries: number): Millis {
    const { clock, backoffMs } = this.#options;
    const isLoad = verdict.kind === "unknown" && verdict.isLoad;
    const most = Math.min(backoffMs * 2 ** (tries - 1) * (isLoad ? LOAD_FACTOR : 1), LONGEST_BACKOFF_MS);
    const jitterMs = clock.random() * most;
    if (isLoad) return most / 2 + jitterMs / 2;
    return verdict.kind === "not executed" ? verdict.waitMs + jitterMs : jitterMs;
  }

  #explain(verdict: Verdict, call: Call): Error {
    const host = this.#base.host;
    const now = this.#options.clock.now();
    switch (verdict.kind) {
      case "statement failed":
        return sqlError(verdict.text);
      case "not executed":
        if (verdict.isLimit) return limited(now + verdict.waitMs);
        return unreachable(host, verdict.got, verdict.cause);
      case "unknown":
        return call.isRepeatable()
          ? unreachable(host, verdict.got, verdict.cause)
          : outcomeUnknown(verdict.got, verdict.cause);
      case "too long":
        return call.isRepeatable() ? tooLong(this.#options.maxAnswerMb) : outcomeUnknown("an answer that is too long");
      case "token refused":
        return refused(
          "a token that may read and write D1",
          verdict.got,
          "give CLOUDFLARE_API_TOKEN the permission D1 Edit for this account, or make a new one",
        );
      case "account refused":
        return refused(
          `the account ${this.#options.accountId} to be one that the token may use`,
          verdict.got,
          "correct CLOUDFLARE_ACCOUNT_ID; `npx wrangler whoami` shows the accounts of a token",
        );
      case "database gone":
        return gone(call.databaseId, verdict.got);
      case "quota spent":
        return quotaSpent(verdict.text, now);
      case "full":
        return full(verdict.text);
      case "answered":
        return unreachable(host, "an answer that cannot be read");
      default:
        return verdict satisfies never;
    }
  }

  /** A server that echoes what it was sent must not bring the token into an error. */
  #redact(verdict: Verdict): Verdict {
    if ("got" in verdict) return { ...verdict, got: this.#hide(verdict.got) };
    if ("text" in verdict) return { ...verdict, text: this.#hide(verdict.text) };
    return verdict;
  }

  #hide(text: string): string {
    // Cloudflare's tokens have 40 characters and more; a short one would only be a test's, and part of many words.
    if (this.#token.length < 8) return text;
    return hideSecrets(text, secretParts([this.#token]));
  }
}

const UNREADABLE: Verdict = { kind: "unknown", got: "an answer that cannot be read", isLoad: false };

function verdictOf(exchanged: Exchanged): Verdict {
  return exchanged.kind === "http" ? judge(exchanged.answer) : exchanged;
}

function mayRepeat(verdict: Verdict, call: Call): verdict is Passing {
  switch (verdict.kind) {
    case "not executed":
    case "account refused":
      return true;
    case "unknown":
      return call.isRepeatable();
    default:
      return false;
  }
}

function countRows(result: unknown): { rowsRead: number; rowsWritten: number } {
  const rows = { rowsRead: 0, rowsWritten: 0 };
  for (const { meta } of readResults(result) ?? []) {
    rows.rowsRead += meta.rows_read;
    rows.rowsWritten += meta.rows_written;
  }
  return rows;
}

function readDatabases(result: unknown): { uuid: string; name: string }[] | undefined {
  if (!Array.isArray(result)) return undefined;
  const isListed = (one: { uuid?: unknown; name?: unknown } | null) =>
    typeof one?.uuid === "string" && UUID.test(one.uuid) && typeof one.name === "string";
  return result.filter(isListed);
}

/** Whether it is worth opening: what cannot be right is refused before anything is sent. */
export function checkAccess({
  accountId,
  apiToken,
  baseUrl,
}: {
  accountId: string;
  apiToken: string;
  baseUrl: string;
}): void {
  if (!/^[\w-]+$/.test(accountId)) {
    throw refused(
      "an account id",
      accountId === "" ? "nothing" : JSON.stringify(accountId),
      "set CLOUDFLARE_ACCOUNT_ID; `npx wrangler whoami` shows it",
    );
  }
  if (!/^[\x21-\x7e]+$/.test(apiToken)) {
    throw refused(
      "an API token",
      apiToken === "" ? "nothing" : "a text with blanks or other characters that no token has",
      "set CLOUDFLARE_API_TOKEN to a token with the permission D1 Edit",
    );
  }
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol) || new URL(baseUrl).username !== "") {
    throw new HidbError({
      code: "DATABASE_UNREACHABLE",
      message: "expected the API's base URL to be an http(s) address that ends in /client/v4, got something else",
      fix: "correct HIDB_D1_BASE_URL",
    });
  }
}
