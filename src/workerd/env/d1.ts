// The D1 binding: a database of src/database/ whose queries are counted for the invocation that makes them.
import type { D1Database, D1DatabaseSession, D1PreparedStatement } from "@cloudflare/workers-types";
import type { Query } from "../../database/statement.js";
import { currentInvocation } from "../invocation.js";

/** The class has D1's own name, which people see when they print a binding. */
export function meterDatabase(database: D1Database): D1Database {
  return {
    [Symbol.toStringTag]: "D1Database",
    ...meterStatements(database),
    exec: async (sql: string) => {
      countQueries(String(sql).trim().split("\n").length);
      return database.exec(sql);
    },
    withSession: (bookmark?: string) => meterSession(database.withSession(bookmark)),
    dump: () => database.dump(),
  } as D1Database;
}

function meterSession(session: D1DatabaseSession): D1DatabaseSession {
  return { ...meterStatements(session), getBookmark: () => session.getBookmark() } as D1DatabaseSession;
}

/** What a database and a session with it have in common. */
function meterStatements(runner: Pick<D1Database, "prepare" | "batch">): Pick<D1Database, "prepare" | "batch"> {
  return {
    prepare: (sql: string) => new MeteredStatement(runner.prepare(sql)) as unknown as D1PreparedStatement,
    batch: async <T>(statements: D1PreparedStatement[]) => {
      if (Array.isArray(statements)) countQueries(statements.length);
      return runner.batch<T>(statements);
    },
  };
}

/** Counted for whatever invocation is running, before they run; throws when there were too many. */
function countQueries(queries: number): void {
  const meter = currentInvocation()?.meter;
  meter?.count("serviceCalls");
  meter?.count("d1Queries", queries);
}

/** Has text and values like the statement inside, so that any batch takes it. */
class MeteredStatement implements Query {
  readonly #inner: D1PreparedStatement & Query;
  readonly statement: string;
  readonly params: readonly unknown[];

  constructor(inner: D1PreparedStatement) {
    this.#inner = inner as D1PreparedStatement & Query;
    this.statement = this.#inner.statement;
    this.params = this.#inner.params;
  }

  bind(...values: unknown[]): MeteredStatement {
    return new MeteredStatement(this.#inner.bind(...values));
  }

  async first(...given: [column?: string]): Promise<unknown> {
    countQueries(1);
    return this.#inner.first(...(given as [string]));
  }

  async run(): Promise<unknown> {
    countQueries(1);
    return this.#inner.run();
  }

  async all(): Promise<unknown> {
    countQueries(1);
    return this.#inner.all();
  }

  async raw(options?: { columnNames?: false }): Promise<unknown> {
    countQueries(1);
    return this.#inner.raw(options);
  }
}
