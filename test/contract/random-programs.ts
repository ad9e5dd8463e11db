// Random programs for the fuzzer: a schema, then statements over it, most of them good, some slightly broken. All tables share
// their column names, so that statements meet tables that the schema happens to have made.
import fc, { type Arbitrary } from "fast-check";
import type { Program, Statement, Step, Value } from "./program.ts";

/** Stands in the text of a statement for a parameter, until its style is drawn. */
const SLOT = "\u0001";
const COLUMNS = ["a", "b", "c", "d"];

const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const oneWordOf = (words: string) => oneOf(...words.split(" "));
const often = <T>(usual: T, other: Arbitrary<T>, weight = 3) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight }, { arbitrary: other, weight: 1 });
/** Joins the parts of a text; a part of its own can be empty. */
const text = (...parts: (string | Arbitrary<string>)[]): Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((drawn) => drawn.filter((part) => part !== "").join(" "));
const list = (item: Arbitrary<string>, minLength = 1, maxLength = 3) =>
  fc.array(item, { minLength, maxLength }).map((items) => items.join(", "));

const table = fc.oneof(
  { arbitrary: oneOf("t0"), weight: 6 },
  { arbitrary: oneOf("t1"), weight: 4 },
  { arbitrary: oneOf("t2"), weight: 1 },
);
const column = fc.oneof(
  { arbitrary: oneOf("a", "b", "c"), weight: 8 },
  { arbitrary: oneOf("d", "rowid", '"b"', "[c]"), weight: 1 },
);
const collation = oneOf("BINARY", "NOCASE", "RTRIM");

const words = oneOf(
  "",
  "a",
  "A",
  "ab ",
  "é",
  "🎬",
  "10",
  "-1",
  "1.50",
  " 7",
  "1e3",
  "x'y",
  "%",
  "_a",
  "null",
  "2026-01-02",
  '{"a":[1,2]}',
  "[1,null]",
);
const quoted = words.map((word) => `'${word.replaceAll("'", "''")}'`);
const literal = fc.oneof(
  fc.integer({ min: -5, max: 20 }).map(String),
  oneWordOf("1.5 -0.25 1e3 2.0 9007199254740993 9223372036854775807 0x1F 1e400 .5"),
  quoted,
  oneOf("NULL", "TRUE", "FALSE", "x''", "x'00ff'", "x'6162'", '"text"'),
);

/** Any expression over these names. */
const expressionOver = (names: Arbitrary<string>) =>
  fc.letrec<{ any: string; leaf: string; node: string }>((tie) => {
    const any = tie("any");
    return {
      any: fc.oneof({ maxDepth: 3, depthSize: "small" }, tie("leaf"), tie("node")),
      leaf: fc.oneof(
        { arbitrary: literal, weight: 2 },
        { arbitrary: names, weight: 3 },
        { arbitrary: fc.constant(SLOT), weight: 3 },
      ),
      node: fc.oneof(
        text("(", any, oneWordOf("+ - * / % || & | << >> = <> < >= IS AND OR LIKE GLOB"), any, ")"),
        text(oneOf("-", "NOT", "~", "+"), "(", any, ")"),
        text("(", any, oneOf("IS NOT", "IS NOT DISTINCT FROM", "NOT LIKE"), any, ")"),
        text(any, "COLLATE", collation),
        text("CAST(", any, "AS", oneOf("INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC"), ")"),
        text("CASE WHEN", any, "THEN", any, "ELSE", any, "END"),
        text("(", any, oneOf("IN", "NOT IN"), "(", list(any, 1, 3), ") )"),
        text("(", any, "BETWEEN", any, "AND", any, ")"),
        text(
          oneWordOf(
            "abs length lower upper hex typeof quote trim round unicode sign octet_length json_valid date julianday json_quote soundex nowhere unhex ceil",
          ),
          "(",
          any,
          ")",
        ),
        text(
          oneWordOf("coalesce ifnull nullif instr max min concat json_array json_extract glob like pow power"),
          "(",
          any,
          ",",
          any,
          ")",
        ),
        // Not from any place: D1's SQLite counts it in 32 bits, newer ones in 64.
        text("substr (", any, ",", fc.integer({ min: -3, max: 5 }).map(String), ")"),
        text("( SELECT max (", any, ") FROM", table, ")"),
        text("EXISTS ( SELECT 1 FROM", table, "WHERE", any, ")"),
      ),
    };
  }).any;
