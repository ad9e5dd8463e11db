// What D1 limits, with the number that it enforces. Where documentation and experiment disagree, the experiment is here.

export interface DatabaseLimits {
  /** Bound parameters of a statement. */
  parameters: number;
  /** Bytes of a statement's text, comments included. */
  sqlBytes: number;
  /** Columns of a table, of a result, of an index, terms of ORDER BY and GROUP BY. */
  columns: number;
  /** Bytes of one text, blob or row; documented (local workerd allows a little more). */
  valueBytes: number;
  /** Bytes of a LIKE or GLOB pattern. */
  patternBytes: number;
  /** Arguments of a function; the documentation says 32. */
  functionArguments: number;
  /** Terms of a compound SELECT; a VALUES of many rows is not one. */
  compoundTerms: number;
  /** Depth of an expression. */
  expressionDepth: number;
  /** Depth of triggers within triggers. */
  triggerDepth: number;
}

/** From experiments with workerd 2026-07-30; see also developers.cloudflare.com/d1/platform/limits. */
export const LIMITS: DatabaseLimits = {
  parameters: 100,
  sqlBytes: 100_000,
  columns: 100,
  valueBytes: 2_000_000,
  patternBytes: 50,
  functionArguments: 127,
  compoundTerms: 5,
  expressionDepth: 100,
  triggerDepth: 10,
};
