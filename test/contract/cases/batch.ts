// Facts, section 5, first part: batches.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Cases } from "../case.ts";
import { cell, failure, rows, run, runAll } from "../tools.ts";

const TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)";

export const batch: Cases = {
  "answers each statement in its place": async (db) => {
    const answers = await db.batch([
      db.prepare(TABLE),
      db.prepare("INSERT INTO t (a) VALUES (?)").bind("x"),
      db.prepare("SELECT id, a FROM t"),
      db.prepare("DELETE FROM t RETURNING id"),
    ]);
    return answers.map(({ results, success }) => ({ results, success }));
  },
  "names the keys of an answer in order": async (db) =>
    (await db.batch([db.prepare("SELECT 1")])).map((answer) => Object.keys(answer)),
  "refuses an empty batch": (db) => failure(db.batch([])),
  "refuses what is not an array": async (db) => {
    const refused = async (value: unknown) =>
      ((await failure(() => db.batch(value as D1PreparedStatement[]))) as Error).name;
    return [await refused(undefined), await refused(null), await refused(5), await refused({})];
  },
  "refuses texts in place of statements": async (db) =>
    (await failure(() => db.batch(["SELECT 1" as unknown as D1PreparedStatement]))) instanceof Error,
  "undoes all when a constraint fails": async (db) => {
    await run(db, TABLE);
    const insert = db.prepare("INSERT INTO t (a) VALUES ('x')");
    return [await failure(db.batch([insert, insert])), await cell(db, "SELECT count(*) FROM t")];
  },
  "undoes all when a statement does not parse": async (db) => {
    await run(db, TABLE);
    const error = await failure(db.batch([db.prepare("INSERT INTO t (a) VALUES ('x')"), db.prepare("SELEC")]));
    return [error, await cell(db, "SELECT count(*) FROM t")];
  },
  "undoes all when values are missing": async (db) => {
    await run(db, TABLE);
    const error = await failure(db.batch([db.prepare("INSERT INTO t (a) VALUES ('x')"), db.prepare("SELECT ?")]));
    return [error, await cell(db, "SELECT count(*) FROM t")];
  },
  "undoes all when a statement is empty": async (db) => {
    await run(db, TABLE);
    const error = await failure(db.batch([db.prepare("INSERT INTO t (a) VALUES ('x')"), db.prepare("-- nothing")]));
    return [error, await cell(db, "SELECT count(*) FROM t")];
  },
  "undoes changes of the schema": async (db) => {
    await runAll(db, TABLE, "INSERT INTO t (a) VALUES ('kept')");
    const error = await failure(
      db.batch([db.prepare("DROP TABLE t"), db.prepare("CREATE TABLE u (a)"), db.prepare("SELEC")]),
    );
    return [
      error,
      await rows(db, "SELECT a FROM t"),
      await rows(db, "SELECT name FROM sqlite_schema WHERE name = 'u'"),
    ];
  },
  "undoes all in front of and behind the failing statement": async (db) => {
    await run(db, TABLE);
    const insert = db.prepare("INSERT INTO t (a) VALUES (?)");
    const error = await failure(db.batch([insert.bind("x"), db.prepare("SELECT * FROM nowhere"), insert.bind("y")]));
    return [error, await cell(db, "SELECT count(*) FROM t")];
  },
  "leaks no rows of INSERT OR FAIL": async (db) => {
    await runAll(db, TABLE, "INSERT INTO t (a) VALUES ('x')");
    const error = await failure(db.batch([db.prepare("INSERT OR FAIL INTO t (a) VALUES ('new'), ('x')")]));
    return [error, await rows(db, "SELECT a FROM t")];
  },
  "leaks no rows of INSERT OR FAIL outside of a batch": async (db) => {
    await runAll(db, TABLE, "INSERT INTO t (a) VALUES ('x')");
    const error = await failure(run(db, "INSERT OR FAIL INTO t (a) VALUES ('new'), ('x')"));
    return [error, await rows(db, "SELECT a FROM t")];
  },
  "leaks no rows of a trigger that raises FAIL": async (db) => {
    await runAll(
      db,
      TABLE,
      "CREATE TRIGGER r BEFORE INSERT ON t WHEN new.a = 'bad' BEGIN SELECT RAISE(FAIL, 'no'); END",
    );
    const error = await failure(run(db, "INSERT INTO t (a) VALUES ('good'), ('bad')"));
    return [error, await rows(db, "SELECT a FROM t")];
  },
  "leaves out only its row with INSERT OR IGNORE": async (db) => {
    await run(db, TABLE);
    await db.batch([
      db.prepare("INSERT INTO t (a) VALUES ('x')"),
      db.prepare("INSERT OR IGNORE INTO t (a) VALUES ('x'), ('y')"),
    ]);
    return rows(db, "SELECT a FROM t ORDER BY a");
  },
  // What D1 says here is an internal error of the emulator, with a reference that changes; only what is left counts.
  "undoes all of a batch with INSERT OR ROLLBACK": async (db) => {
    await runAll(db, TABLE, "INSERT INTO t (a) VALUES ('x')");
    const insert = db.prepare("INSERT OR ROLLBACK INTO t (a) VALUES (?)");
    const error = await failure(db.batch([insert.bind("y"), insert.bind("x")]));
    return [error instanceof Error, await rows(db, "SELECT a FROM t")];
  },
  "works on after a batch that has failed": async (db) => {
    await run(db, TABLE);
    const insert = db.prepare("INSERT INTO t (a) VALUES (?)");
    await failure(db.batch([insert.bind("x"), insert.bind("x")]));
    await db.batch([insert.bind("x"), insert.bind("y")]);
    return rows(db, "SELECT a FROM t ORDER BY a");
  },
  "runs one statement object twice": async (db) => {
    await run(db, TABLE);
    const insert = db.prepare("INSERT INTO t (a) VALUES (NULL)");
    await db.batch([insert, insert]);
    return cell(db, "SELECT count(*) FROM t");
  },
  "lets a statement see what the one before it wrote": async (db) => {
    const answers = await db.batch([
      db.prepare(TABLE),
      db.prepare("INSERT INTO t (a) VALUES ('x')"),
      db.prepare("SELECT a FROM t"),
    ]);
    return answers[2]?.results;
  },
  "takes only queries": async (db) =>
    (await db.batch([db.prepare("SELECT 1 AS a"), db.prepare("SELECT 2 AS b")])).map(({ results }) => results),
  "takes a hundred statements": async (db) => {
    await run(db, TABLE);
    const insert = db.prepare("INSERT INTO t (a) VALUES (?)");
    const answers = await db.batch(Array.from({ length: 100 }, (_, at) => insert.bind(at)));
    return [answers.length, answers[99]?.meta.last_row_id];
  },
  "folds duplicate columns as all() does": async (db) =>
    (await db.batch([db.prepare("SELECT 1 AS a, 2 AS a")]))[0]?.results,
  "keeps row objects of a batch plain": async (db) => {
    const [answer] = await db.batch([db.prepare("SELECT 1 AS __proto__, 2 AS a")]);
    return answer?.results;
  },
  "says nothing about which statement failed": (db) =>
    failure(db.batch([db.prepare("SELECT 1"), db.prepare("SELECT x")])),
  "defers foreign keys within one batch": async (db) => {
    await runAll(db, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (of REFERENCES p)");
    await db.batch([
      db.prepare("PRAGMA defer_foreign_keys = on"),
      db.prepare("INSERT INTO c VALUES (1)"),
      db.prepare("INSERT INTO p VALUES (1)"),
    ]);
    const later = await failure(run(db, "INSERT INTO c VALUES (2)"));
    return [await rows(db, "SELECT of FROM c"), later];
  },
  // The text is an internal one of the emulator; that all is undone is what counts.
  "undoes a batch that leaves a deferred foreign key violated": async (db) => {
    await runAll(db, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (of REFERENCES p)");
    const error = await failure(
      db.batch([db.prepare("PRAGMA defer_foreign_keys = on"), db.prepare("INSERT INTO c VALUES (1)")]),
    );
    return [error instanceof Error, await rows(db, "SELECT of FROM c")];
  },
  "defers foreign keys that were declared so within one batch": async (db) => {
    await runAll(
      db,
      "CREATE TABLE p (id INTEGER PRIMARY KEY)",
      "CREATE TABLE c (of REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
    );
    await db.batch([db.prepare("INSERT INTO c VALUES (1)"), db.prepare("INSERT INTO p VALUES (1)")]);
    return rows(db, "SELECT of FROM c");
  },
};