const expression = expressionOver(column);
/** Now and then one still names a column, which is then not there. */
const constant = expressionOver(fc.oneof({ arbitrary: literal, weight: 20 }, { arbitrary: column, weight: 1 }));

/** A schema can hold no parameters; now and then one comes to be refused. */
function fixed(sql: Arbitrary<string>): Arbitrary<string> {
  return fc.tuple(sql, often("1", fc.constant(SLOT), 40)).map(([drawn, instead]) => drawn.replaceAll(SLOT, instead));
}

const looseType = oneOf(
  "",
  "INTEGER",
  "INT",
  "REAL",
  "TEXT",
  "BLOB",
  "NUMERIC",
  "VARCHAR(10)",
  "BOOLEAN",
  "DATETIME",
  "DOUBLE PRECISION",
  "ANY",
  "STRING",
);
const strictType = fc.oneof(
  { arbitrary: oneOf("INTEGER", "INT", "REAL", "TEXT", "BLOB", "ANY"), weight: 60 },
  { arbitrary: oneOf("", "VARCHAR"), weight: 1 },
);
// Not ROLLBACK: it takes the emulator's own transaction along, which D1 answers with an opaque internal error.
const resolution = often(
  "",
  oneOf("ON CONFLICT ABORT", "ON CONFLICT FAIL", "ON CONFLICT IGNORE", "ON CONFLICT REPLACE"),
);
const columnConstraint = fc.oneof(
  { arbitrary: fc.constant(""), weight: 6 },
  { arbitrary: text("NOT NULL", resolution), weight: 1 },
  { arbitrary: text("UNIQUE", resolution), weight: 1 },
  { arbitrary: text("DEFAULT", literal), weight: 1 },
  { arbitrary: text("NOT NULL DEFAULT", literal), weight: 1 },
  { arbitrary: text("CHECK (", fixed(expression), ")"), weight: 1 },
  { arbitrary: text("COLLATE", collation), weight: 1 },
  {
    arbitrary: text(
      "REFERENCES",
      table,
      often("", oneOf("ON DELETE CASCADE", "ON DELETE SET NULL", "ON UPDATE CASCADE", "ON DELETE RESTRICT"), 1),
    ),
    weight: 1,
  },
);
const primaryKey = oneOf(
  "INTEGER PRIMARY KEY",
  "INTEGER PRIMARY KEY AUTOINCREMENT",
  "TEXT PRIMARY KEY",
  "INT PRIMARY KEY",
  "INTEGER",
  "TEXT",
  "",
);
const lastColumn = fc.oneof(
  {
    arbitrary: oneOf("d TEXT AS (a || b)", "d ANY AS (b + 1) STORED", "d TEXT AS (typeof(c))", "d INT UNIQUE"),
    weight: 9,
  },
  { arbitrary: oneOf("d AS (nowhere)", "d AS (abs(b))", "d", "d AS (1) PRIMARY KEY"), weight: 1 },
);
const tableConstraint = fc.oneof(
  { arbitrary: oneOf("UNIQUE (b, c)", "CHECK (b <> c)", "FOREIGN KEY (b) REFERENCES t0 (a)"), weight: 9 },
  { arbitrary: oneOf("PRIMARY KEY (b)", "UNIQUE (nowhere)"), weight: 1 },
);

function createTable(name: string): Arbitrary<string> {
  return fc.boolean().chain((strict) => {
    const type = strict ? strictType : looseType;
    const columns = fc.tuple(
      strict ? oneOf("INTEGER PRIMARY KEY", "TEXT PRIMARY KEY", "INT PRIMARY KEY") : primaryKey,
      fc.tuple(type, columnConstraint),
      fc.tuple(type, columnConstraint),
      fc.option(lastColumn, { nil: undefined }),
      often("", tableConstraint),
    );
    return fc.tuple(columns, often("", fc.constant("WITHOUT ROWID"), 9)).map(([[key, b, c, d, last], rowid]) => {
      const parts = [`a ${key}`, `b ${b.join(" ")}`, `c ${c.join(" ")}`, d, last].filter((part) => part);
      const options = [strict ? "STRICT" : "", rowid].filter((part) => part);
      return `CREATE TABLE ${name} (${parts.join(", ")}) ${options.join(", ")}`.trim();
    });
  });
}

