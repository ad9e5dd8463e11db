// Facts, section 8, first part: limits, with margins where the documents and the engine do not agree on the last byte.
import type { D1Database } from "@cloudflare/workers-types";
import type { Cases } from "../case.ts";
import { cell, failure, rows, run, runAll } from "../tools.ts";

const many = (count: number, of: (at: number) => string, between = ", ") =>
  Array.from({ length: count }, (_, at) => of(at + 1)).join(between);
const nested = (depth: number) => `SELECT ${"(".repeat(depth)}1${")".repeat(depth)}`;
const added = (terms: number) => `SELECT ${many(terms, () => "1", "+")}`;
const padded = (bytes: number) => `SELECT 1 /*${"x".repeat(bytes - "SELECT 1 /**/".length)}*/`;
const fits = async (db: D1Database, sql: string, ...values: unknown[]) => {
  const answer = await failure(cell(db, sql, ...values));
  return answer instanceof Error ? answer : "runs";
};

export const limits: Cases = {
  "takes 100 parameters and refuses 101": async (db) => [
    await fits(db, `SELECT ${many(100, () => "?")}`, ...Array(100).fill(1)),
    await fits(db, `SELECT 1 IN (${many(101, () => "?")})`, ...Array(101).fill(1)),
  ],
  "takes ?100 and refuses ?101": async (db) => [
    await fits(db, "SELECT ?100", ...Array(100).fill(1)),
    await fits(db, "SELECT ?101", ...Array(101).fill(1)),
    await fits(db, "SELECT ?1000", 1),
  ],
  "takes 100 named parameters and refuses 101": async (db) => [
    await fits(db, `SELECT ${many(100, (at) => `:p${at}`)}`, ...Array(100).fill(1)),
    await fits(db, `SELECT 1 IN (${many(101, (at) => `:p${at}`)})`, ...Array(101).fill(1)),
  ],
  "takes a text of 100,000 bytes and refuses 100,001": async (db) => [
    await fits(db, padded(100_000)),
    await fits(db, padded(100_001)),
  ],
  "counts the text in bytes": async (db) => [
    await fits(db, `SELECT '${"ä".repeat(49_000)}'`),
    await fits(db, `SELECT '${"ä".repeat(51_000)}'`),
  ],
  "counts all statements of one text": (db) =>
    fits(db, `SELECT '${"x".repeat(60_000)}'; SELECT '${"x".repeat(60_000)}'`),
  "counts each statement of a batch by itself": async (db) => {
    const half = db.prepare(`SELECT length('${"x".repeat(60_000)}') AS n`);
    return (await db.batch([half, half])).map(({ results }) => results);
  },
  "takes a table of 100 columns and refuses 101": async (db) => [
    await fits(db, `CREATE TABLE t (${many(100, (at) => `c${at}`)})`),
    await fits(db, `CREATE TABLE u (${many(101, (at) => `c${at}`)})`),
  ],
  "refuses to add a column to 100": async (db) => {
    await run(db, `CREATE TABLE t (${many(100, (at) => `c${at}`)})`);
    return fits(db, "ALTER TABLE t ADD COLUMN more");
  },
  "takes a result of 100 columns and refuses 101": async (db) => [
    await fits(db, `SELECT ${many(100, String)}`),
    await fits(db, `SELECT ${many(101, String)}`),
  ],
  "takes an index of many columns": async (db) => {
    await run(db, `CREATE TABLE t (${many(100, (at) => `c${at}`)})`);
    return [
      await fits(db, `CREATE INDEX i ON t (${many(100, (at) => `c${at}`)})`),
      await fits(db, `CREATE INDEX j ON t (${many(101, () => "c1")})`),
    ];
  },
  "refuses more than 100 terms to group and order by": async (db) => [
    await fits(db, `SELECT 1 ORDER BY ${many(101, () => "1")}`),
    await fits(db, `SELECT count(*) GROUP BY ${many(101, (at) => `'${at}'`)}`),
  ],
  "takes a text of 1.9 MB": (db) => rows(db, "SELECT length(?)", "x".repeat(1_900_000)),
  "refuses a text far beyond the limit": (db) => fits(db, "SELECT length(?)", "x".repeat(9_000_000)),
  "refuses a blob made far beyond the limit": (db) => fits(db, "SELECT length(zeroblob(9000000))"),
  "refuses a text joined far beyond the limit": (db) =>
    fits(db, "SELECT length(replace(hex(zeroblob(1000000)), '0', 'xxxxx'))"),
  "refuses a row far beyond the limit": async (db) => {
    await run(db, "CREATE TABLE t (a, b, c, d, e, f)");
    const part = "zeroblob(1900000)";
    return fits(db, `INSERT INTO t VALUES (${many(6, () => part)})`);
  },
  "takes a LIKE pattern of 50 bytes and refuses 51": async (db) => [
    await fits(db, "SELECT 'a' LIKE ?", "%".repeat(50)),
    await fits(db, "SELECT 'a' LIKE ?", "%".repeat(51)),
    await fits(db, `SELECT 'a' LIKE '${"x".repeat(51)}'`),
  ],
  "takes a GLOB pattern of 50 bytes and refuses 51": async (db) => [
    await fits(db, "SELECT 'a' GLOB ?", "*".repeat(50)),
    await fits(db, "SELECT 'a' GLOB ?", "*".repeat(51)),
  ],
  "counts patterns in bytes": async (db) => [
    await fits(db, "SELECT 'a' LIKE ?", "ä".repeat(25)),
    await fits(db, "SELECT 'a' LIKE ?", "ä".repeat(26)),
  ],
  "counts patterns of like() and glob(), too": async (db) => [
    await fits(db, "SELECT like(?, 'a')", "%".repeat(51)),
    await fits(db, "SELECT glob(?, 'a')", "*".repeat(51)),
  ],
  "takes 127 arguments and refuses 128": async (db) => [
    await fits(db, `SELECT max(${many(127, String)})`),
    await fits(db, `SELECT max(${many(128, String)})`),
  ],
  "takes 5 terms of a compound SELECT and refuses 6": async (db) => [
    await fits(
      db,
      many(5, (at) => `SELECT ${at}`, " UNION ALL "),
    ),
    await fits(
      db,
      many(6, (at) => `SELECT ${at}`, " UNION ALL "),
    ),
    await fits(
      db,
      many(6, (at) => `SELECT ${at}`, " EXCEPT "),
    ),
  ],
  "takes any number of VALUES": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    await run(db, `INSERT INTO t VALUES ${many(2000, (at) => `(${at})`)}`);
    return rows(db, "SELECT count(*), sum(a) FROM t");
  },
  "takes an expression of depth 90 and refuses 110": async (db) => [
    await fits(db, added(90)),
    await fits(db, added(110)),
  ],
  "takes parentheses of any sensible depth": async (db) => [
    await fits(db, nested(20)),
    await fits(db, `SELECT ${many(110, () => "NOT", " ")} 1`),
  ],
  "takes subqueries one in another up to a depth": async (db) => {
    const deep = (depth: number): string => (depth === 0 ? "SELECT 1 AS a" : `SELECT a FROM (${deep(depth - 1)})`);
    return [await fits(db, deep(20)), await fits(db, deep(110))];
  },
  "refuses triggers that nest deeper than 10": async (db) => {
    const made = [];
    for (let at = 0; at <= 13; at++) made.push(`CREATE TABLE t${at} (a)`);
    for (let at = 0; at < 13; at++)
      made.push(`CREATE TRIGGER r${at} AFTER INSERT ON t${at} BEGIN INSERT INTO t${at + 1} VALUES (new.a); END`);
    await db.batch(made.map((sql) => db.prepare(sql)));
    return [await fits(db, "INSERT INTO t8 VALUES (1)"), await fits(db, "INSERT INTO t0 VALUES (1)")];
  },
  "takes joins of 64 tables and refuses 65": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)");
    const join = (count: number) => `SELECT 1 FROM ${many(count, (at) => `t AS t${at}`)}`;
    return [await fits(db, join(64)), await fits(db, join(65))];
  },
  "takes long IN lists of literals": (db) => rows(db, `SELECT 5 IN (${many(1000, String)})`),
  "takes long CASE expressions": (db) =>
    rows(db, `SELECT CASE 45 ${many(200, (at) => `WHEN ${at} THEN 'n${at}'`, " ")} END`),
  "takes names of any sensible length": (db) => db.prepare(`SELECT 1 AS ${"n".repeat(500)}`).first(),
  "takes many statements in one text": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    await run(
      db,
      many(300, (at) => `INSERT INTO t VALUES (${at})`, ";"),
    );
    return cell(db, "SELECT count(*) FROM t");
  },
};
