// The D1 binding: a database of src/database/ whose queries are counted for the invocation that makes them.
import type { D1Database, D1DatabaseSession, D1PreparedStatement } from "@cloudflare/workers-types";
import type { Query } from "../../database/statement.js";
import { currentInvocation } from "../invocation.js";

export interface DatabaseCounts {
  /** Called with the number of statements before they run; throws when there were too many. */
  count: (queries: number) => void;
}

/** Counts for whatever invocation is running when a query is made. */
export function countQueries(queries: number): void {
  const meter = currentInvocation()?.meter;
  meter?.count("serviceCalls");
  meter?.count("d1Queries", queries);
}

/** The class has D1's own name, which people see when they print a binding. */
export function meterDatabase(database: D1Database, { count }: DatabaseCounts): D1Database {
  return {
    [Symbol.toStringTag]: "D1Database",
    prepare: (sql: string) => new MeteredStatement(database.prepare(sql), count) as unknown as D1PreparedStatement,
    batch: async <T>(statements: D1PreparedStatement[]) => {
      if (Array.isArray(statements)) count(statements.length);
      return database.batch<T>(statements);
    },
    exec: async (sql: string) => {
      count(String(sql).trim().split("\n").length);
      return database.exec(sql);
    },
    withSession: (bookmark?: string) => meterSession(database.withSession(bookmark), count),
    dump: () => database.dump(),
  } as D1Database;
}

function meterSession(session: D1DatabaseSession, count: DatabaseCounts["count"]): D1DatabaseSession {
  return {
    prepare: (sql: string) => new MeteredStatement(session.prepare(sql), count) as unknown as D1PreparedStatement,
    batch: async <T>(statements: D1PreparedStatement[]) => {
      if (Array.isArray(statements)) count(statements.length);
      return session.batch<T>(statements);
    },
    getBookmark: () => session.getBookmark(),
  } as D1DatabaseSession;
}

/** Has text and values like the statement inside, so that any batch takes it. */
class MeteredStatement implements Query {
  readonly #inner: D1PreparedStatement & Query;
  readonly #count: DatabaseCounts["count"];
  readonly statement: string;
  readonly params: readonly unknown[];

  constructor(inner: D1PreparedStatement, count: DatabaseCounts["count"]) {
    this.#inner = inner as D1PreparedStatement & Query;
    this.#count = count;
    this.statement = this.#inner.statement;
    this.params = this.#inner.params;
  }

  bind(...values: unknown[]): MeteredStatement {
    return new MeteredStatement(this.#inner.bind(...values), this.#count);
  }

  async first(...given: [column?: string]): Promise<unknown> {
    this.#count(1);
    return this.#inner.first(...(given as [string]));
  }

  async run(): Promise<unknown> {
    this.#count(1);
    return this.#inner.run();
  }

  async all(): Promise<unknown> {
    this.#count(1);
    return this.#inner.all();
  }

  async raw(options?: { columnNames?: false }): Promise<unknown> {
    this.#count(1);
    return this.#inner.raw(options);
  }
}