const otherSchema = fc.oneof(
  text(
    "CREATE INDEX i0 ON",
    table,
    "(",
    list(text(fixed(expression), often("", oneOf("DESC", "COLLATE NOCASE"))), 1, 2),
    ")",
    often("", text("WHERE", fixed(expression))),
  ),
  text("CREATE UNIQUE INDEX i1 ON", table, "(", list(column, 1, 2), ")", often("", text("WHERE", fixed(expression)))),
  text("CREATE VIEW v0 AS SELECT", list(fixed(expression)), "FROM", table),
  text(
    "CREATE TRIGGER r0",
    oneOf("BEFORE", "AFTER"),
    oneOf("INSERT", "UPDATE", "DELETE", "UPDATE OF b"),
    "ON",
    table,
    "BEGIN",
    fc.oneof(
      text(
        "UPDATE",
        table,
        "SET c =",
        oneOf("new.a", "old.b", "1", "c + 1"),
        "WHERE a =",
        oneOf("new.a", "old.a", "1"),
        ";",
      ),
      text("INSERT INTO", table, "(b, c) VALUES (", oneOf("new.b", "old.c", "'log'"), ", 'r' ) ;"),
      text("SELECT CASE WHEN", oneOf("new.b", "old.b"), "THEN RAISE (", oneOf("ABORT", "FAIL"), ", 'raised' ) END ;"),
      text("DELETE FROM", table, "WHERE b =", oneOf("old.b", "new.c"), ";"),
    ),
    "END",
  ),
  text("CREATE VIRTUAL TABLE f0 USING fts5 ( a, b )"),
  text(
    "ALTER TABLE",
    table,
    fc.oneof(
      text("ADD COLUMN e", looseType, columnConstraint),
      oneOf("RENAME COLUMN c TO cc", "DROP COLUMN b", "DROP COLUMN c", "RENAME TO t2"),
    ),
  ),
  text("DROP", oneOf("TABLE t0", "TABLE IF EXISTS t1", "INDEX i0", "VIEW v0", "TRIGGER r0", "TABLE nowhere")),
);

const conflict = often("", oneOf("OR IGNORE", "OR REPLACE", "OR FAIL", "OR ABORT"));
const returning = often("", text("RETURNING", list(fc.oneof(expression, oneOf("*", "a", "rowid")))));
const where = often("", text("WHERE", expression), 1);
const upsert = often(
  "",
  oneOf(
    "ON CONFLICT DO NOTHING",
    "ON CONFLICT (a) DO UPDATE SET b = excluded.b",
    `ON CONFLICT (a) DO UPDATE SET c = ${SLOT} WHERE b IS NOT NULL`,
  ),
  4,
);
/** What mostly can stand in a row. */
const insertable = fc.oneof(
  { arbitrary: fc.constant(SLOT), weight: 3 },
  { arbitrary: literal, weight: 3 },
  { arbitrary: constant, weight: 1 },
);
const insertRows = fc.integer({ min: 1, max: 3 }).chain((width) => {
  const key = fc.integer({ min: 1, max: 9 }).map(String);
  const first = fc.oneof({ arbitrary: key, weight: 4 }, { arbitrary: insertable, weight: 3 });
  const others = fc.array(insertable, { minLength: width - 1, maxLength: width - 1 });
  const row = fc.tuple(first, others).map(([one, rest]) => `( ${[one, ...rest].join(", ")} )`);
  return text("(", COLUMNS.slice(0, width).join(", "), ") VALUES", list(row));
});

