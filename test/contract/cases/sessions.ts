// Facts, section 8, second part: sessions and their bookmarks.
import type { Cases } from "../case.ts";
import { failure, run } from "../tools.ts";

const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

export const sessions: Cases = {
  "has no bookmark before the first answer": (db) => db.withSession().getBookmark(),
  "has a bookmark after the first answer": async (db) => {
    const session = db.withSession();
    await session.prepare("SELECT 1").all();
    return SHAPE.test(session.getBookmark() ?? "");
  },
  "has a bookmark after a batch": async (db) => {
    const session = db.withSession("first-primary");
    await session.batch([session.prepare("SELECT 1")]);
    return SHAPE.test(session.getBookmark() ?? "");
  },
  "moves its bookmark forward with every query": async (db) => {
    const session = db.withSession();
    const seen: string[] = [];
    for (const sql of ["CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "SELECT a FROM t", "SELECT a FROM t"]) {
      await session.prepare(sql).run();
      seen.push(session.getBookmark() ?? "");
    }
    return seen.slice(1).map((bookmark, at) => bookmark > (seen[at] ?? ""));
  },
  "takes these constraints": async (db) => {
    const start = async (constraint: unknown) => {
      const session = db.withSession(constraint as string);
      const before = session.getBookmark();
      return [before, await session.prepare("SELECT 1 AS one").first("one"), SHAPE.test(session.getBookmark() ?? "")];
    };
    return [
      await start(undefined),
      await start(null),
      await start(""),
      await start("  "),
      await start("first-primary"),
      await start("first-unconstrained"),
    ];
  },
  "starts from a bookmark": async (db) => {
    const first = db.withSession();
    await first.prepare("CREATE TABLE t (a)").run();
    const bookmark = first.getBookmark() ?? "";
    const second = db.withSession(bookmark);
    const before = second.getBookmark() === bookmark;
    await second.prepare("INSERT INTO t VALUES (1)").run();
    return [before, (second.getBookmark() ?? "") > bookmark];
  },
  "keeps an unknown bookmark that sorts later": async (db) => {
    const session = db.withSession("zzz");
    const before = session.getBookmark();
    await session.prepare("SELECT 1").all();
    return [before, session.getBookmark()];
  },
  "leaves an unknown bookmark that sorts earlier": async (db) => {
    const session = db.withSession("!");
    const before = session.getBookmark();
    await session.prepare("SELECT 1").all();
    return [before, SHAPE.test(session.getBookmark() ?? "")];
  },
  "refuses a number for a constraint": async (db) =>
    ((await failure(() => db.withSession(5 as unknown as string))) as Error).name,
  "keeps the bookmark where it is when a statement fails": async (db) => {
    const session = db.withSession();
    const error = await failure(session.prepare("SELEC").all());
    return [error, session.getBookmark() === null];
  },
  "offers prepare, batch and getBookmark, and no exec": (db) => {
    const session = db.withSession() as unknown as Record<string, unknown>;
    return ["prepare", "batch", "getBookmark", "exec", "dump", "withSession"].map((name) => [
      name,
      typeof session[name],
    ]);
  },
  "offers no getBookmark on the database itself": (db) => {
    const offered = db as unknown as Record<string, unknown>;
    return ["prepare", "batch", "exec", "withSession", "dump", "getBookmark"].map((name) => [
      name,
      typeof offered[name],
    ]);
  },
  "reads what was written before": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    await run(db, "INSERT INTO t VALUES ('x')");
    return db.withSession("first-primary").prepare("SELECT a FROM t").first("a");
  },
  "lets the database read what a session wrote": async (db) => {
    const session = db.withSession();
    await session.batch([session.prepare("CREATE TABLE t (a)"), session.prepare("INSERT INTO t VALUES ('x')")]);
    return db.prepare("SELECT a FROM t").first("a");
  },
  "keeps two sessions apart": async (db) => {
    const [one, two] = [db.withSession(), db.withSession()];
    await one.prepare("SELECT 1").all();
    return [one.getBookmark() !== null, two.getBookmark()];
  },
  "undoes a failed batch of a session": async (db) => {
    const session = db.withSession();
    await session.prepare("CREATE TABLE t (a UNIQUE)").run();
    const insert = session.prepare("INSERT INTO t VALUES (1)");
    return [
      await failure(session.batch([insert, insert])),
      await session.prepare("SELECT count(*) AS n FROM t").first("n"),
    ];
  },
};
