// How a text will be run, found out once a text: the pool runs the same few statements thousands of times.
import type { Compiled } from "./engine.js";
import { LIMITS } from "./limits.js";
import { numberParameters } from "./parameters.js";
import { sqlError } from "./sqlite-errors.js";
import { isWord, nameOf, type Piece, splitStatements, type Token } from "./text.js";
import { wellFormed } from "./values.js";

export interface Plan {
  /** The statements in order; none when the text is blank. */
  readonly pieces: readonly PlannedPiece[];
  /** One statement that reads or changes rows and nothing else: it may run outside a transaction, and be kept compiled. */
  readonly simple: PlannedPiece | undefined;
}

export interface PlannedPiece {
  readonly sql: string;
  readonly tokens: Token[];
  /** The values it needs. */
  readonly values: number;
  /** Whether its first word tells that it changes nothing. */
  readonly reads: boolean;
  compiled?: Compiled | undefined;
  /** Whether it has been compiled before: D1 keeps such a one, and counts the values before it looks at a changed schema. */
  wasRight?: boolean;
  /** Rows written for a row changed: itself and its entry in each index; see `meta.ts`. */
  writes?: number;
}

export function planText(text: unknown): Plan {
  if (typeof text !== "string") throw sqlError("Failed to parse body as JSON, got: ZodError");
  // Local D1 takes a blank text, or one of indented comments, for no statement at all.
  if (text.replace(/^\s+--.*/gm, "").trim() === "") return { pieces: [], simple: undefined };
  const pieces = splitStatements(wellFormed(text)).map(planPiece);
  const [first, second] = pieces;
  const simple = second === undefined && first !== undefined && isSimple(first.tokens) ? first : undefined;
  return { pieces, simple };
}

function planPiece({ sql, rest, tokens }: Piece): PlannedPiece {
  // Three bytes a character at most.
  if (rest.length * 3 > LIMITS.sqlBytes && Buffer.byteLength(rest) > LIMITS.sqlBytes) {
    return { sql, tokens: [TOO_LONG], values: 0, reads: false };
  }
  return { sql, tokens, values: numberParameters(tokens).count, reads: isWord(tokens[0], "SELECT", "VALUES") };
}

/** Stands for a statement that is not to be run: the error has its place among those of the others. */
const TOO_LONG: Token = { kind: "illegal", text: "", start: 0, end: 0 };

export function checkLength(piece: PlannedPiece): void {
  if (piece.tokens[0] === TOO_LONG) throw sqlError("statement too long: SQLITE_TOOBIG");
}

/** Whether it has anything but blanks, comments and its semicolon. */
export function isEmpty(piece: PlannedPiece): boolean {
  const [first] = piece.tokens;
  return first === undefined || first.text === ";";
}

/** With these words a statement that fails can leave something behind, unless a transaction is there to undo it. */
const LEAVES_TRACES = ["FAIL", "ROLLBACK"];

function isSimple(tokens: Token[]): boolean {
  if (!isWord(tokens[0], "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES")) return false;
  return !tokens.some((token) => isWord(token, ...LEAVES_TRACES));
}

/** The table that a statement writes, as far as its text tells. */
export function writtenTable(tokens: Token[]): string | undefined {
  const verb = tokens.findIndex((token) => isWord(token, "INSERT", "UPDATE", "DELETE", "REPLACE"));
  if (verb < 0) return undefined;
  let at = verb + 1;
  if (isWord(tokens[at], "OR")) at += 2;
  if (isWord(tokens[at], "INTO", "FROM")) at++;
  if (tokens[at + 1]?.text === ".") at += 2;
  const table = tokens[at];
  return table === undefined ? undefined : nameOf(table);
}
