// Facts, section 4, second part: the text of a statement, and several in one.
import type { Cases } from "../case.ts";
import { cell, refusal, rows, run, runAll } from "../tools.ts";

export const text: Cases = {
  "takes one semicolon at the end": (db) => rows(db, "SELECT 1;"),
  "takes blanks behind the semicolon": (db) => rows(db, "SELECT 1 ; \n\t "),
  "refuses two semicolons": (db) => refusal(db, "SELECT 1;;"),
  "refuses two semicolons with blanks between": (db) => refusal(db, "SELECT 1; ;"),
  "refuses a comment behind the semicolon": async (db) => [
    await refusal(db, "SELECT 1; -- done"),
    await refusal(db, "SELECT 1; /* done */"),
  ],
  "takes a comment in front, inside and at the end": (db) => rows(db, "-- first\nSELECT /* inner */ 1 -- last"),
  "takes a comment at the end before the semicolon": (db) => rows(db, "SELECT 1 /* last */;"),
  "takes a comment that does not end": (db) => rows(db, "SELECT 1 /* open"),
  "refuses an empty text": (db) => refusal(db, ""),
  "refuses a blank text": (db) => refusal(db, " \n\t "),
  "refuses a comment alone": async (db) => [await refusal(db, "-- nothing"), await refusal(db, "/* nothing */")],
  "refuses a semicolon alone": async (db) => [await refusal(db, ";"), await refusal(db, " ; ")],
  "refuses a semicolon in front": (db) => refusal(db, "; SELECT 1"),
  "refuses an empty statement between two": (db) => refusal(db, "SELECT 1;; SELECT 2"),
  "answers several statements with the last one's rows": async (db) =>
    (await db.prepare("SELECT 1 AS a; SELECT 2 AS b").all()).results,
  "answers several statements in raw() with the last one's rows": (db) =>
    db.prepare("SELECT 1 AS a; SELECT 2 AS b, 3 AS c;").raw({ columnNames: true }),
  "runs several statements in their order": async (db) => {
    await db.prepare("CREATE TABLE t (a); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)").run();
    return rows(db, "SELECT a FROM t ORDER BY rowid");
  },
  "answers a write behind a query without rows": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return (await db.prepare("SELECT 1 AS a; INSERT INTO t VALUES (1)").all()).results;
  },
  "undoes several statements when one fails": async (db) => {
    await run(db, "CREATE TABLE t (a UNIQUE)");
    const error = await refusal(db, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)");
    return [error, await cell(db, "SELECT count(*) FROM t")];
  },
  "undoes several statements when a later one does not parse": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    const error = await refusal(db, "INSERT INTO t VALUES (1); SELEC");
    return [error, await cell(db, "SELECT count(*) FROM t")];
  },
  "undoes a change of the schema among several statements": async (db) => {
    await runAll(db, "CREATE TABLE t (a)");
    const error = await refusal(db, "DROP TABLE t; CREATE TABLE u (a); SELECT * FROM nowhere");
    return [error, await rows(db, "SELECT name FROM sqlite_schema WHERE name IN ('t', 'u')")];
  },
  "gives the last of several statements the values": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    await run(db, "DELETE FROM t; INSERT INTO t VALUES (?)", "v");
    return rows(db, "SELECT a FROM t");
  },
  "tells an error before that of parameters behind it": async (db) => [
    await refusal(db, "SELECT * FROM nowhere; SELECT ?; SELECT 1", 1),
    await refusal(db, "SELECT ?; SELECT * FROM nowhere; SELECT 1", 1),
  ],
  "refuses parameters before the last statement": (db) => refusal(db, "SELECT ?; SELECT ?", 1, 2),
  "refuses parameters before the last statement even when the last has none": (db) =>
    refusal(db, "SELECT ?; SELECT 1", 1),
  "refuses parameters before the last statement without values, too": (db) => refusal(db, "SELECT ?; SELECT 1"),
  "refuses too few values for the last statement": (db) => refusal(db, "SELECT 1; SELECT ?"),
  "takes several statements inside a batch": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    const results = await db.batch([
      db.prepare("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"),
      db.prepare("SELECT a FROM t; SELECT sum(a) AS s FROM t"),
    ]);
    return results.map(({ results: found, meta }) => [found, meta.changes]);
  },
  "takes the semicolons of a trigger for its own": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "CREATE TABLE log (a)");
    await run(
      db,
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); INSERT INTO log VALUES (CASE WHEN new.a > 1 THEN 'big' ELSE 'small' END); END;",
    );
    await run(db, "INSERT INTO t VALUES (5)");
    return rows(db, "SELECT a FROM log");
  },
  "takes a statement behind a trigger": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    await run(db, "CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = a + 1; END; INSERT INTO t VALUES (1);");
    return rows(db, "SELECT a FROM t");
  },
  "does not take a semicolon in a text, name or comment for an end": async (db) =>
    rows(db, "SELECT ';', 1 AS \";\", 2 AS [;], 3 AS `;` /* ; */ -- ;"),
  "takes all kinds of white space": (db) => rows(db, "\tSELECT\r\n1\f,\n2 "),
  "refuses other spaces of Unicode": async (db) => [
    await refusal(db, "SELECT\u00a01"),
    await refusal(db, "\ufeffSELECT 1"),
  ],
  "ends the text at a NUL": (db) => refusal(db, "SELECT 1\0, 2"),
  "takes names in four kinds of quotes": (db) =>
    db.prepare("SELECT 1 AS \"a b\", 2 AS [c d], 3 AS `e f`, 4 AS 'g h'").first(),
  "doubles quotes inside quotes": (db) => db.prepare("SELECT 'it''s' AS \"a\"\"b\"").first(),
  "takes numbers in all their forms": (db) => rows(db, "SELECT 0x10, 1e3, .5, 5., 1_000, 0xFFFFFFFFFFFFFFFF"),
  "refuses a text that does not end": async (db) => [
    await refusal(db, "SELECT 'open"),
    await refusal(db, 'SELECT "open'),
    await refusal(db, "SELECT [open"),
  ],
  "refuses an unfinished statement": async (db) => [
    await refusal(db, "SELECT"),
    await refusal(db, "INSERT INTO"),
    await refusal(db, "CREATE TABLE t ("),
  ],
  "refuses a character that SQL does not know": async (db) => [
    await refusal(db, "SELECT 1 # 2"),
    await refusal(db, "SELECT \\1"),
    await refusal(db, "SELECT {}"),
  ],
  "refuses a malformed blob": async (db) => [await refusal(db, "SELECT x'0'"), await refusal(db, "SELECT x'zz'")],
  "takes keywords in any case": (db) => rows(db, "sElEcT 1 wHeRe 1"),
  "takes VALUES as a statement": (db) => db.prepare("VALUES (1, 'a'), (2, 'b')").raw({ columnNames: true }),
};
