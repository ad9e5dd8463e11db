// Random reads and writes, and texts with an error in them.
import fc, { type Arbitrary } from "fast-check";
import {
  COLUMNS,
  column,
  constant,
  expression,
  list,
  literal,
  often,
  oneOf,
  oneWordOf,
  quoted,
  SLOT,
  table,
  text,
} from "./random-expressions.ts";

export const conflict = often("", oneOf("OR IGNORE", "OR REPLACE", "OR FAIL", "OR ABORT"));
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
export const insertRows = fc.integer({ min: 1, max: 3 }).chain((width) => {
  const key = fc.integer({ min: 1, max: 9 }).map(String);
  const first = fc.oneof({ arbitrary: key, weight: 4 }, { arbitrary: insertable, weight: 3 });
  const others = fc.array(insertable, { minLength: width - 1, maxLength: width - 1 });
  const row = fc.tuple(first, others).map(([one, rest]) => `( ${[one, ...rest].join(", ")} )`);
  return text("(", COLUMNS.slice(0, width).join(", "), ") VALUES", list(row));
});

// In front of other statements of one text a RETURNING ends in an internal error of the emulator.
export const silentWrite = fc.oneof(
  text("INSERT", conflict, "INTO", table, insertRows),
  text("UPDATE", conflict, table, "SET", column, "=", expression, where),
  text("DELETE FROM", table, where),
);
export const write = fc.oneof(
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
export const query = fc.oneof(
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
export function broken(sql: Arbitrary<string>): Arbitrary<string> {
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
