// SQL text cut into tokens as SQLite's own tokenizer cuts it, so that statements and parameters can be told apart.

export interface Token {
  kind: "word" | "string" | "name" | "number" | "variable" | "symbol" | "illegal";
  text: string;
  /** Where it begins and ends in the text, in JavaScript's characters. */
  start: number;
  end: number;
}

const LETTER = "[\\w$\\u0080-\\uffff]";
const TOKEN = new RegExp(
  [
    // SQLite takes a `/*` at the very end of the text for two operators.
    "(?<space>[ \\t\\n\\f\\r]+|--[^\\n]*|/\\*(?=[\\s\\S])[\\s\\S]*?(?:\\*/|$))",
    "(?<blob>[xX]'(?:[0-9a-fA-F]{2})*')",
    "(?<badBlob>[xX]'[^']*'?)",
    "(?<string>'[^']*(?:''[^']*)*'(?!'))",
    '(?<name>"[^"]*(?:""[^"]*)*"(?!")|`[^`]*(?:``[^`]*)*`(?!`)|\\[[^\\]]*\\])',
    "(?<open>['\"`[][\\s\\S]*)",
    `(?<number>(?:0[xX][0-9a-fA-F]+|(?:\\d[\\d_]*(?:\\.[\\d_]*)?|\\.\\d[\\d_]*)(?:[eE][+-]?\\d+)?)(?!${LETTER}))`,
    `(?<badNumber>\\.?\\d${LETTER}*)`,
    `(?<variable>\\?\\d*|[$@#:](?:::)*${LETTER}(?:${LETTER}|::)*(?:\\([^\\s)]*\\))?)`,
    `(?<word>[A-Za-z_\\u0080-\\uffff]${LETTER}*)`,
    "(?<symbol>->>|->|\\|\\||<<|<=|<>|>=|>>|==|!=|[-+*/%=<>|&~,.;()])",
    "(?<illegal>[\\s\\S])",
  ].join("|"),
  "y",
);
const KIND: Record<string, Token["kind"]> = {
  blob: "string",
  badBlob: "illegal",
  string: "string",
  name: "name",
  open: "illegal",
  number: "number",
  badNumber: "illegal",
  variable: "variable",
  word: "word",
  symbol: "symbol",
  illegal: "illegal",
};

/** The tokens of a text without blanks and comments. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  // A byte order mark in front counts as a blank.
  TOKEN.lastIndex = sql.startsWith("\uFEFF") ? 1 : 0;
  while (TOKEN.lastIndex < sql.length) {
    const start = TOKEN.lastIndex;
    const groups = TOKEN.exec(sql)?.groups ?? {};
    for (const group in KIND) {
      const text = groups[group];
      if (text === undefined) continue;
      tokens.push({ kind: KIND[group] ?? "illegal", text, start, end: start + text.length });
      break;
    }
  }
  return tokens;
}

/** Whether a token is this keyword, in whatever case. */
export function isWord(token: Token | undefined, ...words: string[]): boolean {
  return token?.kind === "word" && words.includes(token.text.toUpperCase());
}

/** What a token names, without its quotes and their doubling. */
export function nameOf(token: Token): string {
  const quote = token.text[0];
  if (token.kind === "name" && quote === "[") return token.text.slice(1, -1);
  if (token.kind !== "name" && !(token.kind === "string" && quote === "'")) return token.text;
  return token.text.slice(1, -1).replaceAll(`${quote}${quote}`, `${quote}`);
}

export interface Piece {
  /** One statement with its semicolon and what stands before it, without the blanks after the one before. */
  sql: string;
  /** Everything from this statement on, which is what SQLite measures against its limit. */
  rest: string;
  tokens: Token[];
}

/** The statements of a text, empty ones included; the semicolons in a trigger's body end nothing. */
export function splitStatements(text: string): Piece[] {
  // For SQLite the text ends at the first NUL; what follows can only be a piece without a statement.
  const nul = text.indexOf("\0");
  const sql = nul < 0 ? text : text.slice(0, nul);
  const pieces: Piece[] = [];
  let from = 0;
  let own: Token[] = [];
  let before: Token | undefined;
  let body = false;
  for (const token of tokenize(sql)) {
    own.push(token);
    const isEnd = token.text === ";" && (!body || (isWord(before, "END") && own.at(-3)?.text === ";"));
    if (!body && isWord(token, "BEGIN") && isTrigger(own)) body = true;
    if (isEnd) {
      pieces.push(cut(sql, from, token.end, own));
      from = token.end;
      own = [];
      body = false;
    }
    before = token;
  }
  // D1 allows blanks after the last semicolon, but no comment.
  if (/[^ \t\n\v\f\r]/.test(sql.slice(from)) || pieces.length === 0) pieces.push(cut(sql, from, sql.length, own));
  if (nul >= 0) pieces.push({ sql: "", rest: "", tokens: [] });
  return pieces;
}

function cut(sql: string, from: number, to: number, tokens: Token[]): Piece {
  // D1 counts from the first sign after the semicolon before, but for the first statement from the beginning of the text.
  const blanks = from === 0 ? "" : (/^[ \t\n\v\f\r]*/.exec(sql.slice(from, to))?.[0] ?? "");
  const start = from + blanks.length;
  const own = start === 0 ? tokens : tokens.map((t) => ({ ...t, start: t.start - start, end: t.end - start }));
  return { sql: sql.slice(start, to), rest: sql.slice(start), tokens: own };
}

function isTrigger(tokens: Token[]): boolean {
  const at = withoutExplain(tokens);
  const second = isWord(at[1], "TEMP", "TEMPORARY") ? at[2] : at[1];
  return isWord(at[0], "CREATE") && isWord(second, "TRIGGER");
}

/** The tokens of the statement that an EXPLAIN explains. */
export function withoutExplain(tokens: Token[]): Token[] {
  if (!isWord(tokens[0], "EXPLAIN")) return tokens;
  return isWord(tokens[1], "QUERY") && isWord(tokens[2], "PLAN") ? tokens.slice(3) : tokens.slice(1);
}
