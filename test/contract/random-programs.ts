// Random programs for the fuzzer: a schema, then statements over it, most of them good, some slightly broken. All tables share
// their column names, so that statements meet tables that the schema happens to have made.
import fc, { type Arbitrary } from "fast-check";
import type { Program, Statement, Step, Value } from "./program.ts";
import { fixed, often, oneOf, SLOT, table, text, words } from "./random-expressions.ts";
import { createTable, otherSchema } from "./random-schema.ts";
import { broken, conflict, insertRows, query, silentWrite, write } from "./random-statements.ts";

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
export const refused: Arbitrary<Value> = fc.constantFrom<Value>({ kind: "undefined" }, { kind: "list", of: [300] });

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
export const statement = fc.oneof(
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
