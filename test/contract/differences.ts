// Where a home is known to differ from D1 itself, and why. src/database/README.md prints this list; whatever is not in it must not differ,
// and what is in it must.

export type Home = "sqlite" | "sqlite strict" | "d1 http";

export interface Difference {
  homes: Home[];
  /** One sentence a user of that home can act on. */
  reason: string;
  /** The recorded cases that differ, by area. */
  cases: Record<string, string[]>;
}

export const DIFFERENCES: Difference[] = [
  {
    homes: ["sqlite", "sqlite strict"],
    reason: "SQLite is newer here: it prints and reads REALs with up to 17 digits, D1 with 15",
    cases: {
      values: ["reads very small numbers of a text"],
      features: ["prints numbers of 16 and more digits"],
    },
  },
  {
    homes: ["sqlite", "sqlite strict"],
    reason: "a lone surrogate is stored as replacement characters, not as its three bytes; both come back the same",
    cases: { values: ["stores the three bytes of a lone surrogate"] },
  },
  {
    homes: ["sqlite", "sqlite strict"],
    reason: "of a prohibited subquery, and of several prohibited parameters, the error may name another place or none",
    cases: { errors: ["tells the place of what a schema prohibits"] },
  },
  {
    homes: ["d1 http"],
    reason: "parameters before the last statement of a text are refused at once, before an earlier statement can fail",
    cases: { text: ["tells an error before that of parameters behind it"] },
  },
  {
    homes: ["sqlite"],
    reason: "limits of the engine are enforced with HIDB_STRICT=1 only",
    cases: {
      limits: [
        "takes a table of 100 columns and refuses 101",
        "refuses to add a column to 100",
        "takes an index of many columns",
        "refuses more than 100 terms to group and order by",
        "refuses a blob made far beyond the limit",
        "refuses a text joined far beyond the limit",
        "refuses a row far beyond the limit",
        "takes a LIKE pattern of 50 bytes and refuses 51",
        "takes a GLOB pattern of 50 bytes and refuses 51",
        "counts patterns in bytes",
        "counts patterns of like() and glob(), too",
        "takes 127 arguments and refuses 128",
        "takes 5 terms of a compound SELECT and refuses 6",
        "takes an expression of depth 90 and refuses 110",
        "takes parentheses of any sensible depth",
        "refuses triggers that nest deeper than 10",
      ],
    },
  },
  {
    homes: ["sqlite"],
    reason:
      "better-sqlite3 is built otherwise: LIKE passes blobs over, ANALYZE fills sqlite_stat4, no double-quoted texts in a schema, no $a::b(c), and no authorizer looks into views and triggers",
    cases: {
      parameters: ["takes a name with suffix in parentheses"],
      allowed: [
        "matches blobs with LIKE",
        "runs REINDEX, ANALYZE and EXPLAIN",
        "takes a double-quoted unknown name for a text in a schema",
        "refuses an odd view of a function outside its list inside a view, trigger, index or default",
      ],
    },
  },
];

export function differenceOf(home: Home, area: string, name: string): Difference | undefined {
  return DIFFERENCES.find(({ homes, cases }) => homes.includes(home) && cases[area]?.includes(name));
}
