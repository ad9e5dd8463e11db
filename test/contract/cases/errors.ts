// Facts, section 6: error texts, with their causes.
import type { Cases } from "../case.ts";
import { failure, refusal, run, runAll } from "../tools.ts";

export const errors: Cases = {
  "tells the place of what a schema prohibits": async (db) => {
    await runAll(db, "CREATE TABLE t (a)");
    return [
      await refusal(db, "CREATE INDEX i ON t ((a + 1) IN (SELECT 1))"),
      await refusal(db, "CREATE INDEX i ON t (max(lower(?), ?))", 1, 2),
    ];
  },
  "names the token that it does not expect": (db) => refusal(db, "SELEC 1"),
  "names the place of an unexpected token": (db) => refusal(db, "SELECT 1 FROM FROM t"),
  "counts the place of an unexpected token in bytes": (db) => refusal(db, "SELECT 'äöü 🎬', FROM t"),
  "tells an unfinished input": (db) => refusal(db, "SELECT (1"),
  "names a table that is not there": (db) => refusal(db, "SELECT * FROM nowhere"),
  "names a table that is not there on a write": async (db) => [
    await refusal(db, "INSERT INTO nowhere VALUES (1)"),
    await refusal(db, "UPDATE nowhere SET a = 1"),
    await refusal(db, "DELETE FROM nowhere"),
    await refusal(db, "DROP TABLE nowhere"),
    await refusal(db, "ALTER TABLE nowhere ADD COLUMN a"),
    await refusal(db, "CREATE INDEX i ON nowhere (a)"),
  ],
  "names an index, view and trigger that are not there": async (db) => [
    await refusal(db, "DROP INDEX nowhere"),
    await refusal(db, "DROP VIEW nowhere"),
    await refusal(db, "DROP TRIGGER nowhere"),
    await refusal(db, "SELECT * FROM sqlite_schema INDEXED BY nowhere"),
  ],
  "names a column that is not there": (db) => refusal(db, "SELECT x"),
  "names a column of a table that is not there": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return [
      await refusal(db, "SELECT t.x FROM t"),
      await refusal(db, "INSERT INTO t (x) VALUES (1)"),
      await refusal(db, "UPDATE t SET x = 1"),
      await refusal(db, "CREATE INDEX i ON t (x)"),
      await refusal(db, "ALTER TABLE t DROP COLUMN x"),
    ];
  },
  "names a function that is not there": (db) => refusal(db, "SELECT f(1)"),
  "names a function with a wrong number of arguments": async (db) => [
    await refusal(db, "SELECT abs(1, 2)"),
    await refusal(db, "SELECT substr('a')"),
    await refusal(db, "SELECT count(1, 2)"),
  ],
  "names a collation that is not there": (db) => refusal(db, "SELECT 1 ORDER BY 1 COLLATE nowhere"),
  "names a database that is not there": (db) => refusal(db, "SELECT * FROM other.t"),
  "names an ambiguous column": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "CREATE TABLE u (a)");
    return refusal(db, "SELECT a FROM t, u");
  },
  "refuses a table, index, view and trigger twice": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "CREATE INDEX i ON t (a)",
      "CREATE VIEW v AS SELECT 1",
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
    );
    return [
      await refusal(db, "CREATE TABLE t (a)"),
      await refusal(db, "CREATE INDEX i ON t (a)"),
      await refusal(db, "CREATE VIEW v AS SELECT 1"),
      await refusal(db, "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END"),
      await refusal(db, "CREATE TABLE i (a)"),
      await refusal(db, "CREATE TABLE v (a)"),
    ];
  },
  "refuses a duplicate column": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return [await refusal(db, "CREATE TABLE u (a, A)"), await refusal(db, "ALTER TABLE t ADD COLUMN a")];
  },
  "tells a UNIQUE constraint": async (db) => {
    await runAll(db, "CREATE TABLE t (a UNIQUE, b, c, UNIQUE (b, c))", "INSERT INTO t VALUES (1, 2, 3)");
    return [await refusal(db, "INSERT INTO t VALUES (1, 0, 0)"), await refusal(db, "INSERT INTO t VALUES (0, 2, 3)")];
  },
  "tells a UNIQUE index, also of an expression": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a, b)",
      "CREATE UNIQUE INDEX i ON t (a)",
      "CREATE UNIQUE INDEX e ON t (b + 1)",
      "INSERT INTO t VALUES (1, 1)",
    );
    return [await refusal(db, "INSERT INTO t VALUES (1, 2)"), await refusal(db, "INSERT INTO t VALUES (2, 1)")];
  },
  "tells a PRIMARY KEY": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY)",
      "CREATE TABLE k (a TEXT PRIMARY KEY)",
      "CREATE TABLE w (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
    );
    await runAll(db, "INSERT INTO t VALUES (1)", "INSERT INTO k VALUES ('a')", "INSERT INTO w VALUES (1, 2)");
    return [
      await refusal(db, "INSERT INTO t VALUES (1)"),
      await refusal(db, "INSERT INTO k VALUES ('a')"),
      await refusal(db, "INSERT INTO w VALUES (1, 2)"),
    ];
  },
  "tells a rowid": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "INSERT INTO t (rowid) VALUES (1)");
    return refusal(db, "INSERT INTO t (rowid) VALUES (1)");
  },
  "tells a NOT NULL": async (db) => {
    await run(db, "CREATE TABLE t (a NOT NULL, b)");
    return [await refusal(db, "INSERT INTO t (b) VALUES (1)"), await refusal(db, "INSERT INTO t VALUES (?, 1)", null)];
  },
  "tells a CHECK by its text or its name": async (db) => {
    await run(db, "CREATE TABLE t (a CHECK (a > 0), b, CONSTRAINT b_is_small CHECK (b < 10))");
    return [await refusal(db, "INSERT INTO t VALUES (0, 1)"), await refusal(db, "INSERT INTO t VALUES (1, 10)")];
  },
  "lets NULL pass a CHECK": async (db) => {
    await run(db, "CREATE TABLE t (a CHECK (a > 0))");
    return failure(run(db, "INSERT INTO t VALUES (NULL)").then(({ success }) => success));
  },
  "tells a FOREIGN KEY": async (db) => {
    await runAll(
      db,
      "CREATE TABLE p (id INTEGER PRIMARY KEY)",
      "CREATE TABLE c (of REFERENCES p)",
      "INSERT INTO p VALUES (1)",
      "INSERT INTO c VALUES (1)",
    );
    return [
      await refusal(db, "INSERT INTO c VALUES (2)"),
      await refusal(db, "UPDATE c SET of = 3"),
      await refusal(db, "DELETE FROM p"),
      await refusal(db, "UPDATE p SET id = 2"),
      await refusal(db, "DROP TABLE p"),
    ];
  },
  "tells a foreign key that does not match": async (db) => {
    await runAll(db, "CREATE TABLE p (a)", "CREATE TABLE c (of REFERENCES p (a))");
    return refusal(db, "INSERT INTO c VALUES (1)");
  },
  "tells the parent of a foreign key that is not there": async (db) => {
    await run(db, "CREATE TABLE c (of REFERENCES nowhere)");
    return [await refusal(db, "INSERT INTO c VALUES (1)"), await refusal(db, "INSERT INTO c VALUES (NULL)")];
  },
  "tells a type that a STRICT table does not know": (db) => refusal(db, "CREATE TABLE t (a VARCHAR) STRICT"),
  "tells a column without type in a STRICT table": (db) => refusal(db, "CREATE TABLE t (a) STRICT"),
  "tells a value of a wrong type in a STRICT table": async (db) => {
    await run(db, "CREATE TABLE t (x INTEGER, y BLOB) STRICT");
    return [
      await refusal(db, "INSERT INTO t (x) VALUES ('a')"),
      await refusal(db, "INSERT INTO t (x) VALUES (1.5)"),
      await refusal(db, "INSERT INTO t (y) VALUES (1)"),
    ];
  },
  "tells a wrong type of a rowid": async (db) => {
    await run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    return [
      await refusal(db, "INSERT INTO t VALUES ('a')"),
      await refusal(db, "INSERT INTO t VALUES (1.5)"),
      await refusal(db, "INSERT INTO t VALUES (?)", [1]),
    ];
  },
  "tells a fractional LIMIT": async (db) => [
    await refusal(db, "SELECT 1 LIMIT 1.5"),
    await refusal(db, "SELECT 1 LIMIT ?", 1.5),
    await refusal(db, "SELECT 1 LIMIT 'a'"),
  ],
  "tells what a trigger raises": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'not on my watch'); END",
    );
    return refusal(db, "INSERT INTO t VALUES (1)");
  },
  "tells what a trigger raises with FAIL and IGNORE": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT CASE new.a WHEN 'fail' THEN RAISE(FAIL, 'failed: ä') WHEN 'ignore' THEN RAISE(IGNORE) END; END",
    );
    return [
      await refusal(db, "INSERT INTO t VALUES ('fail')"),
      await refusal(db, "INSERT INTO t VALUES ('ignore')"),
      await refusal(db, "INSERT INTO t VALUES ('x')"),
    ];
  },
  "tells RAISE outside of a trigger": (db) => refusal(db, "SELECT RAISE(ABORT, 'x')"),
  "tells an overflow of integers": async (db) => [
    await refusal(db, "SELECT abs(-9223372036854775808)"),
    await refusal(db, "SELECT sum(v) FROM (SELECT 9223372036854775807 AS v UNION ALL SELECT 1)"),
  ],
  "tells malformed JSON": async (db) => [
    await refusal(db, "SELECT json('{')"),
    await refusal(db, "SELECT json_extract('{', '$')"),
    await refusal(db, "SELECT * FROM json_each('[')"),
  ],
  "tells a malformed path into JSON": async (db) => [
    await refusal(db, "SELECT json_extract('{}', 'a')"),
    await refusal(db, "SELECT '{}' -> '$['"),
  ],
  "tells a blob in JSON": (db) => refusal(db, "SELECT json_array(x'FF')"),
  "tells a number of columns that does not fit": async (db) => {
    await run(db, "CREATE TABLE t (a, b)");
    return [
      await refusal(db, "INSERT INTO t VALUES (1)"),
      await refusal(db, "INSERT INTO t (a) VALUES (1, 2)"),
      await refusal(db, "SELECT 1 UNION SELECT 1, 2"),
      await refusal(db, "SELECT (SELECT 1, 2)"),
      await refusal(db, "SELECT 1 IN (SELECT 1, 2)"),
      await refusal(db, "VALUES (1), (1, 2)"),
    ];
  },
  "tells a misuse of aggregates": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return [
      await refusal(db, "SELECT a FROM t WHERE count(*) > 1"),
      await refusal(db, "SELECT sum(count(*)) FROM t"),
      await refusal(db, "SELECT a FROM t HAVING a"),
    ];
  },
  "tells a misuse of window functions": async (db) => [
    await refusal(db, "SELECT row_number()"),
    await refusal(db, "SELECT 1 WHERE row_number() OVER ()"),
    await refusal(db, "SELECT abs(1) OVER ()"),
  ],
  "tells an ORDER BY that does not fit": async (db) => [
    await refusal(db, "SELECT 1 ORDER BY 2"),
    await refusal(db, "SELECT 1 AS a UNION SELECT 2 ORDER BY b"),
  ],
  "tells a write to a view": async (db) => {
    await run(db, "CREATE VIEW v AS SELECT 1 AS a");
    return [
      await refusal(db, "INSERT INTO v VALUES (1)"),
      await refusal(db, "DROP TABLE v"),
      await refusal(db, "CREATE INDEX i ON v (a)"),
    ];
  },
  "tells a write to a generated column": async (db) => {
    await run(db, "CREATE TABLE t (a, b AS (a + 1))");
    return [await refusal(db, "INSERT INTO t (b) VALUES (1)"), await refusal(db, "UPDATE t SET b = 1")];
  },
  "tells a circular view": async (db) => {
    await runAll(db, "CREATE VIEW v AS SELECT * FROM w", "CREATE VIEW w AS SELECT * FROM v");
    return refusal(db, "SELECT * FROM v");
  },
  "tells a view whose table is gone": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "CREATE VIEW v AS SELECT a FROM t", "DROP TABLE t");
    return refusal(db, "SELECT * FROM v");
  },
  "tells a column that cannot be added": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    return [
      await refusal(db, "ALTER TABLE t ADD COLUMN b PRIMARY KEY"),
      await refusal(db, "ALTER TABLE t ADD COLUMN b UNIQUE"),
      await refusal(db, "ALTER TABLE t ADD COLUMN b NOT NULL"),
      await refusal(db, "ALTER TABLE t ADD COLUMN b DEFAULT (random())"),
    ];
  },
  "tells a column that cannot be dropped": async (db) => {
    await runAll(db, "CREATE TABLE t (a PRIMARY KEY, b, c)", "CREATE INDEX i ON t (b)");
    return [await refusal(db, "ALTER TABLE t DROP COLUMN a"), await refusal(db, "ALTER TABLE t DROP COLUMN b")];
  },
  "tells an ON CONFLICT that matches no constraint": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return refusal(db, "INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING");
  },
  "tells a LIKE with a wrong escape": (db) => refusal(db, "SELECT 'a' LIKE 'a' ESCAPE 'ab'"),
  "tells a modification of the schema's own table": async (db) => [
    await refusal(db, "DELETE FROM sqlite_schema"),
    await refusal(db, "UPDATE sqlite_master SET name = 'x'"),
    await refusal(db, "DROP TABLE sqlite_schema"),
  ],
  "refuses BEGIN, COMMIT and ROLLBACK": async (db) => [
    await refusal(db, "BEGIN"),
    await refusal(db, "BEGIN IMMEDIATE"),
    await refusal(db, "COMMIT"),
    await refusal(db, "END"),
    await refusal(db, "ROLLBACK"),
  ],
  "refuses SAVEPOINT and RELEASE": async (db) => [
    await refusal(db, "SAVEPOINT a"),
    await refusal(db, "RELEASE a"),
    await refusal(db, "ROLLBACK TO a"),
  ],
  "refuses a transaction behind a comment": (db) => refusal(db, "/* really */ begin transaction"),
  "refuses a transaction inside a batch": (db) => failure(db.batch([db.prepare("SELECT 1"), db.prepare("COMMIT")])),
  "refuses a transaction among several statements": (db) => refusal(db, "BEGIN; SELECT 1; COMMIT"),
  "tells the same error to all, run, raw and first": async (db) => {
    const statement = db.prepare("SELECT x");
    return [
      await failure(statement.all()),
      await failure(statement.run()),
      await failure(statement.raw()),
      await failure(statement.first()),
    ];
  },
  "gives errors the plain prototype of errors": async (db) => {
    const error = await refusal(db, "SELECT x");
    return [
      error instanceof Error,
      Object.getPrototypeOf(error) === Error.prototype,
      "code" in (error as object),
      Object.keys(error as object),
    ];
  },
  "gives causes the plain prototype of errors": async (db) => {
    const { cause } = (await refusal(db, "SELECT x")) as Error;
    return [cause instanceof Error, Object.getPrototypeOf(cause) === Error.prototype, Object.keys(cause as object)];
  },
};
