// The tables as of the last finished pull.
import { HidbError, messageOf } from "../../errors.js";
import type { Database } from "../database.js";
import type { MirrorTable } from "./schema.js";
import * as sql from "./statements.js";

export async function pulledTables(local: Database): Promise<MirrorTable[]> {
  const text = await local
    .prepare(sql.GET)
    .bind("tables")
    .first<string>("value")
    .catch((error: unknown) => {
      if (messageOf(error).includes("no such table")) return null;
      throw error;
    });
  if (text !== null) return JSON.parse(text) as MirrorTable[];
  throw new HidbError({
    code: "DATABASE_FOREIGN",
    message: "expected a file that `hidb mirror pull` has filled, got one without a finished pull",
    fix: "run `hidb mirror pull` first",
  });
}
