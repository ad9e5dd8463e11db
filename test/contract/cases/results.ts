// Facts, section 1: the objects and the shapes of what they give.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Cases } from "../case.ts";
import { cell, failure, rows, run, runAll } from "../tools.ts";

const THREE = "SELECT 1 AS n, 'a' AS t UNION ALL SELECT 2, 'b' UNION ALL SELECT 3, NULL";

export const results: Cases = {
  "prepares without looking at the text": (db) => typeof db.prepare("SELEC nonsense").all,
  "refuses bad text when it runs": (db) => failure(db.prepare("SELEC nonsense").all()),
  "shows statement and params of a prepared statement": (db) => {
    const { statement, params } = db.prepare("SELECT ?").bind("a") as unknown as {
      statement: string;
      params: unknown[];
    };
    return { statement, params };
  },
  "gives a prepared statement no params": (db) => (db.prepare("SELECT ?") as unknown as { params: unknown[] }).params,
  "binds into a new statement": (db) => {
    const statement = db.prepare("SELECT ?");
    return statement.bind(1) === statement;
  },
  "leaves the statement that was bound as it was": async (db) => {
    const template = db.prepare("SELECT ? AS v");
    const [one, two] = [template.bind("one"), template.bind("two")];
    return [await two.first("v"), await one.first("v"), await failure(template.first("v"))];
  },
  "replaces values that were bound before": (db) => db.prepare("SELECT ? AS v").bind("old").bind("new").first("v"),
  "binds nothing to a statement without parameters": (db) => db.prepare("SELECT 1 AS v").bind().first("v"),
  "names the keys of all() in order": async (db) => Object.keys(await db.prepare("SELECT 1").all()),
  "names the keys of run() in order": async (db) => Object.keys(await db.prepare("SELECT 1").run()),
  "answers all() with rows as plain objects": async (db) => (await db.prepare(THREE).all()).results,
  "answers run() of a query with its rows": async (db) => (await db.prepare(THREE).run()).results,
  "answers all() with success": async (db) => (await db.prepare("SELECT 1").all()).success,
  "answers all() without rows with an empty array": async (db) => (await db.prepare("SELECT 1 WHERE 0").all()).results,
  "answers a write with an empty array of rows": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return [(await run(db, "INSERT INTO t VALUES (1)")).results, (await db.prepare("DELETE FROM t").all()).results];
  },
  "answers a change of the schema with an empty array of rows": async (db) =>
    (await run(db, "CREATE TABLE t (a)")).results,
  "gives rows the prototype of plain objects": async (db) => {
    const { results, meta } = await db.prepare("SELECT 1 AS a").all();
    return [Object.getPrototypeOf(results[0]) === Object.prototype, Object.getPrototypeOf(meta) === Object.prototype];
  },
  "answers first() with the first row": (db) => db.prepare(THREE).first(),
  "answers first() without rows with null": (db) => db.prepare("SELECT 1 WHERE 0").first(),
  "answers first(undefined) like first()": (db) => db.prepare(THREE).first(undefined as unknown as string),
  "answers first(column) with its value": (db) => db.prepare(THREE).first("t"),
  "answers first(column) of NULL with null": (db) => db.prepare("SELECT NULL AS n").first("n"),
  "answers first(column) without rows with null": (db) => db.prepare("SELECT 1 AS n WHERE 0").first("other"),
  "refuses first() of a column that is not there": (db) => failure(db.prepare("SELECT 1 AS n").first("m")),
  "looks for a column named null on first(null)": (db) =>
    failure(db.prepare("SELECT 1 AS n").first(null as unknown as string)),
  "finds a column named null on first(null)": (db) => db.prepare('SELECT 1 AS "null"').first(null as unknown as string),
  "tells column names of first() by case": (db) => failure(db.prepare("SELECT 1 AS Name").first("name")),
  "takes an inherited name in first() for no column": (db) => failure(db.prepare("SELECT 1 AS n").first("toString")),
  "answers first('') with the column of that name": (db) => db.prepare('SELECT 7 AS ""').first(""),
  "runs first() to its end": async (db) => {
    await runAll(db, "CREATE TABLE t (a, b)", "INSERT INTO t (a) VALUES (1), (2), (3)");
    const first = await db.prepare("UPDATE t SET b = a RETURNING b").first();
    return { first, sum: await cell(db, "SELECT sum(b) FROM t") };
  },
  "answers first() of a write with null": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return [
      await db.prepare("INSERT INTO t VALUES (1)").first(),
      await db.prepare("INSERT INTO t VALUES (2)").first("a"),
    ];
  },
  "answers raw() with arrays": (db) => db.prepare(THREE).raw(),
  "answers raw() without rows with an empty array": (db) => db.prepare("SELECT 1 WHERE 0").raw(),
  "answers raw() of a write with an empty array": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return db.prepare("INSERT INTO t VALUES (1)").raw();
  },
  "puts the names in front of raw() on demand": (db) => db.prepare(THREE).raw({ columnNames: true }),
  "puts the names in front of no rows": (db) => db.prepare("SELECT 1 AS a, 2 AS b WHERE 0").raw({ columnNames: true }),
  "puts an empty array in front of a write": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return db.prepare("INSERT INTO t VALUES (1)").raw({ columnNames: true });
  },
  "leaves the names out when told so": (db) => db.prepare("SELECT 1 AS a").raw({ columnNames: false }),
  "takes raw({}) for raw()": (db) => db.prepare("SELECT 1 AS a").raw({} as { columnNames: false }),
  "gives the names of a RETURNING that meets no row": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    return db.prepare("DELETE FROM t RETURNING a AS gone").raw({ columnNames: true });
  },
  "keeps the last of two columns of one name in an object": (db) => db.prepare("SELECT 1 AS a, 2 AS b, 3 AS a").first(),
  "keeps both columns of one name in raw()": (db) => db.prepare("SELECT 1 AS a, 2 AS a").raw({ columnNames: true }),
  "tells duplicate columns by case": (db) => db.prepare("SELECT 1 AS a, 2 AS A").first(),
  "names an expression by its text": async (db) =>
    Object.keys((await db.prepare("SELECT 1+1, 'x' || 'y', count(*), max( 1 , 2 )").first()) ?? {}),
  "names a column of a table as it was declared": async (db) => {
    await run(db, "CREATE TABLE t (MixedCase, other)");
    await run(db, "INSERT INTO t VALUES (1, 2)");
    return [await db.prepare("SELECT mixedcase, t.other FROM t").first(), await db.prepare("SELECT * FROM t").first()];
  },
  "names a parameter by its text": async (db) => db.prepare("SELECT ?, ?2").bind(1, 2).raw({ columnNames: true }),
  "keeps the order of columns in objects": async (db) =>
    Object.keys((await db.prepare("SELECT 1 AS z, 2 AS a, 3 AS m").first()) ?? {}),
  "puts column names that look like integers in front": async (db) =>
    Object.keys((await db.prepare('SELECT 1 AS z, 2 AS "10", 3 AS "2", 4 AS a').first()) ?? {}),
  "keeps a column called __proto__ as its own": async (db) => {
    const row = await db.prepare("SELECT 7 AS __proto__, 1 AS a").first<Record<string, unknown>>();
    return { row, own: Object.hasOwn(row ?? {}, "__proto__"), plain: Object.getPrototypeOf(row) === Object.prototype };
  },
  "finds a column called __proto__": (db) => db.prepare("SELECT 7 AS __proto__").first("__proto__"),
  "keeps columns called constructor and toString": (db) =>
    db.prepare("SELECT 1 AS constructor, 2 AS toString, 3 AS hasOwnProperty").first(),
  "keeps an empty column name": async (db) => db.prepare('SELECT 1 AS ""').first(),
  "keeps column names of other scripts": async (db) => db.prepare('SELECT 1 AS "ключ 🎬"').first(),
  "runs one statement object twice": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    const insert = db.prepare("INSERT INTO t VALUES (1)");
    await insert.run();
    await insert.run();
    return cell(db, "SELECT count(*) FROM t");
  },
  "runs one statement object several times at once": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    const insert = db.prepare("INSERT INTO t VALUES (?)").bind("a");
    await Promise.all([insert.run(), insert.run(), insert.all(), insert.raw(), insert.first()]);
    return cell(db, "SELECT count(*) FROM t");
  },
  "runs statements that were started together in their order": async (db) => {
    await run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
    await Promise.all(Array.from({ length: 10 }, (_, at) => run(db, "INSERT INTO t (a) VALUES (?)", `${at}`)));
    return rows(db, "SELECT id, a FROM t ORDER BY id");
  },
  "goes on after errors among statements that were started together": async (db) => {
    await run(db, "CREATE TABLE t (a UNIQUE)");
    const settled = await Promise.allSettled(["a", "b", "a", "c"].map((a) => run(db, "INSERT INTO t VALUES (?)", a)));
    return [settled.map(({ status }) => status), await rows(db, "SELECT a FROM t ORDER BY a")];
  },
  "lets batches that were started together take turns": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    const insert = db.prepare("INSERT INTO t SELECT count(*) FROM t");
    await Promise.all([1, 2, 3, 4].map(() => db.batch([insert, insert])));
    return rows(db, "SELECT a FROM t ORDER BY a");
  },
  "runs a statement anew after the schema has changed": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    const select = db.prepare("SELECT * FROM t");
    const before = await select.first();
    await run(db, "ALTER TABLE t ADD COLUMN b DEFAULT 2");
    const between = await select.first();
    await runAll(db, "DROP TABLE t", "CREATE TABLE t (c)", "INSERT INTO t VALUES (3)");
    return [before, between, await select.first(), await select.raw({ columnNames: true })];
  },
  "runs a failed statement once its table is there": async (db) => {
    const select = db.prepare("SELECT count(*) AS n FROM t");
    const early = await failure(select.first("n"));
    await run(db, "CREATE TABLE t (a)");
    return [early, await select.first("n")];
  },
  "refuses dump()": (db) => failure(() => (db as unknown as { dump(): Promise<unknown> }).dump()),
  "refuses to prepare what is not a text": async (db) => {
    const ends = async (sql: unknown) =>
      ((await failure(() => db.prepare(sql as string).all())) as Error) instanceof Error;
    return [await ends(undefined), await ends(null), await ends(5), await ends({})];
  },
  "hands rows out that belong to the caller": async (db) => {
    const statement = db.prepare("SELECT 1 AS a, x'01' AS b");
    const first = (await statement.first<Record<string, unknown>>()) ?? {};
    first.a = 2;
    return statement.first();
  },
  "does not notice when the caller changes its values after bind": async (db) => {
    const bytes = [1, 2];
    const statement = db.prepare("SELECT ? AS b, ? AS c");
    const list: unknown[] = ["x", bytes];
    const bound: D1PreparedStatement = statement.bind(...list);
    list[0] = "y";
    return bound.first();
  },
};
