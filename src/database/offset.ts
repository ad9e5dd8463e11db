// Where in a statement an error is. SQLite knows the byte, but no driver for Node tells it, so it is found again here: by
// compiling changed copies of the text and watching the message. Only ever done once a statement has failed.
import { LIMITS } from "./limits.js";
import { numberParameters } from "./parameters.js";
import { isWord, nameOf, type Token } from "./text.js";

/** Compiles a text and gives the message of its error; undefined when there is none. */
export type Try = (sql: string) => string | undefined;

interface Failure {
  sql: string;
  tokens: Token[];
  message: string;
  attempt: Try;
}

/** A name that no schema has. */
const NOBODY = "hidb_nobody";
/** More copies than this are not compiled: an error should not take longer than the statement would have. */
const MOST_COPIES = 100;

type Finder = (failure: Failure, name: string) => Token | undefined;

const FINDERS: [pattern: RegExp, find: Finder][] = [
  [/^near "(.*)": syntax error$/s, findSyntaxError],
  [/^unrecognized token: "(.*)"$/s, ({ tokens }) => tokens.find((t) => t.kind === "illegal" && !t.text.includes("__"))],
  [/^no such column: "(.*)"$/s, findNamed],
  [/^no such column: (.*)$/s, findColumn],
  [/^ambiguous column name: (.*)$/s, findColumn],
  [/^no such function: (.*)$/s, findFunction],
  [/^not authorized to use function: (.*)$/s, findFunction],
  [/^wrong number of arguments to function (.*)\(\)$/s, findFunction],
  [/^misuse of (?:aggregate|window)(?: function)?:? (.*)\(\)$/s, findFunction],
  [/^(.*)\(\) may not be used as a window function$/s, findFunction],
  [/ may not be used with non-aggregate (.*)\(\)$/s, findFunction],
  [/^second argument to (.*)\(\) must be a constant/s, findFunction],
  [/^too many arguments on function (.*)$/s, findFunction],
  [/^non-deterministic functions prohibited in /s, findFunction],
  [/^parameters prohibited in /s, ({ tokens }) => tokens.find((token) => token.kind === "variable")],
  [/^hex literal too big: -?(.*)$/s, ({ tokens }, name) => tokens.find((t) => t.text === name)],
  [/^too many SQL variables$/, ({ tokens }) => findVariable(tokens, (text) => !/^\?\d/.test(text))],
  [/^variable number must be between /, ({ tokens }) => findVariable(tokens, (text) => /^\?\d/.test(text))],
  [/^(?:table|view|trigger) (.*) already exists$/s, findNamed],
  [/^unknown database (.*)$/s, findNamed],
];

/** The offset in bytes of what an error of compiling is about, where SQLite tells one. */
export function findOffset(failure: Failure): number | undefined {
  for (const [pattern, find] of FINDERS) {
    const found = pattern.exec(failure.message);
    if (found === null) continue;
    const token = find(failure, found[1] ?? "");
    if (token !== undefined) return byteOffset(failure.sql, token);
  }
  return undefined;
}

export function byteOffset(sql: string, token: Token): number {
  return Buffer.byteLength(sql.slice(0, token.start));
}

/** The first token that ends a text which fails the same way: what stands before it was still the beginning of something. */
function findSyntaxError({ sql, tokens, message, attempt }: Failure, name: string): Token | undefined {
  const candidates = tokens.filter((token) => token.text === name);
  // A pragma can take effect while it is compiled.
  if (candidates.length <= 1 || isWord(tokens[0], "PRAGMA")) return candidates.at(-1);
  return candidates.slice(0, MOST_COPIES).find((token) => attempt(sql.slice(0, token.end)) === message);
}

function findNamed({ tokens }: Failure, name: string): Token | undefined {
  return tokens.slice(1).find((token) => nameOf(token) === name);
}

/** The parameter that is one too many, or whose number is out of range. */
export function findVariable(tokens: Token[], isWanted: (text: string) => boolean): Token | undefined {
  const variables = tokens.filter((token) => token.kind === "variable");
  const { numbers } = numberParameters(tokens);
  return variables.find((token, at) => {
    const number = numbers[at] ?? 0;
    return isWanted(token.text) && (number < 1 || number > LIMITS.parameters || /^\?0+$/.test(token.text));
  });
}

/**
 * Gives one occurrence after the other a name that nobody has. The message follows when the failing one is renamed, and
 * when one is that SQLite has looked at before it: the failing one is the last of these.
 */
function findColumn({ sql, tokens, attempt }: Failure, name: string): Token | undefined {
  let found: Token | undefined;
  for (const { first, last } of occurrences(tokens, name)) {
    // SQLite remembers no place for what an upsert would set.
    const isUpsert = tokens.some((t, at) => isWord(t, "DO") && isWord(tokens[at + 1], "UPDATE") && t.end < first.start);
    if (isUpsert) continue;
    // The sign makes sure that it is an expression: for the column that an UPDATE sets SQLite tells no offset.
    const copy = `${sql.slice(0, first.start)}+${NOBODY}${sql.slice(last.end)}`;
    if (attempt(copy) === `no such column: ${NOBODY}`) found = first;
  }
  return found;
}

/** The places where a name stands as the message has it, `schema.table.column` included. */
function occurrences(tokens: Token[], name: string): { first: Token; last: Token }[] {
  const places: { first: Token; last: Token }[] = [];
  for (const [at, first] of tokens.entries()) {
    if (first.kind !== "word" && first.kind !== "name") continue;
    if (tokens[at - 1]?.text === ".") continue;
    let last = first;
    let text = nameOf(first);
    for (let next = at + 1; tokens[next]?.text === "." && text !== name; next += 2) {
      const part = tokens[next + 1];
      if (part === undefined) break;
      text += `.${nameOf(part)}`;
      last = part;
    }
    if (text === name && tokens[tokens.indexOf(last) + 1]?.text !== "(") places.push({ first, last });
    if (places.length >= MOST_COPIES) break;
  }
  return places;
}

function findFunction({ sql, tokens, attempt }: Failure, name: string): Token | undefined {
  const called = tokens.filter((token, at) => {
    if (token.kind !== "word" && token.kind !== "name") return false;
    if (name !== "" && nameOf(token).toLowerCase() !== name.toLowerCase()) return false;
    return tokens[at + 1]?.text === "(" || isWord(token, "REGEXP", "MATCH", "GLOB", "LIKE");
  });
  if (called.length <= 1) return called[0];
  let found: Token | undefined;
  for (const token of called.slice(0, MOST_COPIES)) {
    const copy = sql.slice(0, token.start) + NOBODY + sql.slice(token.end);
    if (attempt(copy) === `no such function: ${NOBODY}`) found = token;
  }
  return found;
}
