// Cuts a text of several statements where D1's REST API does: at semicolons outside of quotes, comments and triggers.

const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[\p{L}_][\p{L}\p{N}_$]*|;|[\s\S]/gu;

/** The one text unchanged if it is a single statement, or if a piece of it would be none. */
export function splitStatements(sql: string): string[] {
  const pieces: string[] = [];
  let piece = "";
  let words: string[] = [];
  let depth = 0;
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token === ";" && depth === 0) {
      if (words.length === 0) return [sql];
      pieces.push(piece.trim());
      piece = "";
      words = [];
      continue;
    }
    piece += token;
    if (token.trim() === "" || token.startsWith("--") || token.startsWith("/*")) continue;
    const word = token.toUpperCase();
    words.push(word);
    const isTrigger = /^CREATE (TEMP |TEMPORARY )?TRIGGER$/.test(
      words.slice(0, words[1] === "TRIGGER" ? 2 : 3).join(" "),
    );
    if (isTrigger && (word === "BEGIN" || word === "CASE")) depth++;
    if (isTrigger && word === "END") depth--;
  }
  if (piece.trim() === "") return pieces.length > 1 ? pieces : [sql];
  if (words.length === 0) return [sql];
  return pieces.length === 0 ? [sql] : [...pieces, piece.trim()];
}

export function isWrite(sql: string): boolean {
  const plain = sql.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, " ").trim();
  if (/^(SELECT|EXPLAIN|PRAGMA)\b/i.test(plain)) return false;
  return !/^WITH\b/i.test(plain) || /\b(INSERT|UPDATE|DELETE|REPLACE)\b/i.test(plain);
}
