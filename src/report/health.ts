// What a database says of its own state, for `hidb doctor`.
import type { Database } from "../database/database.js";
import * as sql from "./statements.js";

/** `ok`, or the first thing that is wrong with the file. */
export async function quickCheck(database: Database): Promise<string> {
  return (await database.prepare(sql.QUICK_CHECK).first<string>("quick_check")) ?? "ok";
}
