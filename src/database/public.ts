// What `import ... from "hidb/database"` gives: D1's contract over a local SQLite file, and over Cloudflare's REST API.
import type { Database } from "./database.js";
import { openSqlite as open } from "./sqlite.js";

export { type D1HttpOptions, openD1Http } from "./d1-http.js";
export type { Database } from "./database.js";

export interface OpenSqliteOptions {
  /** Holds to every limit and prohibition of D1, so that what runs here runs there; slower. */
  strict?: boolean;
  /** `false` refuses a file that does not exist; otherwise it is made, with its folder. */
  create?: boolean;
  /** `full` syncs at every commit; `normal` may lose the last commits in a power cut, never half of one. */
  synchronous?: "normal" | "full";
}

/** Opens a SQLite file, `:memory:` included, as a D1 database with an end to it. */
export function openSqlite(file: string, options: OpenSqliteOptions = {}): Promise<Database> {
  return open(file, { create: true, ...options });
}
