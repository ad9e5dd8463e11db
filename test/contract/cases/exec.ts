// Facts, section 5, second part: exec.
import type { Cases } from "../case.ts";
import { cell, failure, rows, run } from "../tools.ts";

const count = async (work: Promise<{ count: number }>) => (await work).count;

export const exec: Cases = {
  "answers with count and duration": async (db) => {
    const answer = await db.exec("SELECT 1");
    return Object.entries(answer).map(([name, value]) => [name, typeof value]);
  },
  "counts lines": (db) => count(db.exec("CREATE TABLE t (a)\nINSERT INTO t VALUES (1)\nSELECT 1")),
  "counts two statements on one line as one": async (db) => [
    await count(db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1);")),
    await cell(db, "SELECT count(*) FROM t"),
  ],
  "skips blank lines": (db) => count(db.exec("\n\nCREATE TABLE t (a);\n\n  \nINSERT INTO t VALUES (1);\n\n")),
  "takes lines that end in CRLF": (db) => count(db.exec("CREATE TABLE t (a);\r\nINSERT INTO t VALUES (1);\r\n")),
  "trims the text": (db) => count(db.exec("  \n SELECT 1  \n  ")),
  "refuses a statement across lines": (db) => failure(db.exec("CREATE TABLE t (\n a\n)")),
  "refuses a line that is only a comment": (db) => failure(db.exec("-- a table\nCREATE TABLE t (a)")),
  "refuses a comment line behind statements": async (db) => [
    await failure(db.exec("CREATE TABLE t (a)\n-- done")),
    await rows(db, "SELECT name FROM sqlite_schema WHERE name = 't'"),
  ],
  "takes a comment behind a statement": (db) => count(db.exec("SELECT 1 -- one")),
  "refuses a comment behind a semicolon": (db) => failure(db.exec("SELECT 1; -- one")),
  "undoes all lines when one fails": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    const error = await failure(db.exec("INSERT INTO t VALUES (1)\nINSERT INTO nowhere VALUES (1)"));
    return [error, await cell(db, "SELECT count(*) FROM t")];
  },
  "names the first line whichever failed": (db) => failure(db.exec("SELECT 1\nSELECT 2\nSELEC 3")),
  "names the first line that is not blank": (db) => failure(db.exec("\n\n  SELEC 1  \nSELECT 2")),
  "refuses an empty text": (db) => failure(db.exec("")),
  "refuses a blank text": (db) => failure(db.exec(" \n ")),
  "refuses parameters": (db) => failure(db.exec("SELECT ?")),
  "refuses a transaction": (db) => failure(db.exec("BEGIN")),
  "tells a constraint": async (db) => {
    await run(db, "CREATE TABLE t (a UNIQUE)");
    return failure(db.exec("INSERT INTO t VALUES (1)\nINSERT INTO t VALUES (1)"));
  },
  "takes a trigger on one line": async (db) => {
    await db.exec(
      "CREATE TABLE t (a)\nCREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = a + 1; END\nINSERT INTO t VALUES (1)",
    );
    return rows(db, "SELECT a FROM t");
  },
  "refuses a semicolon alone on a line": (db) => failure(db.exec("SELECT 1\n;")),
  "keeps a text with a line break from being one": (db) => failure(db.exec("SELECT 'a\nb'")),
  "refuses what is not a text": async (db) =>
    (await failure(() => db.exec(undefined as unknown as string))) instanceof Error,
};
