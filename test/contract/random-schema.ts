// Random definitions of tables and of what else a schema holds.
import fc, { type Arbitrary } from "fast-check";
import {
  collation,
  column,
  expression,
  fixed,
  list,
  literal,
  often,
  oneOf,
  table,
  text,
} from "./random-expressions.ts";

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

export function createTable(name: string): Arbitrary<string> {
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

export const otherSchema = fc.oneof(
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
