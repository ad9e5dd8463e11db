// A look into a database file from outside, by a connection that is closed again at once.
import BetterSqlite3 from "better-sqlite3";

/** The rows, or none of a statement that only changes some. */
export function queryFile<T>(file: string, sql: string): T[] {
  const database = new BetterSqlite3(file, { timeout: 5000 });
  try {
    const statement = database.prepare<[], T>(sql);
    if (statement.reader) return statement.all();
    statement.run();
    return [];
  } finally {
    database.close();
  }
}