// In front of other statements of one text a RETURNING ends in an internal error of the emulator.
const silentWrite = fc.oneof(
  text("INSERT", conflict, "INTO", table, insertRows),
  text("UPDATE", conflict, table, "SET", column, "=", expression, where),
  text("DELETE FROM", table, where),
);
const write = fc.oneof(
  { arbitrary: text("INSERT", conflict, "INTO", table, insertRows, upsert, returning), weight: 5 },
  { arbitrary: text("UPDATE", conflict, table, "SET", column, "=", expression, where, returning), weight: 2 },
  { arbitrary: text("DELETE FROM", table, where, returning), weight: 1 },
  {
    arbitrary: text(
      "INSERT INTO",
      table,
      "( b, c ) SELECT",
      expression,
      ",",
      expression,
      "FROM",
      table,
      "ORDER BY a, b, c LIMIT 5",
    ),
    weight: 1,
  },
  { arbitrary: text("INSERT INTO f0 VALUES (", quoted, ",", SLOT, ")"), weight: 1 },
);
const ordered = text(
  "ORDER BY",
  list(text(oneOf("a", "b", "c", "1", "rowid", "a COLLATE NOCASE", SLOT), often("", oneOf("DESC", "ASC NULLS LAST")))),
  often("", text("LIMIT", oneOf("2", SLOT, "1 OFFSET 1", "'x'"))),
);
const query = fc.oneof(
  {
    arbitrary: text(
      "SELECT",
      list(fc.oneof(expression, text(expression, "AS", oneOf("a", "n", "x", '"two words"')), oneOf("*"))),
      "FROM",
      table,
      where,
      ordered,
    ),
    weight: 4,
  },
  { arbitrary: text("SELECT", list(constant)), weight: 4 },
  {
    arbitrary: text(
      "SELECT",
      list(text(oneWordOf("count sum min max total avg json_group_array group_concat"), "(", expression, ")")),
      "FROM",
      table,
      where,
    ),
    weight: 2,
  },
  {
    arbitrary: text("SELECT b, count(*), max(c) FROM", table, "GROUP BY b HAVING", expression, "ORDER BY 1, 2, 3"),
    weight: 1,
  },
  {
    arbitrary: text(
      "SELECT a, row_number() OVER ( ORDER BY a, b, c ), sum(b) OVER ( ORDER BY a, b, c ) FROM",
      table,
      "ORDER BY a, b, c",
    ),
    weight: 1,
  },
  {
    arbitrary: text(
      "SELECT x.a, y.b FROM",
      table,
      "AS x",
      oneOf("JOIN", "LEFT JOIN", "CROSS JOIN"),
      table,
      "AS y ON",
      oneOf("x.a = y.a", "x.b = y.b", "x.b < y.c"),
      "ORDER BY 1, 2 LIMIT 10",
    ),
    weight: 1,
  },
  {
    arbitrary: text(
      "WITH w ( n ) AS ( SELECT",
      expression,
      oneOf("UNION", "UNION ALL", "EXCEPT"),
      "SELECT",
      expression,
      ") SELECT n FROM w ORDER BY 1",
    ),
    weight: 1,
  },
  {
    arbitrary: text(
      "SELECT key, value, type FROM",
      oneOf("json_each", "json_tree"),
      "(",
      fc.oneof(quoted, fc.constant(SLOT)),
      ")",
    ),
    weight: 1,
  },
  {
    arbitrary: oneOf(
      "SELECT * FROM v0 ORDER BY 1",
      "SELECT a FROM f0 WHERE f0 MATCH 'a' ORDER BY rowid",
      // In parentheses, which no broken text can cut off: D1 has tables of its own.
      "SELECT name FROM ( SELECT name FROM sqlite_schema WHERE name GLOB '[tivr][012]' ) ORDER BY name",
      "PRAGMA table_info(t0)",
      // Of one table: the order of all depends on which others there are, and D1 keeps some of its own.
      "PRAGMA foreign_key_check(t0)",
      "PRAGMA index_list(t0)",
      "PRAGMA user_version",
      "SELECT last_insert_rowid()",
    ),
    weight: 1,
  },
);

/** Leaves a word out, doubles one or puts a foreign one in. */
function broken(sql: Arbitrary<string>): Arbitrary<string> {
  const foreign = oneOf(
    "",
    ",",
    ")",
    "(",
    ";",
    "SELECT",
    "nowhere",
    "'",
    "--",
    "/*",
    "?",
    ":x",
    "1",
    "#",
    "FROM",
    "_cf_x",
    "sqlite_x",
    "\n",
  );
  return fc.tuple(sql, fc.nat(), fc.constantFrom("drop", "double", "put"), foreign).map(([whole, place, how, word]) => {
    const parts = whole.split(" ");
    const at = place % parts.length;
    const part = parts[at] ?? "";
    parts.splice(at, 1, ...(how === "drop" ? [] : how === "double" ? [part, part] : [part, word]));
    return parts.join(" ");
  });
}

/** SQLite prints a REAL of more digits, or a whole one of 16 or 17, in one way or another, by its version. */
const printable = (drawn: number) => {
  const number = Number(drawn.toPrecision(10));
  return Math.abs(number) >= 1e15 && Math.abs(number) < 1e17 ? number / 1000 : number;
};
const number = fc.oneof(
  fc.integer({ min: -10, max: 20 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(printable),
  fc.maxSafeInteger().map(printable),
  fc.constantFrom(0.5, 1e14, 1e21),
);
const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 });
const value: Arbitrary<Value> = fc.oneof(
  { arbitrary: number, weight: 4 },
  { arbitrary: words, weight: 3 },
  { arbitrary: fc.string({ unit: "binary", maxLength: 5 }), weight: 1 },
  { arbitrary: fc.constantFrom(null, true, false), weight: 2 },
  { arbitrary: fc.constantFrom<Value>({ kind: "NaN" }, { kind: "Infinity" }, { kind: "-0" }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constantFrom("bytes" as const, "list" as const), of: bytes }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant("u16" as const),
      of: fc.array(fc.integer({ min: 0, max: 65535 }), { maxLength: 3 }),
    }),
    weight: 1,
  },
);
const refused: Arbitrary<Value> = fc.constantFrom<Value>({ kind: "undefined" }, { kind: "list", of: [300] });

