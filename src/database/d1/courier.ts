// Statements that come at about the same time travel in one request: each request costs a part of the account's budget.
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
import { ContractStatement, type Query, type RawRows, type Runner } from "../statement.js";

export interface CourierOptions {
  clock: Clock;
  /** Resolves once a request may go; until then statements gather. */
  ready: () => Promise<void>;
}

/** How long the first of a request waits for company: nothing beside a round trip. */
const GATHER_MS: Millis = 5;
/** More than this in one request would only make a failure dearer. */
const MOST_STATEMENTS = 60;

/** One call of a room: its statements stand together, in one transaction with those of the others. */
interface Parcel {
  statements: D1PreparedStatement[];
  resolve: (results: D1Result[]) => void;
  reject: (error: unknown) => void;
}

/**
 * A database whose calls are gathered: one request is under way at a time, and what comes meanwhile goes with the next.
 * All of a request is one transaction; when a statement fails, the calls are sent again by halves, until each caller has
 * its own answer or its own error, as if it had been alone.
 */
export function openCourier(database: Database & Runner, options: CourierOptions): Database {
  return new Courier(database, options);
}

class Courier implements D1Database, Runner {
  readonly distant = true;
  readonly #database: Database & Runner;
  readonly #options: CourierOptions;
  #parcels: Parcel[] = [];
  #travelling = false;

  constructor(database: Database & Runner, options: CourierOptions) {
    this.#database = database;
    this.#options = options;
  }

  prepare(sql: string): D1PreparedStatement {
    return new ContractStatement(this, sql, []);
  }

  async batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    return (await this.#send(statements)) as D1Result<T>[];
  }

  async objects<T>({ statement, params }: Query): Promise<D1Result<T>> {
    const [result] = await this.#send([new ContractStatement(this, statement, [...params])]);
    return result as D1Result<T>;
  }

  /** Goes by itself: rows of arrays cannot be had from a batch. */
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

  #send(statements: D1PreparedStatement[]): Promise<D1Result[]> {
    const { promise, resolve, reject } = Promise.withResolvers<D1Result[]>();
    this.#parcels.push({ statements, resolve, reject });
    if (!this.#travelling) void this.#travel();
    return promise;
  }

  async #travel(): Promise<void> {
    this.#travelling = true;
    while (this.#parcels.length > 0) {
      await this.#options.clock.sleep(GATHER_MS);
      await this.#options.ready();
      await this.#deliver(this.#load());
    }
    this.#travelling = false;
  }

  /** What fits, in the order in which it came; at least one. */
  #load(): Parcel[] {
    let statements = 0;
    const end = this.#parcels.findIndex((parcel) => {
      statements += parcel.statements.length;
      return statements > MOST_STATEMENTS;
    });
    return this.#parcels.splice(0, end < 0 ? this.#parcels.length : Math.max(end, 1));
  }

  async #deliver(parcels: Parcel[]): Promise<void> {
    try {
      const results = await this.#database.batch(parcels.flatMap((parcel) => parcel.statements));
      let at = 0;
      for (const { statements, resolve } of parcels) {
        resolve(results.slice(at, at + statements.length));
        at += statements.length;
      }
    } catch (error) {
      // Trouble of the connection is everybody's; an error of a statement is its caller's alone.
      if (error instanceof HidbError || parcels.length === 1) for (const { reject } of parcels) reject(error);
      else {
        // By halves: of many only one has failed, as a rule, and each try is a request.
        const half = Math.ceil(parcels.length / 2);
        await this.#deliver(parcels.slice(0, half));
        await this.#deliver(parcels.slice(half));
      }
    }
  }
}
