// A value of SQLite as a text that keeps its type and every digit: D1's own answers lose both.

/** Its first letter tells the type: i, r, t, b, and x for a text with a NUL, as hexadecimal digits; null is NULL. */
export type Cell = string | null;
export type Row = Cell[];

/** In the base of a row: whatever the other side has there counts as unchanged. */
export const ANYTHING = "*";

/** Not in double quotes: of a column that is not there D1 would make a text, without a word. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

export function quoteText(text: string): string {
  return text.includes("\0") ? `CAST(X'${hexOf(Buffer.from(text))}' AS TEXT)` : `'${text.replaceAll("'", "''")}'`;
}

/** What a SELECT asks of D1 for a column: numbers beyond 2^53 only survive as texts. */
export function exactColumn(name: string): string {
  const column = quoteName(name);
  return `CASE typeof(${column}) WHEN 'integer' THEN CAST(${column} AS TEXT) ELSE ${column} END`;
}

/** One letter a column: the type, where `p` and `m` are the infinities, which JSON does not have. */
export function kindsOf(names: string[]): string {
  const kinds = names.map(quoteName).map(
    (c) => `CASE typeof(${c}) WHEN 'real' THEN
      CASE WHEN ${c} > ${LARGEST} THEN 'p' WHEN ${c} < -${LARGEST} THEN 'm' ELSE 'r' END ELSE substr(typeof(${c}), 1, 1) END`,
  );
  return `format('${"%s".repeat(names.length)}', ${kinds.join(", ")})`;
}

const LARGEST = "1.7976931348623157e308";

/** Of a value as D1 gives it for `exactColumn`. */
export function toCell(value: unknown, kind: string | undefined): Cell {
  switch (kind) {
    case "i":
      return `i${value}`;
    case "r":
      return `r${value}`;
    case "p":
      return "rInf";
    case "m":
      return "r-Inf";
    case "t":
      return textCell(String(value));
    case "b":
      return `b${hexOf(Uint8Array.from(value as number[]))}`;
    default:
      return null;
  }
}

function textCell(text: string): Cell {
  // SQLite's own text functions end at a NUL.
  return text.includes("\0") ? `x${hexOf(Buffer.from(text))}` : `t${text}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

/**
 * The same made by SQLite, of any expression. Its 17 digits are not always the right ones far from 1 (49 of 3,000 random
 * reals), but it reads what it has written without error: what is missing follows behind a blank.
 */
export function encode(c: string): string {
  const digits = `format('%!.17g', ${c})`;
  const real = `'r' || ${digits} || CASE WHEN CAST(${digits} AS REAL) = ${c} THEN '' ELSE format(' %!.17g', ${c} - CAST(${digits} AS REAL)) END`;
  return `CASE typeof(${c}) WHEN 'integer' THEN 'i' || ${c}
    WHEN 'real' THEN CASE WHEN ${c} > ${LARGEST} THEN 'rInf' WHEN ${c} < -${LARGEST} THEN 'r-Inf' ELSE ${real} END
    WHEN 'text' THEN CASE WHEN instr(${c}, char(0)) THEN 'x' || hex(${c}) ELSE 't' || ${c} END
    WHEN 'blob' THEN 'b' || hex(${c}) END`;
}

/** Of a row that SQLite has encoded, which writes 1.0 and 0.1 in other ways than JavaScript. */
export function readRow(json: string): Row {
  return (JSON.parse(json) as Row).map((cell) => {
    if (cell?.[0] !== "r" || cell.endsWith("Inf")) return cell;
    const [digits = "", missing = "0"] = cell.slice(1).split(" ");
    return `r${Number(digits) + Number(missing)}`;
  });
}

/** The value of an expression that holds a cell. */
export function decode(cell: string): string {
  const rest = `substr(${cell}, 2)`;
  return `CASE substr(${cell}, 1, 1) WHEN 'i' THEN CAST(${rest} AS INTEGER)
    WHEN 'r' THEN CASE ${rest} WHEN 'Inf' THEN 9e999 WHEN '-Inf' THEN -9e999 ELSE CAST(${rest} AS REAL) END
    WHEN 't' THEN ${rest} WHEN 'x' THEN CAST(unhex(${rest}) AS TEXT) WHEN 'b' THEN unhex(${rest}) END`;
}

/** Characters that fit into one parameter, whatever they are: D1 and its stand-in take 2 MB, and a character three bytes. */
const PIECE = 600_000;

/** A text of any length as an expression with its parameters. */
export function longText(text: string | null): { sql: string; params: (string | null)[] } {
  if (text === null || text.length <= PIECE) return { sql: "?", params: [text] };
  const params: string[] = [];
  for (let at = 0; at < text.length; ) {
    // Half of a surrogate pair would not survive by itself.
    const isPair = /[\uD800-\uDBFF]/.test(text.charAt(at + PIECE - 1));
    const end = at + PIECE - (isPair ? 1 : 0);
    params.push(text.slice(at, end));
    at = end;
  }
  return { sql: `(${params.map(() => "?").join(" || ")})`, params };
}

/** A statement's text with values in it: what is long or inexact as a literal becomes a parameter. */
export class Text {
  sql = "";
  readonly params: unknown[] = [];

  add(sql: string): this {
    this.sql += sql;
    return this;
  }

  value(cell: Cell): this {
    const rest = cell?.slice(1) ?? "";
    switch (cell?.[0]) {
      case undefined:
        return this.add("NULL");
      case "i":
        return this.add(rest);
      case "r":
        return rest.endsWith("Inf") ? this.add(rest === "Inf" ? "9e999" : "-9e999") : this.#bind(Number(rest));
      case "b":
        return this.#bind(Array.from(Buffer.from(rest, "hex")));
      case "x":
        return this.#bind(Buffer.from(rest, "hex").toString());
      default:
        return this.#bind(rest);
    }
  }

  list<T>(items: readonly T[], between: string, each: (item: T) => unknown): this {
    for (const [at, item] of items.entries()) {
      if (at > 0) this.add(between);
      each(item);
    }
    return this;
  }

  #bind(value: unknown): this {
    this.params.push(value);
    return this.add("?");
  }
}