const STYLES: ((at: number) => string)[] = [
  () => "?",
  (at) => `?${at + 1}`,
  (at) => `?${(at % 2) + 1}`,
  (at) => `:p${at % 3}`,
  (at) => `@p${at}`,
  (at) => (at % 2 === 0 ? "?" : `$p${at}`),
];

function statementOf(sql: Arbitrary<string>): Arbitrary<Statement> {
  const short = often(0, fc.constantFrom(-1, 1), 20);
  const values = fc.array(fc.oneof({ arbitrary: value, weight: 60 }, { arbitrary: refused, weight: 1 }), {
    minLength: 8,
    maxLength: 8,
  });
  return fc.tuple(sql, fc.constantFrom(...STYLES), values, short).map(([template, style, pool, by]) => {
    let at = 0;
    const finished = template.replaceAll(SLOT, () => style(at++));
    const needed = Math.max(0, countParameters(finished) + by);
    return { sql: finished, values: Array.from({ length: needed }, (_, index) => pool[index % pool.length] ?? null) };
  });
}

/** As SQLite counts them; a broken text may be counted wrongly, which is one more way of being broken. */
function countParameters(sql: string): number {
  const named = new Set<string>();
  let highest = 0;
  for (const [whole, digits] of sql.replace(/'[^']*'/g, "''").matchAll(/\?(\d*)|[:@$]p\d+/g)) {
    if (digits) highest = Math.max(highest, Number(digits));
    else if (whole === "?") highest++;
    else if (!named.has(whole)) {
      named.add(whole);
      highest++;
    }
  }
  return highest;
}

const good = statementOf(
  fc.oneof({ arbitrary: write, weight: 5 }, { arbitrary: query, weight: 5 }, { arbitrary: otherSchema, weight: 1 }),
);
const several = statementOf(
  fc
    .tuple(
      fc.array(fixed(fc.oneof(silentWrite, query)), { minLength: 1, maxLength: 2 }),
      fc.oneof(write, query),
      often("", oneOf(";", " ; -- end", ";;")),
    )
    .map(([first, last, end]) => [...first, last].join("; ") + end),
);
const bad = statementOf(broken(fc.oneof(write, query, createTable("t2"))));
const statement = fc.oneof(
  { arbitrary: good, weight: 12 },
  { arbitrary: bad, weight: 2 },
  { arbitrary: several, weight: 1 },
);

const plain = (sql: Arbitrary<string>) => sql.filter((drawn) => !drawn.includes(SLOT) && !drawn.includes("\n"));
const step: Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      op: fc.constantFrom("all" as const, "raw" as const, "names" as const, "first" as const),
      statement,
    }),
    weight: 8,
  },
  {
    arbitrary: fc.record({
      op: fc.constant("batch" as const),
      statements: fc.array(statement, { minLength: 1, maxLength: 4 }),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      op: fc.constant("exec" as const),
      sql: fc.array(plain(fc.oneof(write, query)), { minLength: 1, maxLength: 3 }).map((lines) => lines.join("\n")),
    }),
    weight: 1,
  },
);

/** A schema of two or three tables and what goes with them, three inserts or so, then anything. */
export const programs: Arbitrary<Program> = fc
  .tuple(
    fc.tuple(statementOf(createTable("t0")), statementOf(createTable("t1"))),
    fc.array(
      statementOf(fc.oneof({ arbitrary: otherSchema, weight: 4 }, { arbitrary: createTable("t2"), weight: 1 })),
      {
        maxLength: 2,
      },
    ),
    fc.array(statementOf(text("INSERT", conflict, "INTO", table, insertRows)), { minLength: 1, maxLength: 3 }),
    fc.array(step, { minLength: 1, maxLength: 6 }),
  )
  .map(([tables, others, rows, steps]) => [
    ...[...tables, ...others, ...rows].map((first): Step => ({ op: "all", statement: first })),
    ...steps,
  ]);
