// Facts, section 7: what SQL is allowed.
import type { D1Database } from "@cloudflare/workers-types";
import type { Cases } from "../case.ts";
import { cell, failure, refusal, rows, run, runAll } from "../tools.ts";

const T = "CREATE TABLE t (id INTEGER PRIMARY KEY, a)";

/** For each statement whether it runs, or the text that refuses it. */
async function verdicts(db: D1Database, statements: string[]): Promise<unknown> {
  const found: Record<string, unknown> = {};
  for (const sql of statements) {
    found[sql] = await db
      .prepare(sql)
      .raw()
      .then(
        () => "runs",
        (error: Error) => error.message,
      );
  }
  return found;
}

const calls = (names: string[], argument: string) => names.map((name) => `SELECT ${name}(${argument}) IS NULL`);

export const allowed: Cases = {
  "keeps foreign keys on": (db) => rows(db, "PRAGMA foreign_keys"),
  "accepts PRAGMA foreign_keys = off and does nothing": async (db) => {
    await run(db, "PRAGMA foreign_keys = off");
    await runAll(db, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (of REFERENCES p)");
    return [await rows(db, "PRAGMA foreign_keys"), await refusal(db, "INSERT INTO c VALUES (1)")];
  },
  "accepts PRAGMA foreign_keys = off inside a batch and does nothing": async (db) => {
    await runAll(db, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (of REFERENCES p)");
    return failure(db.batch([db.prepare("PRAGMA foreign_keys = 0"), db.prepare("INSERT INTO c VALUES (1)")]));
  },
  "resets defer_foreign_keys after a transaction": async (db) => {
    await run(db, "PRAGMA defer_foreign_keys = on");
    return rows(db, "PRAGMA defer_foreign_keys");
  },
  "answers PRAGMA table_info": async (db) => {
    await run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x', b AS (a || 1))");
    return (await db.prepare("PRAGMA table_info(t)").all()).results;
  },
  "answers PRAGMA table_xinfo": async (db) => {
    await run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, b AS (id + 1), c AS (id + 2) STORED)");
    return db.prepare("PRAGMA table_xinfo('t')").raw({ columnNames: true });
  },
  "answers PRAGMA table_list": async (db) => {
    await runAll(db, T, "CREATE VIEW v AS SELECT 1");
    return rows(
      db,
      "SELECT schema, name, type, ncol, wr, strict FROM pragma_table_list WHERE name IN ('t', 'v') ORDER BY name",
    );
  },
  "answers PRAGMA index_list, index_info and index_xinfo": async (db) => {
    await runAll(db, "CREATE TABLE t (a UNIQUE, b)", "CREATE INDEX i ON t (b DESC, a) WHERE b > 0");
    return [
      await rows(db, "PRAGMA index_list(t)"),
      await rows(db, "PRAGMA index_info(i)"),
      await rows(db, "PRAGMA index_xinfo(i)"),
    ];
  },
  "answers PRAGMA foreign_key_list and foreign_key_check": async (db) => {
    await runAll(
      db,
      T,
      "CREATE TABLE c (of REFERENCES t (id) ON DELETE CASCADE, x, FOREIGN KEY (x) REFERENCES t ON UPDATE SET NULL)",
    );
    return [
      await rows(db, "PRAGMA foreign_key_list(c)"),
      await rows(db, "PRAGMA foreign_key_check"),
      await rows(db, "PRAGMA foreign_key_check(c)"),
    ];
  },
  "answers PRAGMA quick_check": (db) => rows(db, "PRAGMA quick_check"),
  "answers PRAGMA data_version": async (db) => typeof (await cell(db, "PRAGMA data_version")),
  "accepts PRAGMA optimize": (db) =>
    verdicts(db, ["PRAGMA optimize", "PRAGMA optimize(0x10002)", "PRAGMA optimize = 2", "PRAGMA optimize(-1)"]),
  "answers pragmas as table functions": async (db) => {
    await run(db, T);
    return rows(db, "SELECT name, type, pk FROM pragma_table_info('t')");
  },
  "reads and sets the boolean pragmas": async (db) => {
    const answers = [];
    for (const name of [
      "case_sensitive_like",
      "foreign_keys",
      "ignore_check_constraints",
      "legacy_alter_table",
      "recursive_triggers",
      "reverse_unordered_selects",
    ]) {
      answers.push([
        name,
        await failure(rows(db, `PRAGMA ${name}`)),
        await failure(rows(db, `PRAGMA ${name} = on`)),
        await failure(rows(db, `PRAGMA ${name}(off)`)),
      ]);
    }
    return answers;
  },
  "takes these values for booleans": (db) =>
    verdicts(
      db,
      ["true", "FALSE", "yes", "no", "on", "off", "1", "0", "'on'", "2", "maybe", "-1", "full"].map(
        (value) => `PRAGMA foreign_keys = ${value}`,
      ),
    ),
  "keeps a boolean pragma for later queries": async (db) => {
    await runAll(db, "PRAGMA ignore_check_constraints = on", "CREATE TABLE t (a CHECK (a > 0))");
    return failure(rows(db, "INSERT INTO t VALUES (0) RETURNING a"));
  },
  "makes LIKE case sensitive on demand": async (db) => {
    const like = () => cell(db, "SELECT 'A' LIKE 'a'");
    const before = await like();
    await run(db, "PRAGMA case_sensitive_like = on");
    return [before, await like()];
  },
  "does not run triggers recursively": async (db) => {
    await runAll(
      db,
      "CREATE TABLE t (a)",
      "CREATE TRIGGER r AFTER INSERT ON t WHEN new.a < 5 BEGIN INSERT INTO t VALUES (new.a + 1); END",
      "INSERT INTO t VALUES (1)",
    );
    return rows(db, "SELECT a FROM t ORDER BY a");
  },
  "runs triggers recursively on demand": async (db) => {
    await runAll(
      db,
      "PRAGMA recursive_triggers = on",
      "CREATE TABLE t (a)",
      "CREATE TRIGGER r AFTER INSERT ON t WHEN new.a < 5 BEGIN INSERT INTO t VALUES (new.a + 1); END",
      "INSERT INTO t VALUES (1)",
    );
    return rows(db, "SELECT a FROM t ORDER BY a");
  },
  "refuses all other pragmas": (db) =>
    verdicts(
      db,
      [
        "user_version",
        "user_version = 5",
        "application_id",
        "journal_mode",
        "journal_mode = delete",
        "synchronous",
        "synchronous = off",
        "integrity_check",
        "page_count",
        "freelist_count",
        "database_list",
        "cache_size",
        "cache_size = 5",
        "encoding",
        "auto_vacuum",
        "busy_timeout",
        "locking_mode",
        "mmap_size",
        "secure_delete",
        "temp_store",
        "wal_checkpoint",
        "writable_schema = on",
        "trusted_schema",
        "query_only = on",
        "schema_version",
        "compile_options",
        "function_list",
        "collation_list",
        "module_list",
        "pragma_list",
        "incremental_vacuum",
        "shrink_memory",
        "soft_heap_limit",
        "analysis_limit",
        "automatic_index",
        "cell_size_check",
        "count_changes",
        "full_column_names",
        "short_column_names",
        "max_page_count",
        "stats",
        "threads",
        "nonsense",
      ].map((pragma) => `PRAGMA ${pragma}`),
    ),
  "refuses pragmas of a schema by name as it does": async (db) => {
    await run(db, T);
    return verdicts(db, [
      "PRAGMA main.table_info(t)",
      "PRAGMA temp.table_info(t)",
      "PRAGMA main.foreign_keys",
      "PRAGMA main.user_version",
    ]);
  },
  "refuses table functions of other pragmas": (db) =>
    verdicts(db, [
      "SELECT * FROM pragma_user_version",
      "SELECT * FROM pragma_database_list",
      "SELECT * FROM pragma_function_list",
      "SELECT * FROM pragma_compile_options",
    ]),
  "refuses ATTACH and DETACH": (db) =>
    verdicts(db, ["ATTACH ':memory:' AS other", "ATTACH DATABASE 'x.db' AS other", "DETACH other", "DETACH main"]),
  "refuses TEMP objects": async (db) => {
    await run(db, T);
    return verdicts(db, [
      "CREATE TEMP TABLE x (a)",
      "CREATE TEMPORARY VIEW x AS SELECT 1",
      "CREATE TABLE temp.x (a)",
      "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
      "CREATE INDEX temp.x ON t (a)",
      "SELECT * FROM sqlite_temp_schema",
    ]);
  },
  "refuses VACUUM": (db) => verdicts(db, ["VACUUM", "VACUUM INTO 'x.db'", "VACUUM main"]),
  "refuses names that begin with _cf_": async (db) => {
    await run(db, T);
    return verdicts(db, [
      "CREATE TABLE _cf_x (a)",
      "CREATE TABLE _CF_x (a)",
      "CREATE TABLE main._cf_y (a)",
      "CREATE INDEX _cf_i ON t (a)",
      "CREATE VIEW _cf_v AS SELECT 1",
      "CREATE TRIGGER _cf_r AFTER INSERT ON t BEGIN SELECT 1; END",
      "ALTER TABLE t RENAME TO _cf_t",
      "ALTER TABLE t RENAME TO _Cf_t",
      "CREATE VIRTUAL TABLE _cf_f USING fts5(a)",
      "SELECT * FROM _cf_nowhere",
      "DROP TABLE _cf_nowhere",
    ]);
  },
  "allows names that only hold _cf_": async (db) =>
    verdicts(db, [
      "CREATE TABLE a_cf_ (_cf_b)",
      "CREATE TABLE cf_x (a)",
      "CREATE TABLE _cf (a)",
      "CREATE TABLE _cfx (a)",
      "SELECT 1 AS _cf_a",
      "WITH _cf_w AS (SELECT 1) SELECT * FROM _cf_w",
      "SELECT _cf_s.a FROM (SELECT 1 AS a) AS _cf_s",
    ]),
  "refuses to read D1's own table": (db) =>
    verdicts(db, ["SELECT * FROM _cf_KV", "DELETE FROM _cf_KV", "DROP TABLE _cf_KV"]),
  "refuses names that begin with sqlite_": async (db) => {
    await run(db, T);
    return verdicts(db, [
      "CREATE TABLE sqlite_x (a)",
      "CREATE TABLE SQLITE_x (a)",
      "CREATE INDEX sqlite_i ON t (a)",
      "CREATE VIEW sqlite_v AS SELECT 1",
      "CREATE TRIGGER sqlite_r AFTER INSERT ON t BEGIN SELECT 1; END",
      "ALTER TABLE t RENAME TO sqlite_t",
      "CREATE VIRTUAL TABLE sqlite_f USING fts5(a)",
    ]);
  },
  "lets the schema be read": async (db) => {
    await runAll(db, T, "CREATE INDEX i ON t (a)");
    const where = "WHERE name IN ('t', 'i') ORDER BY name";
    return [
      await rows(db, `SELECT type, name, tbl_name, sql FROM sqlite_schema ${where}`),
      await rows(db, `SELECT name FROM sqlite_master ${where}`),
    ];
  },
  "lets sqlite_sequence be read and written": async (db) => {
    await runAll(db, "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO t DEFAULT VALUES");
    return [
      await rows(db, "SELECT * FROM sqlite_sequence"),
      await verdicts(db, [
        "UPDATE sqlite_sequence SET seq = 10",
        "DELETE FROM sqlite_sequence",
        "DROP TABLE sqlite_sequence",
      ]),
    ];
  },
  "refuses virtual tables except of FTS5": (db) =>
    verdicts(db, [
      "CREATE VIRTUAL TABLE a USING fts5(x)",
      "CREATE VIRTUAL TABLE b USING fts5vocab(a, row)",
      "CREATE VIRTUAL TABLE d USING fts3(x)",
      "CREATE VIRTUAL TABLE e USING fts4(x)",
      "CREATE VIRTUAL TABLE f USING dbstat",
      "CREATE VIRTUAL TABLE g USING geopoly(x)",
      "CREATE VIRTUAL TABLE h USING json_each",
      "CREATE VIRTUAL TABLE i USING nowhere",
      "CREATE VIRTUAL TABLE j USING csv(filename='x')",
    ]),
  "refuses tables that show the inside": (db) =>
    verdicts(db, [
      "SELECT * FROM dbstat",
      "SELECT * FROM sqlite_dbpage",
      "SELECT * FROM sqlite_stmt",
      "SELECT * FROM bytecode('SELECT 1')",
      "SELECT * FROM generate_series(1, 2)",
      "SELECT * FROM tables_used('SELECT 1')",
    ]),
  "runs REINDEX, ANALYZE and EXPLAIN": async (db) => {
    await runAll(db, T, "CREATE INDEX i ON t (a)");
    return verdicts(db, [
      "REINDEX",
      "REINDEX t",
      "REINDEX i",
      "REINDEX nocase",
      "ANALYZE",
      "ANALYZE t",
      "EXPLAIN SELECT 1",
      "EXPLAIN QUERY PLAN SELECT * FROM t",
      "SELECT * FROM sqlite_stat1",
      "SELECT * FROM sqlite_stat4",
    ]);
  },
  "writes statistics with ANALYZE": async (db) => {
    await runAll(db, T, "CREATE INDEX i ON t (a)", "INSERT INTO t (a) VALUES (1), (1), (2)", "ANALYZE");
    return rows(db, "SELECT tbl, idx, stat FROM sqlite_stat1 WHERE tbl = 't'");
  },
  "names the columns of EXPLAIN": async (db) => [
    (await db.prepare("EXPLAIN SELECT 1").raw({ columnNames: true }))[0],
    (await db.prepare("EXPLAIN QUERY PLAN SELECT 1").raw({ columnNames: true }))[0],
  ],
  "has no CHECK to add to a table": async (db) => {
    await run(db, T);
    return verdicts(db, ["ALTER TABLE t ADD CHECK (a > 0)"]);
  },
  "has iif() of three arguments only, and no if()": (db) =>
    verdicts(db, ["SELECT iif(1, 2, 3)", "SELECT iif(1, 2)", "SELECT if(1, 2, 3)"]),
  "runs all kinds of ALTER TABLE": async (db) => {
    await run(db, T);
    const made = await verdicts(db, [
      "ALTER TABLE t ADD COLUMN b DEFAULT 1",
      "ALTER TABLE t RENAME COLUMN b TO c",
      "ALTER TABLE t DROP COLUMN c",
      "ALTER TABLE t RENAME TO u",
      "ALTER TABLE u ADD COLUMN d TEXT NOT NULL DEFAULT ''",
      "ALTER TABLE u ADD COLUMN e AS (a + 1)",
    ]);
    return [made, await cell(db, "SELECT sql FROM sqlite_schema WHERE name = 'u'")];
  },
  "knows the core functions": (db) =>
    verdicts(
      db,
      calls(
        [
          "abs",
          "char",
          "coalesce",
          "concat",
          "hex",
          "length",
          "lower",
          "ltrim",
          "octet_length",
          "quote",
          "round",
          "rtrim",
          "sign",
          "soundex",
          "trim",
          "typeof",
          "unhex",
          "unicode",
          "unistr",
          "unistr_quote",
          "upper",
          "zeroblob",
          "likely",
          "unlikely",
          "total_changes",
          "subtype",
        ].filter((name) => name !== "coalesce" && name !== "total_changes"),
        "'1'",
      ),
    ),
  "knows the core functions of several arguments": (db) =>
    verdicts(
      db,
      calls(
        [
          "coalesce",
          "concat",
          "concat_ws",
          "format",
          "glob",
          "ifnull",
          "instr",
          "like",
          "likelihood",
          "max",
          "min",
          "nullif",
          "printf",
          "replace",
          "substr",
          "substring",
          "string_agg",
          "group_concat",
        ],
        "'%a', 0.5",
      ),
    ),
  "knows the core functions without arguments": (db) =>
    verdicts(
      db,
      calls(
        ["changes", "last_insert_rowid", "random", "total_changes", "pi", "sqlite_version", "sqlite_source_id"],
        "",
      ),
    ),
  "knows these functions of mathematics": (db) =>
    verdicts(
      db,
      calls(
        [
          "acos",
          "acosh",
          "asin",
          "asinh",
          "atan",
          "atanh",
          "ceil",
          "ceiling",
          "cos",
          "cosh",
          "degrees",
          "exp",
          "floor",
          "ln",
          "log",
          "log10",
          "log2",
          "radians",
          "sin",
          "sinh",
          "sqrt",
          "tan",
          "tanh",
          "trunc",
        ],
        "0.5",
      ),
    ),
  "knows these functions of mathematics of two arguments": (db) =>
    verdicts(db, calls(["atan2", "log", "mod", "pow", "power"], "2, 3")),
  "knows these aggregates": (db) =>
    verdicts(
      db,
      calls(
        [
          "avg",
          "count",
          "group_concat",
          "json_group_array",
          "max",
          "min",
          "sum",
          "total",
          "median",
          "json_group_object",
          "jsonb_group_array",
        ],
        "5",
      ),
    ),
  "knows these aggregates of two arguments": (db) =>
    verdicts(
      db,
      calls(
        [
          "percentile",
          "percentile_cont",
          "percentile_disc",
          "group_concat",
          "string_agg",
          "json_group_object",
          "jsonb_group_object",
        ],
        "5, 0.5",
      ),
    ),
  "knows these functions of JSON": (db) =>
    verdicts(
      db,
      calls(
        [
          "json",
          "json_array",
          "json_array_length",
          "json_error_position",
          "json_extract",
          "json_object",
          "json_patch",
          "json_pretty",
          "json_quote",
          "json_remove",
          "json_type",
          "json_valid",
          "jsonb",
          "jsonb_array",
          "jsonb_extract",
          "jsonb_remove",
        ],
        "'[1]'",
      ),
    ),
  "knows these functions of JSON of three arguments": (db) =>
    verdicts(
      db,
      calls(
        [
          "json_insert",
          "json_replace",
          "json_set",
          "jsonb_insert",
          "jsonb_replace",
          "jsonb_set",
          "json_extract",
          "json_array_insert",
        ],
        "'[1]', '$[0]', 2",
      ),
    ),
  "knows these functions of dates": (db) =>
    verdicts(db, [
      ...calls(["date", "time", "datetime", "julianday", "unixepoch"], "'2026-01-01'"),
      ...calls(["strftime", "timediff"], "'2026-01-01', '2025-01-01'"),
    ]),
  "refuses functions that reach outside": (db) =>
    verdicts(db, [
      ...calls(
        [
          "load_extension",
          "readfile",
          "edit",
          "fts3_tokenizer",
          "sqlite_compileoption_used",
          "sqlite_compileoption_get",
          "sqlite_offset",
          "fts5_source_id",
          "sqlite_log",
          "randomblob",
          "regexp",
          "uuid",
          "sha1",
          "md5",
          "base64",
        ],
        "1",
      ),
      "SELECT 'a' REGEXP 'a'",
      "SELECT 'a' MATCH 'a'",
      "SELECT writefile('x', 'y')",
    ]),
  "knows the keywords of time": (db) =>
    verdicts(db, ["SELECT CURRENT_TIMESTAMP", "SELECT CURRENT_DATE", "SELECT CURRENT_TIME"]),
  "takes a double-quoted unknown name for a text": (db) => db.prepare('SELECT "nowhere", "a b" AS c').first(),
  "takes a double-quoted unknown name for a text in WHERE": async (db) => {
    await runAll(db, T, "INSERT INTO t (a) VALUES ('x'), ('y')");
    return rows(db, 'SELECT id FROM t WHERE a = "x"');
  },
  "takes a double-quoted known name for a column": async (db) => {
    await runAll(db, T, "INSERT INTO t (a) VALUES ('x')");
    return rows(db, 'SELECT "a", "id" FROM t WHERE "a" = "x"');
  },
  "takes a double-quoted unknown name for a text in a schema": async (db) => {
    await run(db, 'CREATE TABLE t (a DEFAULT "d", b CHECK (b <> "bad"))');
    await run(db, 'INSERT INTO t (b) VALUES ("good")');
    return [
      await rows(db, "SELECT * FROM t"),
      await refusal(db, 'INSERT INTO t (b) VALUES ("bad")'),
      await verdicts(db, [
        'CREATE INDEX i ON t (a) WHERE b = "x"',
        'CREATE INDEX j ON t ("nowhere")',
        'CREATE VIEW v AS SELECT "text" AS c',
      ]),
    ];
  },
  "takes a double-quoted unknown name for a text on a write": async (db) => {
    await run(db, T);
    await run(db, 'INSERT INTO t (a) VALUES ("inserted")');
    await run(db, 'UPDATE t SET a = a || "!"');
    return rows(db, "SELECT a FROM t");
  },
  "refuses a backquoted or bracketed unknown name": (db) => verdicts(db, ["SELECT `nowhere`", "SELECT [nowhere]"]),
  "matches blobs with LIKE": (db) =>
    rows(db, "SELECT x'61' LIKE 'a', x'61' GLOB 'a', 'a' LIKE x'61', x'616263' LIKE 'a%'"),
  "takes LIMIT in DELETE and UPDATE as it does": async (db) => {
    await runAll(db, T, "INSERT INTO t (a) VALUES (1), (2), (3)");
    return [
      await verdicts(db, [
        "DELETE FROM t LIMIT 1",
        "DELETE FROM t ORDER BY id DESC LIMIT 1",
        "UPDATE t SET a = 9 ORDER BY id LIMIT 1",
      ]),
      await rows(db, "SELECT * FROM t"),
    ];
  },
  "tells a column that may not be read as it does": async (db) =>
    verdicts(db, [
      "SELECT name FROM sqlite_schema WHERE name = '_cf_KV' AND 0",
      "SELECT rowid FROM sqlite_schema WHERE 0",
    ]),
  "takes WITHOUT ROWID, STRICT and both": (db) =>
    verdicts(db, [
      "CREATE TABLE a (k PRIMARY KEY) WITHOUT ROWID",
      "CREATE TABLE b (k TEXT) STRICT",
      "CREATE TABLE c (k TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
      "CREATE TABLE d (k) WITHOUT ROWID",
    ]),
  "takes CREATE TABLE AS": async (db) => {
    await run(db, "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b, 2.5 AS c, x'01' AS d");
    return [await rows(db, "SELECT * FROM t"), await cell(db, "SELECT sql FROM sqlite_schema WHERE name = 't'")];
  },
  "refuses an odd view of a function outside its list inside a view, trigger, index or default": async (db) => {
    await run(db, T);
    return verdicts(db, [
      "CREATE VIEW v AS SELECT sqlite_version()",
      "SELECT * FROM v",
      "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT sqlite_version(); END",
      "INSERT INTO t (a) VALUES (1)",
      "CREATE TABLE u (a DEFAULT (sqlite_version()))",
      "INSERT INTO u DEFAULT VALUES",
      "CREATE INDEX i ON t (sqlite_version())",
      "CREATE TABLE w (a CHECK (sqlite_version() > a))",
    ]);
  },
};
