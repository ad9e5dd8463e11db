// What SQLite itself offers and a program on D1 leans on: triggers, FTS5, generated columns, RETURNING, CTEs, windows, JSON, dates.
import type { Cases } from "../case.ts";
import { cell, refusal, rows, run, runAll } from "../tools.ts";

export const features: Cases = {
  "runs triggers before and after, with old and new": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a)",
      "CREATE TABLE log (id INTEGER PRIMARY KEY, what)",
      "CREATE TRIGGER b BEFORE UPDATE OF a ON t BEGIN INSERT INTO log (what) VALUES ('before ' || old.a || ' ' || new.a); END",
      "CREATE TRIGGER d AFTER DELETE ON t FOR EACH ROW WHEN old.a > 1 BEGIN INSERT INTO log (what) VALUES ('deleted ' || old.a); END",
      "INSERT INTO t (a) VALUES (1), (2)",
      "UPDATE t SET a = a + 1",
      "DELETE FROM t",
    );
    return rows(db, "SELECT what FROM log ORDER BY id");
  },
  "undoes a statement whose trigger fails": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "CREATE TABLE u (a UNIQUE)",
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u VALUES (1); END",
    );
    await run(db, "INSERT INTO t VALUES (1)");
    return [await refusal(db, "INSERT INTO t VALUES (2)"), await rows(db, "SELECT a FROM t")];
  },
  "keeps RAISE(IGNORE) to its row": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "CREATE TRIGGER r BEFORE INSERT ON t WHEN new.a = 2 BEGIN SELECT RAISE(IGNORE); END",
    );
    const { meta } = await run(db, "INSERT INTO t VALUES (1), (2), (3)");
    return [meta.changes, await rows(db, "SELECT a FROM t")];
  },
  "searches with FTS5": async (db) => {
    await run(db, "CREATE VIRTUAL TABLE f USING fts5(title, body)");
    await run(
      db,
      "INSERT INTO f VALUES ('Metropolis', 'A city of the future'), ('M', 'A city looks for a murderer'), ('Nosferatu', 'A vampire')",
    );
    return [
      await rows(db, "SELECT title FROM f WHERE f MATCH ? ORDER BY title", "city"),
      await rows(db, "SELECT title FROM f('vampire OR future') ORDER BY title"),
      await rows(db, "SELECT highlight(f, 1, '[', ']') FROM f WHERE body MATCH 'cit*' ORDER BY rowid"),
      await rows(db, "SELECT snippet(f, 1, '<', '>', '..', 3), bm25(f) < 0 FROM f WHERE f MATCH 'murderer'"),
    ];
  },
  "keeps FTS5 up to date": async (db) => {
    await run(db, "CREATE VIRTUAL TABLE f USING fts5(a, tokenize = 'porter unicode61')");
    await runAll(
      db,
      "INSERT INTO f (rowid, a) VALUES (1, 'running'), (2, 'jumped')",
      "UPDATE f SET a = 'swimming' WHERE rowid = 2",
      "DELETE FROM f WHERE rowid = 1",
    );
    return [
      await rows(db, "SELECT rowid, a FROM f WHERE f MATCH 'swim'"),
      await rows(db, "SELECT rowid FROM f WHERE f MATCH 'run'"),
      await run(db, "INSERT INTO f (f) VALUES ('integrity-check')").then(({ meta }) => meta.changes),
    ];
  },
  "lists the words of FTS5": async (db) => {
    await runAll(
      db,
      "CREATE VIRTUAL TABLE f USING fts5(a)",
      "INSERT INTO f VALUES ('one two'), ('two')",
      "CREATE VIRTUAL TABLE v USING fts5vocab(f, row)",
    );
    return rows(db, "SELECT * FROM v");
  },
  "tells errors of FTS5": async (db) => {
    await run(db, "CREATE VIRTUAL TABLE f USING fts5(a)");
    return [
      await refusal(db, "SELECT * FROM f WHERE f MATCH '\"'"),
      await refusal(db, "SELECT * FROM f WHERE f MATCH 'x:y'"),
      await refusal(db, "CREATE VIRTUAL TABLE g USING fts5(a, nonsense=1)"),
      await refusal(db, "CREATE VIRTUAL TABLE g USING fts5"),
    ];
  },
  "holds an FTS5 index beside a table by triggers": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a)",
      "CREATE VIRTUAL TABLE f USING fts5(a, content='t', content_rowid='id')",
      "CREATE TRIGGER ai AFTER INSERT ON t BEGIN INSERT INTO f (rowid, a) VALUES (new.id, new.a); END",
      "CREATE TRIGGER ad AFTER DELETE ON t BEGIN INSERT INTO f (f, rowid, a) VALUES ('delete', old.id, old.a); END",
      "INSERT INTO t (a) VALUES ('blue whale'), ('blue sky')",
      "DELETE FROM t WHERE id = 1",
    );
    return rows(db, "SELECT rowid, a FROM f WHERE f MATCH 'blue'");
  },
  "knows the shadow tables of FTS5": async (db) => {
    await run(db, "CREATE VIRTUAL TABLE f USING fts5(a)");
    return [
      await rows(db, "SELECT name, type FROM sqlite_schema ORDER BY name").then((all) =>
        all.filter(([name]) => !String(name).startsWith("_cf_")),
      ),
      await refusal(db, "DELETE FROM f_content"),
      await refusal(db, "DROP TABLE f_data"),
    ];
  },
  "computes generated columns": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a, b AS (a * 2), c TEXT GENERATED ALWAYS AS (b || '!') STORED, UNIQUE (b))",
      "INSERT INTO t (a) VALUES (1), (2.5), ('x')",
    );
    return [await rows(db, "SELECT * FROM t"), await refusal(db, "INSERT INTO t (a) VALUES (1)")];
  },
  "indexes expressions and parts": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a, b)",
      "CREATE INDEX e ON t (lower(a))",
      "CREATE UNIQUE INDEX p ON t (a) WHERE b = 1",
      "INSERT INTO t VALUES ('A', 1), ('A', 0), ('A', 0)",
    );
    return [
      await rows(db, "SELECT count(*) FROM t WHERE lower(a) = 'a'"),
      await refusal(db, "INSERT INTO t VALUES ('A', 1)"),
    ];
  },
  "fills in defaults": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a DEFAULT 'x', b DEFAULT (1 + 1), c DEFAULT NULL, d DEFAULT -1.5, e DEFAULT x'01', f DEFAULT TRUE)",
      "INSERT INTO t DEFAULT VALUES",
    );
    return rows(db, "SELECT * FROM t");
  },
  "returns rows of INSERT, UPDATE and DELETE": async (db) => {
    await run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
    return [
      (await run(db, "INSERT INTO t (a) VALUES ('x'), ('y') RETURNING id, a, upper(a) AS big, *")).results,
      (await run(db, "UPDATE t SET a = a || '!' WHERE id = 1 RETURNING a")).results,
      (await run(db, "DELETE FROM t RETURNING rowid, (SELECT 5) AS five")).results,
    ];
  },
  "returns rows of an upsert": async (db) => {
    await runAll(db, "CREATE TABLE t (k PRIMARY KEY, n DEFAULT 1)", "INSERT INTO t (k) VALUES ('a')");
    return (
      await run(
        db,
        "INSERT INTO t (k) VALUES ('a'), ('b') ON CONFLICT (k) DO UPDATE SET n = n + 1 WHERE k = excluded.k RETURNING *",
      )
    ).results;
  },
  "counts with recursive CTEs": (db) =>
    rows(
      db,
      "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT count(*), sum(n) FROM c",
      100,
    ),
  "walks a tree with recursive CTEs": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, up)",
      "INSERT INTO t VALUES (1, NULL), (2, 1), (3, 1), (4, 2), (5, 4)",
    );
    return rows(
      db,
      "WITH RECURSIVE w (id, path) AS (SELECT id, '' || id FROM t WHERE up IS NULL UNION ALL SELECT t.id, path || '/' || t.id FROM t JOIN w ON t.up = w.id) SELECT path FROM w ORDER BY path",
    );
  },
  "takes MATERIALIZED and several CTEs": (db) =>
    rows(
      db,
      "WITH a AS MATERIALIZED (SELECT 1 AS x), b AS NOT MATERIALIZED (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b",
    ),
  "writes by CTEs": async (db) => {
    await runAll(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", "INSERT INTO t (a) VALUES (1), (2), (3)");
    await run(db, "WITH big AS (SELECT id FROM t WHERE a > 1) DELETE FROM t WHERE id IN big");
    return rows(db, "SELECT a FROM t");
  },
  "computes windows": async (db) => {
    await runAll(db, "CREATE TABLE t (g, v)", "INSERT INTO t VALUES ('a', 1), ('a', 2), ('b', 3), ('b', 3), ('b', 4)");
    return rows(
      db,
      "SELECT g, v, row_number() OVER w, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w, ntile(2) OVER w, lag(v, 1, 'none') OVER w, lead(v) OVER w, first_value(v) OVER w, last_value(v) OVER w, nth_value(v, 2) OVER w, sum(v) OVER w FROM t WINDOW w AS (PARTITION BY g ORDER BY v) ORDER BY g, v",
    );
  },
  "computes windows over frames": (db) =>
    rows(
      db,
      "SELECT value, sum(value) OVER (ORDER BY value ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), group_concat(value) OVER (ORDER BY value ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW), count(*) FILTER (WHERE value > 1) OVER () FROM json_each('[1,2,3]')",
    ),
  "aggregates with DISTINCT, FILTER and ORDER BY": (db) =>
    rows(
      db,
      "SELECT count(DISTINCT value), sum(value) FILTER (WHERE value > 1), group_concat(value, '-' ORDER BY value DESC), avg(value), total(value), min(value), max(value) FROM json_each('[3,1,2,3]')",
    ),
  "aggregates over nothing": (db) =>
    rows(db, "SELECT count(*), sum(1), total(1), avg(1), max(1), group_concat(1) FROM (SELECT 1 WHERE 0)"),
  "joins in all directions": async (db) => {
    await runAll(
      db,
      "CREATE TABLE a (x, y)",
      "CREATE TABLE b (x, z)",
      "INSERT INTO a VALUES (1, 'a1'), (2, 'a2')",
      "INSERT INTO b VALUES (2, 'b2'), (3, 'b3')",
    );
    return [
      await rows(db, "SELECT * FROM a JOIN b USING (x)"),
      await rows(db, "SELECT * FROM a LEFT JOIN b ON a.x = b.x ORDER BY 1"),
      await rows(db, "SELECT * FROM a RIGHT JOIN b ON a.x = b.x ORDER BY b.x"),
      await rows(db, "SELECT x, y, z FROM a FULL JOIN b USING (x) ORDER BY x"),
      await rows(db, "SELECT * FROM a NATURAL JOIN b"),
      await rows(db, "SELECT count(*) FROM a CROSS JOIN b"),
    ];
  },
  "combines queries": (db) =>
    Promise.all(
      ["UNION", "UNION ALL", "INTERSECT", "EXCEPT"].map((by) =>
        rows(db, `SELECT value FROM json_each('[1,2,2,3]') ${by} SELECT value FROM json_each('[2,3,4]') ORDER BY 1`),
      ),
    ),
  "reads JSON": (db) =>
    rows(
      db,
      `SELECT j -> 'a', j ->> 'a', j -> '$.b[1]', j ->> '$.b[#-1]', json_type(j, '$.c'), json_extract(j, '$.c'), json_extract(j, '$.a', '$.d'), json_valid('{a:1}'), json_valid('{a:1}', 2) FROM (SELECT ? AS j)`,
      '{"a":"x","b":[1,2.5],"c":null,"d":true}',
    ),
  "writes JSON": (db) =>
    rows(
      db,
      `SELECT json('{"a" : [1 , 2]}'), json_object('k', 1, 'n', NULL, 'j', json('[1]')), json_array(1, 'x', 2.5, NULL), json_set('{"a":1}', '$.b', 2), json_insert('[1]', '$[#]', 2), json_replace('{"a":1}', '$.a', 'z'), json_remove('[1,2,3]', '$[1]'), json_patch('{"a":1,"b":2}', '{"b":null}'), json_quote('a"b')`,
    ),
  "walks JSON": async (db) => [
    await rows(db, "SELECT key, value, type, atom, fullkey, path FROM json_tree(?)", '{"a":[1,"x"],"b":null}'),
    (await db.prepare("SELECT * FROM json_each('[7]')").all()).results,
  ],
  "gathers JSON": (db) =>
    rows(db, "SELECT json_group_array(value), json_group_object('k' || key, value) FROM json_each('[1,\"a\",null]')"),
  "stores JSONB as a blob": (db) =>
    rows(db, "SELECT jsonb('[1,2]'), typeof(jsonb('{}')), json(jsonb('{\"a\":1}')), jsonb('{\"a\":1}') ->> 'a'"),
  "calculates with dates": (db) =>
    rows(
      db,
      "SELECT date('2024-02-29', '+1 year'), datetime('2026-11-24 01:02:03', '-1 month', 'start of month'), time('12:00', '+90 minutes'), strftime('%Y-%j %W %w %H:%M:%f %s', '2026-11-24 01:02:03.456'), julianday('2000-01-01'), unixepoch('2026-01-01'), datetime(1700000000, 'unixepoch'), date('2026-01-31', '+1 month', 'floor'), timediff('2026-03-01', '2026-02-01'), date('nonsense'), datetime('2026-01-01T00:00:00+02:00'), strftime('%G-%V %e %k %I %l %p %P %u %U %R %T %F %%', '2026-11-24 15:06:07')",
    ),
  "stops the clock within a statement": (db) =>
    rows(
      db,
      "SELECT datetime('now') = datetime('now'), CURRENT_TIMESTAMP = datetime('now'), length(strftime('%f', 'now'))",
    ),
  "compares by collation": (db) =>
    rows(
      db,
      "SELECT 'a' = 'A', 'a' = 'A' COLLATE NOCASE, 'ä' = 'Ä' COLLATE NOCASE, 'a ' = 'a' COLLATE RTRIM, 'a' < 'B', 'a' < 'B' COLLATE NOCASE, upper('äa'), lower('ÄA')",
    ),
  "sorts by collation, type and NULLS": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "INSERT INTO t VALUES ('b'), ('A'), (NULL), (2), (10), (1.5), (x'00'), ('10'), ('')",
    );
    return [
      await rows(db, "SELECT a FROM t ORDER BY a"),
      await rows(db, "SELECT a FROM t ORDER BY a COLLATE NOCASE DESC NULLS LAST"),
      await rows(db, "SELECT DISTINCT typeof(a) FROM t ORDER BY 1"),
    ];
  },
  "matches with LIKE": (db) =>
    rows(
      db,
      "SELECT 'abc' LIKE 'A_C', 'abc' LIKE 'a%', 'a%c' LIKE 'a\\%c' ESCAPE '\\', 'äb' LIKE 'Ä%', 12 LIKE '1%', NULL LIKE 'a', 'a' LIKE NULL, '' LIKE '', 'abc' NOT LIKE 'b%', '🎬x' LIKE '_x'",
    ),
  "matches with GLOB": (db) =>
    rows(
      db,
      "SELECT 'abc' GLOB 'a*', 'abc' GLOB 'A*', 'abc' GLOB '?b?', 'abc' GLOB '[a-c]bc', 'abc' GLOB '[^a]bc', 'a*' GLOB 'a[*]', 'ä' GLOB '?'",
    ),
  "compares across types by affinity": async (db) => {
    await runAll(db, "CREATE TABLE t (i INTEGER, t TEXT, x)", "INSERT INTO t VALUES (10, '10', '10')");
    return rows(
      db,
      "SELECT i = t, i = x, t = x, i = '10', t = 10, x = 10, i < 'a', t < 9, 1 = '1', 1 = 1.0, NULL = NULL, NULL IS NULL, 1 IS NOT DISTINCT FROM 1, '1' + 1, '2x' * 3, 'x' || 1.0, 7 / 2, -7 % 3, 1 << 3, ~5 FROM t",
    );
  },
  casts: (db) =>
    rows(
      db,
      "SELECT CAST('12abc' AS INTEGER), CAST('1e3' AS INTEGER), CAST(2.9 AS INTEGER), CAST(-2.9 AS INTEGER), CAST('0x10' AS INTEGER), CAST(5 AS TEXT), CAST(5.0 AS TEXT), CAST('a' AS BLOB), CAST(1e20 AS INTEGER), CAST('' AS NUMERIC), CAST('1.50' AS NUMERIC), CAST(NULL AS TEXT)",
    ),
  "prints numbers": (db) =>
    rows(
      db,
      "SELECT 0.1 + 0.2 || '', 1.0 || '', -0.0 || '', 1e-5 || '', 123456789012345678 || '', 1234567.891 || '', 1/3.0 || '', round(2.5), round(-2.5), round(1.005, 2), printf('%.3f|%5d|%-5s|%05.1f|%x|%e|%q', 1.23456, 42, 'ab', 3.14159, 255, 12345.678, 'it''s')",
    ),
  "prints numbers of 16 and more digits": (db) =>
    rows(db, "SELECT 1e15 || '', 1e16 || '', 9007199254740991.0 || '', quote(1e15)"),
  "computes with texts": (db) =>
    rows(
      db,
      "SELECT substr('hello', 2, 3), substr('hello', -3), instr('hello', 'l'), replace('aaa', 'a', 'b'), trim('  x '), ltrim('xxa', 'x'), length('äb'), hex('äb'), unicode('ä'), char(228, 98), quote('it''s'), concat('a', NULL, 1), concat_ws('-', 'a', NULL, 'b'), unhex('6162'), format('%d%%', 5)",
    ),
  "cascades foreign keys": async (db) => {
    await runAll(
      db,
      "CREATE TABLE p (id INTEGER PRIMARY KEY)",
      "CREATE TABLE c (of REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE)",
      "CREATE TABLE n (of REFERENCES p ON DELETE SET NULL)",
      "CREATE TABLE d (of DEFAULT 9 REFERENCES p ON DELETE SET DEFAULT)",
      "INSERT INTO p VALUES (1), (2), (9)",
      "INSERT INTO c VALUES (1), (2)",
      "INSERT INTO n VALUES (1)",
      "INSERT INTO d VALUES (1)",
      "UPDATE p SET id = 20 WHERE id = 2",
      "DELETE FROM p WHERE id = 1",
    );
    return [await rows(db, "SELECT of FROM c"), await rows(db, "SELECT of FROM n"), await rows(db, "SELECT of FROM d")];
  },
  "restricts foreign keys": async (db) => {
    await runAll(
      db,
      "CREATE TABLE p (id INTEGER PRIMARY KEY)",
      "CREATE TABLE c (of REFERENCES p ON DELETE RESTRICT)",
      "INSERT INTO p VALUES (1)",
      "INSERT INTO c VALUES (1)",
    );
    return [await refusal(db, "DELETE FROM p"), await rows(db, "SELECT id FROM p")];
  },
  "numbers rows with and without AUTOINCREMENT": async (db) => {
    await runAll(
      db,
      "CREATE TABLE a (id INTEGER PRIMARY KEY, x)",
      "CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT, x)",
    );
    for (const table of ["a", "b"])
      await runAll(
        db,
        `INSERT INTO ${table} (id) VALUES (5)`,
        `DELETE FROM ${table}`,
        `INSERT INTO ${table} (x) VALUES (1)`,
      );
    return [await rows(db, "SELECT id FROM a"), await rows(db, "SELECT id FROM b")];
  },
  "resolves conflicts each in its way": async (db) => {
    await run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b)");
    await run(db, "INSERT INTO t VALUES (1, 'x', 0)");
    for (const way of ["IGNORE", "REPLACE"]) await run(db, `INSERT OR ${way} INTO t VALUES (2, 'x', ?)`, way);
    await run(db, "REPLACE INTO t VALUES (2, 'y', 'replaced')");
    await run(
      db,
      "INSERT INTO t VALUES (3, 'y', 1) ON CONFLICT (a) DO UPDATE SET b = b || excluded.b ON CONFLICT DO NOTHING",
    );
    return [
      await refusal(db, "INSERT OR ABORT INTO t VALUES (4, 'y', 0)"),
      await rows(db, "SELECT * FROM t"),
      await refusal(db, "UPDATE OR IGNORE t SET a = 'y'"),
    ];
  },
  "updates from other tables and in rows": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)",
      "CREATE TABLE u (id, v)",
      "INSERT INTO t VALUES (1, 'x', 'y'), (2, 'p', 'q')",
      "INSERT INTO u VALUES (1, 'new')",
    );
    await run(db, "UPDATE t SET a = u.v FROM u WHERE u.id = t.id");
    await run(db, "UPDATE t SET (a, b) = (SELECT b, a FROM t AS s WHERE s.id = t.id) WHERE id = 2");
    return rows(db, "SELECT * FROM t");
  },
  "reads views": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "INSERT INTO t VALUES (1), (2)",
      "CREATE VIEW v (double, half) AS SELECT a * 2, a / 2.0 FROM t",
    );
    return db.prepare("SELECT * FROM v WHERE double > ?").bind(2).raw({ columnNames: true });
  },
  "reads row values": (db) =>
    rows(db, "SELECT (1, 2) < (1, 3), (1, 2) = (1, 2), (1, NULL) IS (1, NULL), (2, 1) IN (VALUES (1, 2), (2, 1))"),
  "compares subqueries": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (2), (NULL)");
    return rows(
      db,
      "SELECT (SELECT max(a) FROM t), EXISTS (SELECT 1 FROM t WHERE a = 2), 3 IN (SELECT a FROM t), 1 NOT IN (SELECT a FROM t), (SELECT a FROM t WHERE 0), 5 IN ()",
    );
  },
  "limits and skips": async (db) => {
    const list = "SELECT value FROM json_each('[1,2,3,4,5]')";
    return [
      await rows(db, `${list} LIMIT 2`),
      await rows(db, `${list} LIMIT 2 OFFSET 3`),
      await rows(db, `${list} LIMIT 1, 2`),
      await rows(db, `${list} LIMIT -1 OFFSET 4`),
      await rows(db, `${list} LIMIT 0`),
    ];
  },
  "groups and sifts groups": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (g, v)",
      "INSERT INTO t VALUES ('a', 1), ('b', 2), ('b', 3), (NULL, 4), (NULL, 5)",
    );
    return [
      await rows(db, "SELECT g, count(*), sum(v) FROM t GROUP BY g ORDER BY g"),
      await rows(db, "SELECT g FROM t GROUP BY 1 HAVING sum(v) > 4 ORDER BY 1"),
      await rows(db, "SELECT g, v, max(v) FROM t GROUP BY g ORDER BY g"),
    ];
  },
  "keeps the row id under its three names": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "INSERT INTO t VALUES ('x')");
    return db.prepare("SELECT rowid, oid, _rowid_, * FROM t").first();
  },
  "clears a table and drops it": async (db) => {
    await runAll(db, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "DELETE FROM t");
    const left = await cell(db, "SELECT count(*) FROM t");
    await runAll(db, "DROP TABLE t", "DROP TABLE IF EXISTS t");
    return [left, await refusal(db, "SELECT * FROM t")];
  },
  "rounds sums of many fractions as it does": (db) =>
    rows(
      db,
      "SELECT sum(value), avg(value), sum(value) = 1.0 FROM json_each('[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]')",
    ),
};
