// DELETE and UPDATE with ORDER BY and LIMIT, which D1's SQLite was built with and Node's was not.
import { isWord, type Token } from "./text.js";

/** The same change by way of the rows' ids; undefined when the statement is no such one. */
export function limitDeletion(sql: string, tokens: Token[]): string | undefined {
  const last = tokens.at(-1)?.text === ";" ? tokens.at(-1) : undefined;
  const end = last?.start ?? sql.length;
  const verb = tokens.find((token) => isWord(token, "DELETE", "UPDATE"));
  const outer = outermost(tokens);
  const [where, returning] = ["WHERE", "RETURNING"].map((word) => outer.find((token) => isWord(token, word)));
  const limit = outer.find((token) => isWord(token, "ORDER", "LIMIT"));
  if (verb === undefined || limit === undefined) return undefined;
  const table = tableText(sql, tokens, verb);
  const condition = where === undefined ? "" : sql.slice(where.start, (returning ?? limit).start);
  const kept = returning === undefined ? "" : sql.slice(returning.start, limit.start);
  const head = sql.slice(0, (where ?? returning ?? limit).start);
  return `${head} WHERE rowid IN (SELECT rowid FROM ${table} ${condition} ${sql.slice(limit.start, end)}) ${kept}`;
}

function outermost(tokens: Token[]): Token[] {
  let depth = 0;
  return tokens.filter(({ text }) => {
    if (text === "(") depth++;
    if (text === ")") depth--;
    return depth === 0;
  });
}

/** The table as it is named, with its alias. */
function tableText(sql: string, tokens: Token[], verb: Token): string {
  const rest = tokens.slice(tokens.indexOf(verb) + 1);
  if (isWord(rest[0], "OR")) rest.splice(0, 2);
  if (isWord(rest[0], "FROM")) rest.shift();
  const end = rest.find((token) => isWord(token, "SET", "WHERE", "RETURNING", "ORDER", "LIMIT", "INDEXED", "NOT"));
  return sql.slice(rest[0]?.start ?? 0, end?.start ?? sql.length);
}
