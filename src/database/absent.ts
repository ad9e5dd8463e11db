// What SQLite has here and D1 has not.
import { messageOf } from "../errors.js";
import { byteOffset } from "./offset.js";
import { ABSENT_FUNCTIONS, ABSENT_TABLES } from "./rules.js";
import { sqlError } from "./sqlite-errors.js";
import { isWord, type Token } from "./text.js";

/** This SQLite is newer than D1's and has more; what D1 has not, it does not know. */
export function asUnknown(error: unknown): unknown {
  const message = messageOf(error);
  const name = /^(?:not authorized to use|wrong number of arguments to) function:? (.*?)(?:\(\))?$/s.exec(message)?.[1];
  const table = /^access to (.*)\.[^.]* is prohibited$/s.exec(message)?.[1];
  if (name !== undefined && ABSENT_FUNCTIONS.has(name.toLowerCase())) {
    return Object.assign(new Error(`no such function: ${name}`), { code: "SQLITE_ERROR" });
  }
  if (table !== undefined && ABSENT_TABLES.has(table.toLowerCase())) {
    return Object.assign(new Error(`no such table: ${table}`), { code: "SQLITE_ERROR" });
  }
  if (message === "triggers nested too deep") {
    return Object.assign(new Error("too many levels of trigger recursion"), { code: "SQLITE_ERROR" });
  }
  return error;
}

/** What newer versions of SQLite have added to its language since D1's. */
export function refuseNewer(sql: string, tokens: Token[]): void {
  for (const [at, token] of tokens.entries()) {
    const isAdded = isWord(token, "CHECK", "CONSTRAINT") && isWord(tokens[at - 1], "ADD") && isWord(tokens[0], "ALTER");
    if (isAdded) throw sqlError(`near "${token.text}": syntax error at offset ${byteOffset(sql, token)}: SQLITE_ERROR`);
    if (!isWord(token, "IIF") || tokens[at + 1]?.text !== "(" || countArguments(tokens, at + 2) === 3) continue;
    const text = `wrong number of arguments to function ${token.text}()`;
    throw sqlError(`${text} at offset ${byteOffset(sql, token)}: SQLITE_ERROR`);
  }
}

function countArguments(tokens: Token[], from: number): number {
  let depth = 0;
  let commas = 0;
  for (const { text } of tokens.slice(from)) {
    if (text === "(") depth++;
    if (text === ")" && depth-- === 0) break;
    if (text === "," && depth === 0) commas++;
  }
  return commas + 1;
}
