// Whether a database can be written at all, found out before anything is started that would have to wait for it.
import type { Database } from "./database.js";

/** Takes the write lock and changes nothing; errors: DATABASE_LOCKED, DATABASE_READ_ONLY. */
export async function checkWritable(database: Database): Promise<void> {
  await database.prepare("UPDATE hidb_pool SET value = value WHERE key = ''").run();
}
