// A dump of `wrangler d1 export` becomes a database of its own beside the file, and is pulled like one.
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import BetterSqlite3 from "better-sqlite3";
import { HidbError, messageOf } from "../../errors.js";
import type { Database } from "../database.js";
import { openSqlite } from "../sqlite.js";
import { describeSqliteError } from "../sqlite-errors.js";
import { type Piece, splitStatements } from "../text.js";

/** Fills `scratch`, a path where nothing is yet; after the database is closed, call `removeScratch`. */
export async function openDump(dump: string, scratch: string): Promise<Database> {
  await removeScratch(scratch);
  // Not by the contract: a dump names rows before the rows they lead to, over more statements than one batch can hold.
  let driver: BetterSqlite3.Database | undefined;
  try {
    driver = new BetterSqlite3(scratch);
    driver.pragma("foreign_keys = off");
    driver.pragma("synchronous = off");
    driver.exec("BEGIN");
    for await (const statement of readStatements(dump)) {
      if (!/^PRAGMA\b/i.test(statement)) driver.exec(statement);
    }
    driver.exec("COMMIT");
    driver.close();
    return await openSqlite(scratch);
  } catch (cause) {
    driver?.close();
    await removeScratch(scratch);
    // A full disk is no fault of the dump's.
    const described = describeSqliteError(cause, scratch);
    if (described instanceof HidbError) throw described;
    throw new HidbError({
      code: "FILE_UNREADABLE",
      message: `expected ${dump} to be a dump of \`wrangler d1 export\`, got ${messageOf(cause)}`,
      fix: "export it again, or correct the path",
      cause,
    });
  }
}

export async function removeScratch(scratch: string): Promise<void> {
  for (const end of ["", "-wal", "-shm"]) await rm(`${scratch}${end}`, { force: true });
}

/** Never more of the file in memory than a piece of it and the statement that it breaks off in. */
async function* readStatements(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(file, { encoding: "utf8", highWaterMark: 1 << 20 })) {
    // SQLite takes a NUL for the end of the text; in a dump it can only stand in a literal.
    const pieces = splitStatements(rest + chunk.replaceAll("\0", "'||char(0)||'"));
    // The last one may go on, as a trigger does behind the semicolons in its body.
    rest = pieces.pop()?.sql ?? "";
    yield* statementsOf(pieces);
  }
  yield* statementsOf(splitStatements(rest));
}

function statementsOf(pieces: Piece[]): string[] {
  const isEmpty = ({ tokens }: Piece) => tokens.every(({ text }) => text === ";");
  return pieces.filter((piece) => !isEmpty(piece)).map(({ sql }) => sql.trim().replace(/;$/, ""));
}
