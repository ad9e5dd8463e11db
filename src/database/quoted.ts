// D1 takes a double-quoted name that nothing has for a text; better-sqlite3's build of SQLite only tells that it is none.
import type BetterSqlite3 from "better-sqlite3";
import { messageOf } from "../errors.js";
import { nameOf as contentOf, type Token, tokenize } from "./text.js";

export type Statement = BetterSqlite3.Statement<unknown[]>;
/** A column is called after its text, and the text has been changed: this gives the name back. */
export type NameOf = (name: string) => string;

/** Compiles a statement, with the double-quoted names that are none as texts. */
export function prepareQuoted(
  driver: BetterSqlite3.Database,
  sql: string,
  tokens: Token[],
): { statement: Statement; nameOf: NameOf | undefined } {
  let text = sql;
  let own = tokens;
  const changed: [literal: string, quoted: string][] = [];
  for (;;) {
    try {
      const statement = driver.prepare<unknown[]>(text);
      const nameOf = (name: string) =>
        changed.reduce((was, [literal, quoted]) => was.replaceAll(literal, quoted), name);
      return { statement, nameOf: changed.length > 0 ? nameOf : undefined };
    } catch (error) {
      const name = /^no such column: "(.*)" - should this be a string literal/s.exec(messageOf(error))?.[1];
      const token = name === undefined ? undefined : findFailing(driver, text, own, name, messageOf(error));
      if (token === undefined) throw error;
      changed.push([literalOf(token), token.text]);
      text = replace(text, token);
      own = tokenize(text);
    }
  }
}

/** Of several with the name the one whose change changes the message; when all fail alike, the first, and then the next. */
function findFailing(driver: BetterSqlite3.Database, sql: string, tokens: Token[], name: string, message: string) {
  const candidates = tokens.filter((token) => token.text.startsWith('"') && contentOf(token) === name);
  const found = candidates.find((token) => {
    try {
      driver.prepare(replace(sql, token));
      return true;
    } catch (error) {
      return messageOf(error) !== message && !/syntax error/.test(messageOf(error));
    }
  });
  return found ?? candidates[0];
}

function replace(sql: string, token: Token): string {
  return sql.slice(0, token.start) + literalOf(token) + sql.slice(token.end);
}

function literalOf(token: Token): string {
  return `'${contentOf(token).replaceAll("'", "''")}'`;
}
