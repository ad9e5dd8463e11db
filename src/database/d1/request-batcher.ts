// Sends statements that come at about the same time in one request: each request costs a part of the account's budget.
import type {
  D1Database,
  D1DatabaseSession,
  D1ExecResult,
  D1PreparedStatement,
  D1Result,
} from "@cloudflare/workers-types";
import type { Clock } from "../../clock.js";
import { HidbError } from "../../errors.js";
import type { Millis } from "../../video.js";
import type { Database } from "../database.js";
import { REMOTE_PACING } from "../pacing.js";
import { ContractStatement, type Query, type RawRows, type Runner } from "../statement.js";

export interface BatchingOptions {
  clock: Clock;
  /** Resolves once a request may be sent; until then calls are gathered. */
  ready: () => Promise<void>;
}

/** How long the first call waits for others: little beside a round trip. */
const GATHER_MS: Millis = 5;
/** A larger request would only make a failure more expensive. */
const MOST_STATEMENTS = 60;

/** One call of a caller: its statements stay together, in one transaction with those of the other calls. */
interface Call {
  statements: D1PreparedStatement[];
  resolve: (results: D1Result[]) => void;
  reject: (error: unknown) => void;
}

/**
 * A database that gathers calls: one request is under way at a time, and the calls that come meanwhile go with the next
 * one. All calls of a request are one transaction. When a statement fails, the calls are sent again by halves, until each
 * has its own results or its own error, as if it had been sent alone.
 */
export function batchRequests(database: Database & Runner, options: BatchingOptions): Database {
  return new RequestBatcher(database, options);
}

class RequestBatcher implements D1Database, Runner {
  readonly pacing = REMOTE_PACING;
  readonly #database: Database & Runner;
  readonly #options: BatchingOptions;
  #waiting: Call[] = [];
  #isSending = false;

  constructor(database: Database & Runner, options: BatchingOptions) {
    this.#database = database;
    this.#options = options;
  }

  prepare(sql: string): D1PreparedStatement {
    return new ContractStatement(this, sql, []);
  }

  async batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    return (await this.#call(statements)) as D1Result<T>[];
  }

  async objects<T>({ statement, params }: Query): Promise<D1Result<T>> {
    const [result] = await this.#call([new ContractStatement(this, statement, [...params])]);
    return result as D1Result<T>;
  }

  /** In a request of its own: a batch does not give rows as arrays. */
  rows(query: Query): Promise<RawRows> {
    return this.#database.rows(query);
  }

  exec(sql: string): Promise<D1ExecResult> {
    return this.#database.exec(sql);
  }

  withSession(bookmark?: string): D1DatabaseSession {
    return this.#database.withSession(bookmark);
  }

  dump(): Promise<ArrayBuffer> {
    return this.#database.dump();
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #call(statements: D1PreparedStatement[]): Promise<D1Result[]> {
    const { promise, resolve, reject } = Promise.withResolvers<D1Result[]>();
    this.#waiting.push({ statements, resolve, reject });
    if (!this.#isSending) void this.#sendAll();
    return promise;
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      await this.#options.clock.sleep(GATHER_MS);
      await this.#options.ready();
      await this.#send(this.#takeBatch());
    }
    this.#isSending = false;
  }

  /** The calls that fit in one request, in the order in which they came; at least one. */
  #takeBatch(): Call[] {
    let statements = 0;
    const end = this.#waiting.findIndex((call) => {
      statements += call.statements.length;
      return statements > MOST_STATEMENTS;
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : Math.max(end, 1));
  }

  async #send(calls: Call[]): Promise<void> {
    try {
      const results = await this.#database.batch(calls.flatMap((call) => call.statements));
      let at = 0;
      for (const { statements, resolve } of calls) {
        resolve(results.slice(at, at + statements.length));
        at += statements.length;
      }
    } catch (error) {
      // A failure of the connection concerns all calls; an error of a statement only the call that it belongs to.
      if (error instanceof HidbError || calls.length === 1) for (const { reject } of calls) reject(error);
      else {
        // By halves: as a rule only one of many has failed, and each try is a request.
        const half = Math.ceil(calls.length / 2);
        await this.#send(calls.slice(0, half));
        await this.#send(calls.slice(half));
      }
    }
  }
}
