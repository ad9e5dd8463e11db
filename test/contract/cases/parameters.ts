// Facts, section 4, first part: parameters.
import type { Cases } from "../case.ts";
import { cell, failure, refusal, rows, run, runAll } from "../tools.ts";

export const parameters: Cases = {
  "numbers plain parameters from the left": (db) => rows(db, "SELECT ?, ?, ?", "a", "b", "c"),
  "takes numbered parameters by number": (db) => rows(db, "SELECT ?2, ?1, ?2", "a", "b"),
  "needs two values for ?2 alone": async (db) => [
    await rows(db, "SELECT ?2", "a", "b"),
    await refusal(db, "SELECT ?2", "a"),
  ],
  "goes on behind the highest number": (db) => rows(db, "SELECT ?2, ?", "a", "b", "c"),
  "goes on with ? in front of a number": (db) => rows(db, "SELECT ?, ?1, ?", "a", "b"),
  "refuses ?0": (db) => refusal(db, "SELECT ?0", "a"),
  "takes ?01 for ?1": (db) => rows(db, "SELECT ?01, ?1", "a"),
  "takes :name, @name and $name by first use": (db) => rows(db, "SELECT :a, @b, $c, :a, :b", "a", "b", "c", "d"),
  "keeps :a, @a and $a apart": (db) => rows(db, "SELECT :a, @a, $a", "1", "2", "3"),
  "mixes names, numbers and plain parameters": (db) => rows(db, "SELECT :a, ?, ?1, @b", "1", "2", "3"),
  "takes names with digits and underscores": (db) => rows(db, "SELECT :a_1, $b2, @_", "1", "2", "3"),
  "takes a name with suffix in parentheses": (db) => rows(db, "SELECT $a::b(c)", "1"),
  "refuses an object of names": (db) => failure(() => db.prepare("SELECT :a").bind({ a: 1 })),
  "refuses a single colon": (db) => refusal(db, "SELECT :", "a"),
  "refuses too few values": (db) => refusal(db, "SELECT ?, ?", "a"),
  "refuses too many values": (db) => refusal(db, "SELECT ?", "a", "b"),
  "refuses no values where some are needed": (db) => failure(db.prepare("SELECT ?").all()),
  "refuses values where none are needed": (db) => refusal(db, "SELECT 1", "a"),
  "refuses values for a change of the schema": (db) => refusal(db, "CREATE TABLE t (a)", 1),
  "counts a gap in the numbers": (db) => refusal(db, "SELECT ?1, ?5", "a", "b"),
  "fills a gap in the numbers": (db) => rows(db, "SELECT ?1, ?5", "a", "b", "c", "d", "e"),
  "counts values of a statement that would fail otherwise, too": async (db) => [
    await refusal(db, "SELECT ? FROM nowhere", 1),
    await refusal(db, "SELECT ? FROM nowhere"),
  ],
  "leaves a write undone when values are missing": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return [await refusal(db, "INSERT INTO t VALUES (?)"), await cell(db, "SELECT count(*) FROM t")];
  },
  "does not take a ? in a text for a parameter": (db) => rows(db, "SELECT '?', '?1 :a'"),
  "does not take a ? in a name for a parameter": (db) =>
    db.prepare('SELECT 1 AS "?", 2 AS [?], 3 AS `:a`').raw({ columnNames: true }),
  "does not take a ? in a comment for a parameter": (db) => rows(db, "SELECT 1 -- ? \n, /* ?2 :a */ 2"),
  "takes parameters in every place of a statement": async (db) => {
    await runAll(db, "CREATE TABLE t (a, b)", "INSERT INTO t VALUES ('x', 1), ('y', 2), ('z', 3)");
    return rows(
      db,
      "SELECT a, ? AS p FROM t WHERE b >= ? GROUP BY a HAVING count(*) >= ? ORDER BY a DESC LIMIT ? OFFSET ?",
      "p",
      1,
      1,
      1,
      1,
    );
  },
  "refuses a parameter for a name": async (db) => [
    await refusal(db, "SELECT * FROM ?", "t"),
    await refusal(db, "CREATE TABLE ? (a)", "t"),
  ],
  "refuses parameters in a default, check, view, trigger and index": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return [
      await refusal(db, "CREATE TABLE u (a DEFAULT (?))", 1),
      await refusal(db, "CREATE TABLE u (a CHECK (a > ?))", 1),
      await refusal(db, "CREATE VIEW v AS SELECT ?", 1),
      await refusal(db, "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT ?; END", 1),
      await refusal(db, "CREATE INDEX i ON t (a) WHERE a > ?", 1),
    ];
  },
  "takes the same value for a repeated number": async (db) => {
    await run(db, "CREATE TABLE t (a, b, c)");
    await run(db, "INSERT INTO t VALUES (?1, ?1, ?1)", "same");
    return rows(db, "SELECT * FROM t");
  },
  "takes 100 values": (db) => rows(db, `SELECT ${Array(100).fill("?").join("+")}`, ...Array(100).fill(1)),
  "binds IN lists one by one": (db) => rows(db, "SELECT value FROM json_each('[1,2,3,4]') WHERE value IN (?, ?)", 2, 4),
  "binds values in each statement of a batch": async (db) => {
    const select = db.prepare("SELECT ? AS v");
    return (await db.batch([select.bind("a"), select.bind("b")])).map(({ results }) => results);
  },
};
