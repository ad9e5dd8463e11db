// The D1 contract over Cloudflare's REST API.
import type { D1DatabaseSession, D1ExecResult, D1PreparedStatement, D1Result } from "@cloudflare/workers-types";
import { type Clock, systemClock } from "../clock.js";
import { HidbError, messageOf } from "../errors.js";
import type { Millis } from "../video.js";
import { type Carrier, checkAccess, D1Client, type RequestCosts, type Query as Sent } from "./d1/client.js";
import { hasParameter, isBlank } from "./d1/reading.js";
import type { RawResult } from "./d1/verdict.js";
import type { Database } from "./database.js";
import { REMOTE_PACING } from "./pacing.js";
import { splitStatements } from "./split.js";
import { sqlError } from "./sqlite-errors.js";
import { ContractStatement, type Query, type Runner } from "./statement.js";
import { toObjects, toSqlite } from "./values.js";

export type { RequestCosts } from "./d1/client.js";
export { DatabaseWaitError } from "./d1/remote-errors.js";

export interface D1HttpOptions {
  accountId: string;
  /** The database's id, or its name: that costs one request more. */
  databaseId: string;
  apiToken: string;
  /** Ends in /client/v4; Cloudflare's own by default. */
  baseUrl?: string;
  /** Time for one request and its answer, 35 s by default: D1 gives up on a query after 30 s. */
  deadlineMs?: Millis;
  /** For how long failed requests are sent again, where that is safe; 20 s by default. */
  patienceMs?: Millis;
  /** The longest wait before the second try; it doubles with each. */
  backoffMs?: Millis;
  /** A longer answer is refused; 64 by default. */
  maxAnswerMb?: number;
  /** Awaited before each request that goes out, repeated ones too. */
  admit?: (statements: number) => Promise<void>;
  /** Called after each request, answered or not. */
  onRequest?: (costs: RequestCosts) => void;
  /** The system's by default. */
  clock?: Clock;
  /** HTTP by default. */
  connect?: (base: URL) => Carrier;
}

const CLOUDFLARE = "https://api.cloudflare.com/client/v4";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MIXED_PARAMETERS =
  "When executing multiple SQL statements in a single call, only the last statement can have parameters.";
/** D1's limit for one text, whatever number of statements it holds. */
const MOST_SQL_BYTES = 100_000;
/** What may follow the semicolon of the last statement: nothing but blanks. Comments may stand before it. */
const EMPTY_STATEMENT = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*;\s*\S/;

/**
 * Opens a D1 database over HTTP; given an id, nothing is sent before the first statement. Errors, here and later:
 * DATABASE_UNREACHABLE, _REFUSED, _GONE, _QUOTA, _FULL, and _OUTCOME_UNKNOWN of a write that may have been applied.
 */
export async function openD1Http(options: D1HttpOptions): Promise<Database & Runner> {
  const baseUrl = options.baseUrl ?? CLOUDFLARE;
  checkAccess({ ...options, baseUrl });
  const client = new D1Client({
    accountId: options.accountId,
    apiToken: options.apiToken,
    baseUrl,
    clock: options.clock ?? systemClock,
    deadlineMs: options.deadlineMs ?? 35_000,
    patienceMs: options.patienceMs ?? 20_000,
    backoffMs: options.backoffMs ?? 500,
    maxAnswerMb: options.maxAnswerMb ?? 64,
    admit: options.admit ?? (async () => undefined),
    onRequest: options.onRequest ?? (() => undefined),
    connect: options.connect,
  });
  if (UUID.test(options.databaseId)) return new D1HttpDatabase(client, options.databaseId);
  try {
    return new D1HttpDatabase(client, await client.findDatabase(options.databaseId));
  } catch (error) {
    client.close();
    throw error;
  }
}

class D1HttpDatabase implements Database, Runner {
  readonly pacing = REMOTE_PACING;
  readonly #client: D1Client;
  readonly #id: string;
  /** Answers so far, for bookmarks: the API has none, since every request goes to the primary. */
  #answers = 0;

  constructor(client: D1Client, id: string) {
    this.#client = client;
    this.#id = id;
  }

  prepare(sql: string): D1PreparedStatement {
    return new ContractStatement(this, sql, []);
  }

