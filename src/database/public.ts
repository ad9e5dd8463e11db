// What `import ... from "hidb/database"` gives: D1's contract over a local SQLite file.
export type { Database } from "./database.js";
export { openSqlite } from "./sqlite.js";
