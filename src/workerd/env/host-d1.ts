// A database that lives with the host, asked from the Worker's thread; and the host's side, which answers.
import type { D1Database, D1ExecResult, D1PreparedStatement, D1Result } from "@cloudflare/workers-types";
import { ContractStatement, type Query, type RawRows, type Runner } from "../../database/statement.js";
import type { D1Question, Question } from "../host/protocol.js";

/** The Worker's side. */
export function askDatabase(key: string, ask: (question: Question) => Promise<unknown>): D1Database {
  const put = (question: D1Question) => ask({ kind: "d1", key, ask: question });
  const runner: Runner = {
    objects: <T>(query: Query) => put({ kind: "objects", ...plain(query) }) as Promise<D1Result<T>>,
    rows: (query: Query) => put({ kind: "rows", ...plain(query) }) as Promise<RawRows>,
  };
  const batch = <T>(statements: D1PreparedStatement[]) => {
    const queries = (statements as unknown as Query[]).map(plain);
    return put({ kind: "batch", queries }) as Promise<D1Result<T>[]>;
  };
  const prepare = (sql: string) => new ContractStatement(runner, sql, []) as D1PreparedStatement;
  return {
    prepare,
    batch,
    exec: (sql: string) => put({ kind: "exec", sql }) as Promise<D1ExecResult>,
    withSession: () => ({ prepare, batch, getBookmark: () => null }),
    dump: () => Promise.reject(new Error("D1_DUMP_ERROR: Status + 404", { cause: new Error("Status 404") })),
  } as D1Database;
}

/** The host's side. */
export async function answerDatabase(database: D1Database, question: D1Question): Promise<unknown> {
  const prepared = ({ statement, params }: Query) => {
    const plainStatement = database.prepare(statement);
    return params.length === 0 ? plainStatement : plainStatement.bind(...params);
  };
  switch (question.kind) {
    case "objects":
      return prepared(question).all();
    case "rows": {
      const [columns, ...rows] = (await prepared(question).raw({ columnNames: true })) as [string[], ...unknown[][]];
      return { columns: columns ?? [], rows };
    }
    case "batch":
      return database.batch(question.queries.map(prepared));
    case "exec":
      return database.exec(question.sql);
    default:
      return question satisfies never;
  }
}

/** Statements are class instances, which do not cross between threads. */
function plain({ statement, params }: Query): { statement: string; params: readonly unknown[] } {
  return { statement, params };
}
