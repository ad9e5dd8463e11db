// Facts, section 2: of meta what every home can tell exactly. The local emulator keeps a table of its own, and its first row moves
// last_row_id: where that shows, a row of ours is inserted first.
import type { Cases } from "../case.ts";
import { counted, rows, run, runAll } from "../tools.ts";

const FILMS = "CREATE TABLE films (id INTEGER PRIMARY KEY, name TEXT UNIQUE, seconds REAL)";
const KNOWN = [
  "duration",
  "changes",
  "last_row_id",
  "changed_db",
  "size_after",
  "rows_read",
  "rows_written",
  "served_by",
];

export const meta: Cases = {
  "has the fields that every home has, with their types": async (db) => {
    const found: Record<string, unknown> = { ...(await run(db, "SELECT 1")).meta };
    return KNOWN.map((name) => [name, typeof found[name]]);
  },
  "counts nothing for a query": async (db) => counted(await run(db, "SELECT 1")),
  "counts nothing for a query in a fresh database": async (db) =>
    counted(await db.prepare("SELECT name FROM sqlite_schema").all()),
  "counts an insert": async (db) => {
    await run(db, FILMS);
    return counted(await run(db, "INSERT INTO films (name) VALUES ('M')"));
  },
  "counts several rows of one insert": async (db) => {
    await run(db, FILMS);
    return counted(await run(db, "INSERT INTO films (name) VALUES ('M'), ('N'), ('O')"));
  },
  "counts an insert of an id of its own": async (db) => {
    await run(db, FILMS);
    return counted(await run(db, "INSERT INTO films (id) VALUES (?)", 41));
  },
  "counts an insert of a negative id": async (db) => {
    await run(db, FILMS);
    return counted(await run(db, "INSERT INTO films (id) VALUES (-5)"));
  },
  "counts updates of matching rows only": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1), (2), (3)");
    return [
      counted(await run(db, "UPDATE films SET seconds = 1 WHERE id < 3")),
      counted(await run(db, "UPDATE films SET seconds = 1 WHERE id > 9")),
    ];
  },
  "counts an update that changes nothing": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (1, 'M')");
    return counted(await run(db, "UPDATE films SET name = name"));
  },
  "counts deletes, with and without WHERE": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1), (2), (3)");
    return [counted(await run(db, "DELETE FROM films WHERE id = 2")), counted(await run(db, "DELETE FROM films"))];
  },
  "counts only what INSERT OR IGNORE has put in": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (1, 'M')");
    return counted(await run(db, "INSERT OR IGNORE INTO films (name) VALUES ('M'), ('N')"));
  },
  "counts nothing when INSERT OR IGNORE leaves all out": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (1, 'M')");
    return counted(await run(db, "INSERT OR IGNORE INTO films (name) VALUES ('M')"));
  },
  "counts an INSERT OR REPLACE": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (1, 'M'), (2, 'N')");
    return counted(await run(db, "INSERT OR REPLACE INTO films (id, name) VALUES (3, 'M')"));
  },
  "counts an upsert that updates": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (1, 'M'), (7, 'N')");
    return counted(await run(db, "INSERT INTO films (name) VALUES ('M') ON CONFLICT (name) DO UPDATE SET seconds = 5"));
  },
  "counts nothing for an upsert that does nothing": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (1, 'M')");
    return counted(await run(db, "INSERT INTO films (name) VALUES ('M') ON CONFLICT DO NOTHING"));
  },
  "counts the rows of RETURNING": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1), (2), (3)");
    return [
      counted(await run(db, "UPDATE films SET seconds = 2 WHERE id < 3 RETURNING id")),
      counted(await run(db, "INSERT INTO films (name) VALUES ('M') RETURNING id")),
      counted(await run(db, "DELETE FROM films RETURNING id")),
    ];
  },
  "counts what triggers change": async (db) => {
    await runAll(
      db,
      FILMS,
      "CREATE TABLE log (id INTEGER PRIMARY KEY, text)",
      "CREATE TRIGGER films_log AFTER INSERT ON films BEGIN INSERT INTO log (text) VALUES (new.name), ('again'); END",
    );
    return counted(await run(db, "INSERT INTO films (id, name) VALUES (77, 'M')"));
  },
  "counts what a trigger with RETURNING changes": async (db) => {
    await runAll(
      db,
      FILMS,
      "CREATE TABLE log (id INTEGER PRIMARY KEY, text)",
      "CREATE TRIGGER films_log AFTER UPDATE ON films BEGIN INSERT INTO log (text) VALUES ('x'); END",
      "INSERT INTO films (id) VALUES (1), (2)",
    );
    return counted(await run(db, "UPDATE films SET seconds = 1 RETURNING id"));
  },
  "counts what a foreign key cascades to": async (db) => {
    await runAll(
      db,
      "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
      "CREATE TABLE child (id INTEGER PRIMARY KEY, of REFERENCES parent ON DELETE CASCADE)",
      "INSERT INTO parent VALUES (1), (2)",
      "INSERT INTO child (of) VALUES (1), (1), (2)",
    );
    return counted(await run(db, "DELETE FROM parent WHERE id = 1"));
  },
  "counts an INSTEAD OF trigger's work": async (db) => {
    await runAll(
      db,
      FILMS,
      "INSERT INTO films (id) VALUES (1)",
      "CREATE VIEW names AS SELECT name FROM films",
      "CREATE TRIGGER names_in INSTEAD OF INSERT ON names BEGIN INSERT INTO films (name) VALUES (new.name); END",
    );
    return [counted(await run(db, "INSERT INTO names VALUES ('M')")), await rows(db, "SELECT id, name FROM films")];
  },
  "says that CREATE TABLE has changed the database": async (db) => counted(await run(db, FILMS)),
  "says that CREATE TABLE IF NOT EXISTS of a table that is there has not": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1)");
    return counted(await run(db, "CREATE TABLE IF NOT EXISTS films (a)"));
  },
  "says that DROP TABLE has changed the database": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1)");
    return counted(await run(db, "DROP TABLE films"));
  },
  "says that a view which fits in has not changed the database": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1)");
    return counted(await run(db, "CREATE VIEW v AS SELECT * FROM films"));
  },
  "says that a column added has not changed the database": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1)");
    return counted(await run(db, "ALTER TABLE films ADD COLUMN extra"));
  },
  "says that CREATE INDEX has changed the database": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1)");
    return counted(await run(db, "CREATE INDEX films_by_seconds ON films (seconds)"));
  },
  "keeps the last row id across other statements": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (41, 'M')");
    return [
      counted(await run(db, "SELECT 1")),
      counted(await run(db, "UPDATE films SET seconds = 1")),
      counted(await run(db, "DELETE FROM films")),
      counted(await run(db, "CREATE TABLE other (a)")),
      counted(await db.prepare("SELECT 1").all()),
    ];
  },
  "answers last_insert_rowid() with what meta says": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (41)");
    return rows(db, "SELECT last_insert_rowid()");
  },
  "answers changes() with the rows of the last write": async (db) => {
    await run(db, FILMS);
    const insert = db.prepare("INSERT INTO films (id) VALUES (1), (2), (3)");
    return (await db.batch([insert, db.prepare("SELECT changes()")]))[1]?.results;
  },
  "does not move the last row id for a table WITHOUT ROWID": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (5)", "CREATE TABLE k (a PRIMARY KEY) WITHOUT ROWID");
    return counted(await run(db, "INSERT INTO k VALUES ('a')"));
  },
  "keeps the last row id of an insert that failed out of meta": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id, name) VALUES (5, 'M')");
    await run(db, "INSERT INTO films (id, name) VALUES (9, 'M')").catch(() => 0);
    return counted(await run(db, "SELECT 1"));
  },
  "says that an insert of the same row id into another table has changed the database": async (db) => {
    await runAll(db, FILMS, "CREATE TABLE other (id INTEGER PRIMARY KEY)", "INSERT INTO films (id) VALUES (5)");
    return counted(await run(db, "INSERT INTO other VALUES (5)"));
  },
  "tells a last row id beyond 2^53 as the nearest number": async (db) => {
    await run(db, FILMS);
    return counted(await run(db, "INSERT INTO films (id) VALUES (9007199254740993)"));
  },
  "tells the smallest row id": async (db) => {
    await run(db, FILMS);
    return counted(await run(db, "INSERT INTO films (id) VALUES (-9223372036854775808)"));
  },
  "counts each statement of a batch by itself": async (db) => {
    const insert = db.prepare("INSERT INTO films (name) VALUES (?)");
    const results = await db.batch([
      db.prepare(FILMS),
      insert.bind("M"),
      insert.bind("N"),
      db.prepare("SELECT * FROM films"),
      db.prepare("UPDATE films SET seconds = 1"),
      db.prepare("DELETE FROM films WHERE id = 1"),
    ]);
    return results.map(counted);
  },
  "counts all statements of one text": async (db) => {
    await run(db, FILMS);
    const text = "INSERT INTO films (name) VALUES ('M'), ('N'); UPDATE films SET seconds = 1; SELECT 5 AS five";
    const result = await db.prepare(text).all();
    return { ...(counted(result) as object), results: result.results };
  },
  "counts WITH ... INSERT": async (db) => {
    await run(db, FILMS);
    return counted(
      await run(db, "WITH new (name) AS (VALUES ('M'), ('N')) INSERT INTO films (name) SELECT name FROM new"),
    );
  },
  "counts INSERT ... SELECT of no rows": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1)");
    return counted(await run(db, "INSERT INTO films SELECT * FROM films WHERE 0"));
  },
  "counts UPDATE FROM": async (db) => {
    await runAll(db, FILMS, "INSERT INTO films (id) VALUES (1), (2)");
    return counted(
      await run(db, "UPDATE films SET name = n.v FROM (SELECT 1 AS k, 'M' AS v) AS n WHERE n.k = films.id"),
    );
  },
  "counts the rows of an AUTOINCREMENT table": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a)",
      "INSERT INTO t VALUES (10, 1)",
      "DELETE FROM t",
    );
    return [
      counted(await run(db, "INSERT INTO t (a) VALUES (1)")),
      await rows(db, "SELECT name, seq FROM sqlite_sequence"),
    ];
  },
  "says of an empty REINDEX, ANALYZE and PRAGMA that they count nothing": async (db) => {
    await run(db, FILMS);
    const changes = async (sql: string) => (await run(db, sql)).meta.changes;
    return [await changes("REINDEX"), await changes("PRAGMA table_info(films)"), await changes("EXPLAIN SELECT 1")];
  },
};
