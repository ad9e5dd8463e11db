// Random expressions, as a part of the random programs.
import fc, { type Arbitrary } from "fast-check";

/** Stands in the text of a statement for a parameter, until its style is drawn. */
export const SLOT = "\u0001";
export const COLUMNS = ["a", "b", "c", "d"];

export const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
export const oneWordOf = (words: string) => oneOf(...words.split(" "));
export const often = <T>(usual: T, other: Arbitrary<T>, weight = 3) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight }, { arbitrary: other, weight: 1 });
/** Joins the parts of a text; a part of its own can be empty. */
export const text = (...parts: (string | Arbitrary<string>)[]): Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((drawn) => drawn.filter((part) => part !== "").join(" "));
export const list = (item: Arbitrary<string>, minLength = 1, maxLength = 3) =>
  fc.array(item, { minLength, maxLength }).map((items) => items.join(", "));

export const table = fc.oneof(
  { arbitrary: oneOf("t0"), weight: 6 },
  { arbitrary: oneOf("t1"), weight: 4 },
  { arbitrary: oneOf("t2"), weight: 1 },
);
export const column = fc.oneof(
  { arbitrary: oneOf("a", "b", "c"), weight: 8 },
  { arbitrary: oneOf("d", "rowid", '"b"', "[c]"), weight: 1 },
);
export const collation = oneOf("BINARY", "NOCASE", "RTRIM");

export const words = oneOf(
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
export const quoted = words.map((word) => `'${word.replaceAll("'", "''")}'`);
export const literal = fc.oneof(
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
export const expression = expressionOver(column);
/** Now and then one still names a column, which is then not there. */
export const constant = expressionOver(fc.oneof({ arbitrary: literal, weight: 20 }, { arbitrary: column, weight: 1 }));

/** A schema can hold no parameters; now and then one comes to be refused. */
export function fixed(sql: Arbitrary<string>): Arbitrary<string> {
  return fc.tuple(sql, often("1", fc.constant(SLOT), 40)).map(([drawn, instead]) => drawn.replaceAll(SLOT, instead));
}
