// Facts, section 3: what a value becomes on its way in and on its way out.
import type { D1Database } from "@cloudflare/workers-types";
import type { Cases } from "../case.ts";
import { cell, failure, refusal, rows, run, runAll } from "../tools.ts";

const seen = (db: D1Database, value: unknown) => rows(db, "SELECT ?1, typeof(?1), quote(?1)", value);
const bindable = (db: D1Database, value: unknown) => failure(() => db.prepare("SELECT ?").bind(value).first());

export const values: Cases = {
  "binds a whole number as REAL": (db) => seen(db, 5),
  "binds a fraction as REAL": (db) => seen(db, 2.5),
  "binds a negative number": (db) => seen(db, -7),
  "binds zero and minus zero": async (db) => [await seen(db, 0), await seen(db, -0)],
  "binds 2^53 and its neighbours": async (db) => [
    await rows(db, "SELECT ?1, typeof(?1)", 2 ** 53 - 1),
    await rows(db, "SELECT ?1, typeof(?1)", 2 ** 53),
    await rows(db, "SELECT ?1, typeof(?1)", -(2 ** 53)),
  ],
  "binds the largest and the smallest number": async (db) => [
    await cell(db, "SELECT ?", Number.MAX_VALUE),
    await cell(db, "SELECT ?", Number.MIN_VALUE),
    await cell(db, "SELECT ?", Number.EPSILON),
    await cell(db, "SELECT ?", 1e21),
    await cell(db, "SELECT ?", 0.1),
  ],
  "binds NaN and both infinities as NULL": async (db) => [
    await seen(db, Number.NaN),
    await seen(db, Infinity),
    await seen(db, -Infinity),
  ],
  "divides a bound number as REAL": (db) => cell(db, "SELECT ? / 2", 5),
  "joins a bound number to a text as REAL": (db) => cell(db, "SELECT 'a' || ?", 5),
  "writes a bound number as REAL into JSON": (db) => cell(db, "SELECT json_array(?, ?)", 5, 2.5),
  "compares a bound number with an integer": (db) => rows(db, "SELECT ?1 = 5, ?1 IS 5, ?1 < 6, ?1 IN (5)", 5),
  "takes a bound number for an index into JSON": (db) =>
    cell(db, "SELECT json_extract('[7,8]', '$[' || CAST(? AS INTEGER) || ']')", 1),
  "stores a whole number by the column's affinity": async (db) => {
    await run(
      db,
      "CREATE TABLE t (i INTEGER, n NUMERIC, r REAL, t TEXT, b BLOB, x, y ANY, d DATETIME, v VARCHAR(9), f FLOATING POINT)",
    );
    await run(db, "INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1, ?1, ?1, ?1, ?1, ?1)", 42);
    return rows(
      db,
      "SELECT typeof(i), typeof(n), typeof(r), typeof(t), t, typeof(b), typeof(x), typeof(y), typeof(d), typeof(v), typeof(f) FROM t",
    );
  },
  "stores a fraction by the column's affinity": async (db) => {
    await run(db, "CREATE TABLE t (i INTEGER, n NUMERIC, r REAL, t TEXT, b BLOB)");
    await run(db, "INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1)", 2.5);
    return rows(db, "SELECT *, typeof(i), typeof(n), typeof(r), typeof(t), typeof(b) FROM t");
  },
  "stores a numeric text by the column's affinity": async (db) => {
    await run(db, "CREATE TABLE t (i INTEGER, n NUMERIC, r REAL, t TEXT, b BLOB)");
    await run(db, "INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1)", " 42 ");
    return rows(db, "SELECT *, typeof(i), typeof(n), typeof(r), typeof(t), typeof(b) FROM t");
  },
  "takes a bound whole number for a row id": async (db) => {
    await runAll(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", "INSERT INTO t VALUES (7, 'seven')");
    return rows(db, "SELECT id, typeof(id), a FROM t WHERE id = ?", 7);
  },
  "takes a bound whole number for LIMIT and OFFSET": (db) =>
    rows(db, "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 LIMIT ? OFFSET ?", 1, 1),
  "binds booleans as 1 and 0": async (db) => [await seen(db, true), await seen(db, false)],
  "binds null as NULL": (db) => seen(db, null),
  "binds texts": async (db) => [
    await seen(db, "naïve – 映画 🎬"),
    await seen(db, ""),
    await seen(db, 'it\'s "quoted"\n\t\\'),
  ],
  "keeps a NUL in a text": (db) => rows(db, "SELECT ?1, length(?1), length(CAST(?1 AS BLOB))", "a\0b"),
  "replaces a lone surrogate": (db) => rows(db, "SELECT ?", "a\ud800b"),
  "stores the three bytes of a lone surrogate": (db) => rows(db, "SELECT hex(?)", "a\ud800b"),
  "keeps a pair of surrogates": (db) => rows(db, "SELECT ?1, hex(?1), length(?1)", "\ud83c\udfac"),
  "keeps a byte order mark": (db) => rows(db, "SELECT ?1, hex(?1)", "\ufeffa"),
  "does not normalise texts": (db) => rows(db, "SELECT ?1 = ?2, length(?1), length(?2)", "\u00e9", "e\u0301"),
  "binds an ArrayBuffer as a blob": (db) => seen(db, new Uint8Array([1, 2, 255]).buffer),
  "binds a Uint8Array as a blob": (db) => seen(db, new Uint8Array([1, 2, 255])),
  "binds part of a buffer as that part": (db) => seen(db, new Uint8Array([9, 1, 2, 9]).subarray(1, 3)),
  "binds empty blobs as blobs": async (db) => [
    await seen(db, new Uint8Array()),
    await seen(db, new ArrayBuffer(0)),
    await seen(db, []),
  ],
  "binds a Uint8ClampedArray as a blob": (db) => seen(db, new Uint8ClampedArray([1, 300])),
  "takes elements of an Int8Array modulo 256": (db) => seen(db, new Int8Array([-1, 1])),
  "takes elements of a Uint16Array modulo 256": (db) => seen(db, new Uint16Array([1, 258])),
  "takes elements of an Int16Array modulo 256": (db) => seen(db, new Int16Array([-2, 258])),
  "takes elements of 32-bit arrays modulo 256": async (db) => [
    await seen(db, new Uint32Array([257, 2 ** 31])),
    await seen(db, new Int32Array([-1, 3])),
  ],
  "takes elements of float arrays truncated and modulo 256": async (db) => [
    await seen(db, new Float32Array([1.5, 300, -1.5])),
    await seen(db, new Float64Array([2.9, 511])),
  ],
  "binds a DataView as an empty blob": (db) => seen(db, new DataView(new ArrayBuffer(4))),
  "binds a DataView beside a numbered parameter": (db) =>
    rows(db, "SELECT ?2, ?1", 1, new DataView(new ArrayBuffer(4))),
  "accepts a BigInt64Array in bind and fails when it runs": async (db) => {
    const bound = db.prepare("SELECT ?").bind(new BigInt64Array([1n]));
    return ((await failure(bound.first())) as Error).name;
  },
  "binds an array of bytes as a blob": (db) => seen(db, [0, 1, 255]),
  "truncates fractions in an array of bytes": (db) => seen(db, [1.9, 254.5]),
  "refuses undefined": (db) => bindable(db, undefined),
  "refuses a bigint": (db) => bindable(db, 1n),
  "refuses a date": async (db) => {
    const error = (await bindable(db, new Date(0))) as Error;
    return error.message.replace(/'[^']*1970[^']*'/, "'a date'");
  },
  "refuses an object": (db) => bindable(db, { a: 1 }),
  "refuses an object without prototype": async (db) => ((await bindable(db, Object.create(null))) as Error).name,
  "refuses a function": (db) => bindable(db, Math.max),
  "refuses boxed primitives": async (db) => [
    await bindable(db, new String("a")),
    await bindable(db, new Number(1)),
    await bindable(db, new Boolean(true)),
  ],
  "refuses a symbol": async (db) => {
    const error = (await bindable(db, Symbol("s"))) as Error;
    return [error.name, error.message];
  },
  "refuses a map and a set": async (db) => [await bindable(db, new Map()), await bindable(db, new Set([1]))],
  "refuses a promise": (db) => bindable(db, Promise.resolve(1)),
  "refuses a SharedArrayBuffer": (db) => bindable(db, new SharedArrayBuffer(2)),
  "refuses an array of texts": (db) => bindable(db, ["a", "b"]),
  "refuses an array with a number above 255": (db) => bindable(db, [1, 256]),
  "refuses an array with a negative number": (db) => bindable(db, [1, -1]),
  "refuses an array of mixed values": (db) => bindable(db, [1, null]),
  "refuses a nested array": (db) => bindable(db, [[1]]),
  "refuses an array with NaN": (db) => bindable(db, [Number.NaN]),
  "names what it refuses even behind good values": (db) => failure(() => db.prepare("SELECT ?, ?").bind(1, undefined)),
  "refuses values at once, not when it runs": (db) => {
    try {
      db.prepare("SELECT ?").bind(undefined);
      return "accepted";
    } catch (error) {
      return error;
    }
  },
  "refuses values of a statement with bad text at once": (db) => failure(() => db.prepare("SELEC").bind(undefined)),
  "gives integers back as numbers": (db) => rows(db, "SELECT 0, 1, -1, 9007199254740991, -9007199254740991"),
  "gives integers beyond 2^53 back as the nearest number": (db) =>
    rows(db, "SELECT 9007199254740993, 9223372036854775807, -9223372036854775808, -9007199254740993"),
  "gives large integers of a table back as the nearest number": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY)",
      "INSERT INTO t VALUES (9223372036854775807), (9007199254740993)",
    );
    return [
      (await db.prepare("SELECT id FROM t ORDER BY id").all()).results,
      await rows(db, "SELECT CAST(id AS TEXT) FROM t ORDER BY id"),
    ];
  },
  "gives reals back as numbers": (db) => rows(db, "SELECT 1.0, 2.5, -0.0, 1e300, 5e-324"),
  "reads very small numbers of a text": (db) => rows(db, "SELECT 1e-300"),
  "gives infinity back as null": async (db) => [
    await rows(db, "SELECT 9e999, -9e999"),
    await db.prepare("SELECT 9e999 AS i").first("i"),
  ],
  "gives NaN of arithmetic back as null": (db) => rows(db, "SELECT 9e999 - 9e999, 0.0 / 0, 1 / 0, 5 % 0"),
  "gives texts back": (db) => rows(db, "SELECT 'a', '', 'é', char(0x1F3AC)"),
  "gives a text with a NUL back": (db) => rows(db, "SELECT 'a' || char(0) || 'b'"),
  "replaces bytes that are not UTF-8": (db) =>
    rows(db, "SELECT CAST(x'61FF62' AS TEXT), CAST(x'C3' AS TEXT), CAST(x'EDA080' AS TEXT), CAST(x'F09F8E' AS TEXT)"),
  "gives blobs back as arrays of numbers": async (db) => {
    const statement = db.prepare("SELECT x'0001FF' AS b, x'' AS e, zeroblob(3) AS z");
    return [
      (await statement.all()).results,
      await statement.raw(),
      await statement.first(),
      await statement.first("b"),
    ];
  },
  "gives blobs of RETURNING back as arrays of numbers": async (db) => {
    await run(db, "CREATE TABLE t (b BLOB)");
    return (await run(db, "INSERT INTO t VALUES (?) RETURNING b", new Uint8Array([1, 2]))).results;
  },
  "gives blobs of a batch back as arrays of numbers": async (db) =>
    (await db.batch([db.prepare("SELECT x'01' AS b")]))[0]?.results,
  "gives NULL back as null": (db) => rows(db, "SELECT NULL, nullif(1, 1)"),
  "gives the results of comparisons back as numbers": (db) =>
    rows(db, "SELECT true, false, 1 < 2, NULL > 1, 'a' IS NULL, NOT 0"),
  "keeps a blob apart from the text of the same bytes": async (db) => {
    await run(db, "CREATE TABLE t (a)");
    await run(db, "INSERT INTO t VALUES (?), (?)", "ab", new Uint8Array([97, 98]));
    return rows(db, "SELECT typeof(a), a FROM t ORDER BY typeof(a)");
  },
  "brings a large text through": (db) => rows(db, "SELECT length(?1), substr(?1, -3)", "äb".repeat(200_000)),
  "brings a large blob through": async (db) => {
    const bytes = new Uint8Array(300_000).map((_, at) => at % 251);
    const back = (await cell(db, "SELECT ?", bytes)) as number[];
    return [back.length, back.every((byte, at) => byte === at % 251)];
  },
  "reads rows out of one JSON parameter": async (db) => {
    await run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)");
    const json = JSON.stringify([
      [1, "M", 2.5],
      [-2, "N", null],
      [3, true, [1]],
    ]);
    await run(db, "INSERT INTO t SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)", json);
    return rows(db, "SELECT id, a, b, typeof(a), typeof(b) FROM t ORDER BY id");
  },
  "refuses a text in a STRICT column of another type": async (db) => {
    await run(db, "CREATE TABLE t (i INTEGER, r REAL, t TEXT, b BLOB, a ANY) STRICT");
    return [
      await refusal(db, "INSERT INTO t (i) VALUES (?)", "a"),
      await refusal(db, "INSERT INTO t (i) VALUES (?)", 1.5),
      await refusal(db, "INSERT INTO t (b) VALUES (?)", "a"),
      await refusal(db, "INSERT INTO t (t) VALUES (?)", [1]),
      await refusal(db, "INSERT INTO t (r) VALUES ('x')"),
    ];
  },
  "stores bound values in STRICT columns by their type": async (db) => {
    await run(db, "CREATE TABLE t (i INTEGER, r REAL, t TEXT, b BLOB, a ANY) STRICT");
    await run(db, "INSERT INTO t VALUES (?, ?, ?, ?, ?)", 5, 5, 5, [5], 5);
    return rows(db, "SELECT *, typeof(i), typeof(r), typeof(t), typeof(b), typeof(a) FROM t");
  },
};
