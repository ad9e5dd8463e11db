import { describe, expect, it } from "vitest";
import { openSqlite } from "../../src/database/sqlite.js";

// What D1 itself answered to each of these; see facts/d1.md, section 6.
const SEEN: [sql: string, text: string][] = [
  ["SELECT 'é', nope", "no such column: nope at offset 13"],
  ["SELECT a FROM t UNION ALL SELECT a FROM u", "no such column: a at offset 33"],
  ["SELECT sum(sum(a)) FROM t", "misuse of aggregate function sum() at offset 11"],
  ["SELECT 1 SELECT 2", 'near "SELECT": syntax error at offset 9'],
  ["SELECT * FROM t WHERE a = = 1", 'near "=": syntax error at offset 26'],
  ["UPDATE t SET zz = 1", "no such column: zz"],
  ["SELECT a FROM t JOIN t x ON a = 1", "ambiguous column name: a at offset 7"],
  ["SELECT -0x123456789012345678", "hex literal too big: -0x123456789012345678 at offset 8"],
  ["SELECT", "incomplete input"],
];

describe.each([false, true])("the place of an error, strict: %s", (strict) => {
  it.each(SEEN)("%s", async (sql, text) => {
    const database = await openSqlite(":memory:", { strict });
    await database.exec("CREATE TABLE t (a)\nCREATE TABLE u (b)");
    await expect(database.prepare(sql).all()).rejects.toThrow(`D1_ERROR: ${text}: SQLITE_ERROR`);
    await database.close();
  });
});