  async batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    const results = await this.run(statements.map((statement) => ownStatement(statement)));
    return results.map((result) => toResult<T>(result));
  }

  async exec(sql: string): Promise<D1ExecResult> {
    const lines = sql.trim().split("\n");
    try {
      const results = await this.run(lines.map((line) => ({ statement: line, params: [] })));
      return { count: results.length, duration: results.reduce((sum, { meta }) => sum + meta.duration, 0) };
    } catch (error) {
      if (error instanceof HidbError) throw error;
      // D1 names the first line, whichever failed.
      const text = `Error in line 1: ${lines[0]}: ${messageOf(error).replace(/^D1_ERROR: /, "")}`;
      throw new Error(`D1_EXEC_ERROR: ${text}`, { cause: new Error(text) });
    }
  }

  withSession(constraintOrBookmark?: string | null): D1DatabaseSession {
    return new D1HttpSession(this, constraintOrBookmark?.trim() || "first-unconstrained");
  }

  async dump(): Promise<ArrayBuffer> {
    throw new Error("D1_DUMP_ERROR: Status + 404", { cause: new Error("Status 404") });
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async objects<T>(query: Query): Promise<D1Result<T>> {
    return toResult<T>(await this.rows(query));
  }

  async rows(query: Query): Promise<RawResult> {
    const [result] = await this.run([query]);
    return result as RawResult;
  }

  /** The raw results of those statements that are not blank. */
  async run(statements: readonly Query[]): Promise<RawResult[]> {
    const groups = statements
      .filter(({ statement }) => !isBlank(statement))
      .map(({ statement, params }) => divide(statement, params.map(toJson)));
    if (groups.length === 0) throw sqlError("No SQL statements detected.");
    const results = await this.#client.query(this.#id, groups.flat());
    this.#answers++;
    // The service may have divided further than we did; of one statement the last result counts all the same.
    if (groups.length === 1) return [join(results)];
    let at = 0;
    return groups.map(({ length }) => {
      at += length;
      return join(results.slice(at - length, at));
    });
  }

  /** Older than every real one, so that a Worker that is handed it waits for nothing. */
  get bookmark(): string {
    return `00000000-${this.#answers.toString(16).padStart(8, "0")}-00000000-${"0".repeat(32)}`;
  }
}

class D1HttpSession implements Runner {
  readonly #database: D1HttpDatabase;
  #bookmark: string | null;

  constructor(database: D1HttpDatabase, constraintOrBookmark: string) {
    this.#database = database;
    this.#bookmark = /^first-(unconstrained|primary)$/.test(constraintOrBookmark) ? null : constraintOrBookmark;
  }

  prepare(sql: string): D1PreparedStatement {
    return new ContractStatement(this, sql, []);
  }

  async batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    const results = await this.#database.batch<T>(statements);
    this.#advance();
    return results;
  }

  async objects<T>(query: Query): Promise<D1Result<T>> {
    return toResult<T>(await this.rows(query));
  }

  async rows(query: Query): Promise<RawResult> {
    const result = await this.#database.rows(query);
    this.#advance();
    return result;
  }

  getBookmark(): string | null {
    return this.#bookmark;
  }

  /** A bookmark only ever moves forward. */
  #advance(): void {
    const { bookmark } = this.#database;
    if (this.#bookmark === null || bookmark > this.#bookmark) this.#bookmark = bookmark;
  }
}

function ownStatement(statement: D1PreparedStatement): ContractStatement {
  if (statement instanceof ContractStatement) return statement;
  throw new TypeError("expected statements that this database has prepared");
}

/** For the JSON of a request, in which blobs are arrays of bytes; JSON itself makes null of what is not finite. */
function toJson(param: unknown): unknown {
  const value = Array.isArray(param) ? toSqlite(param) : param;
  // What cannot be a blob goes as it is, for D1 to refuse.
  return value instanceof Uint8Array ? Array.from(value) : (value ?? param);
}

/**
 * Several statements in one text: the API gives each its own result, a binding only the last. Divided here, each result
 * is known to belong to its text.
 */
function divide(sql: string, params: unknown[]): Sent[] {
  const semicolon = sql.indexOf(";");
  if (semicolon < 0 || sql.slice(semicolon + 1).trim() === "") return [{ sql, params }];
  const parts = splitStatements(sql);
  const last = parts.pop();
  if (last === undefined || parts.length === 0) return [{ sql, params }];
  if (Buffer.byteLength(sql) > MOST_SQL_BYTES) throw sqlError("statement too long: SQLITE_TOOBIG");
  if (parts.some(hasParameter)) throw sqlError(MIXED_PARAMETERS);
  if (EMPTY_STATEMENT.test(sql.slice(sql.lastIndexOf(last) + last.length))) {
    throw sqlError("SQL code did not contain a statement.");
  }
  return [...parts.map((part) => ({ sql: part, params: [] })), { sql: last, params }];
}

/** As the binding has it: the last result, with the changes of all. */
function join(results: RawResult[]): RawResult {
  const last = results.at(-1) as RawResult;
  if (results.length === 1) return last;
  const meta = { ...last.meta, duration: 0, changes: 0, changed_db: false };
  for (const result of results) {
    meta.duration += result.meta.duration;
    meta.changes += result.meta.changes;
    meta.changed_db ||= result.meta.changed_db;
  }
  return { ...last, meta };
}

function toResult<T>({ columns, rows, meta }: RawResult): D1Result<T> {
  return { success: true, meta, results: toObjects(columns, rows) as T[] };
}
