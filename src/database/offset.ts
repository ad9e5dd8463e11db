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
  [/^subqueries prohibited in /s, findSearched],
  [/^parameters prohibited in /s, ({ tokens }) => tokens.find((token) => token.kind === "variable")],
  [/^hex literal too big: -?(.*)$/s, ({ tokens }, name) => tokens.find((t) => t.text === name)],
  [/^too many SQL variables$/, ({ tokens }) => findVariable(tokens, (text) => !/^\?\d/.test(text))],
  [/^variable number must be between /, ({ tokens }) => findVariable(tokens, (text) => /^\?\d/.test(text))],
  [/^(?:table|view|trigger) (.*) already exists$/s, findNamed],
  [/^unknown database (.*)$/s, findNamed],
  [/^unknown join type: (\S+)/s, findJoin],
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
  if (isWord(tokens[0], "PRAGMA")) {
    return tokens[1]?.kind === "symbol" ? candidates[0] : candidates.at(-1);
  }
  if (candidates.length <= 1) return candidates[0];
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
 * when one is that SQLite has looked at before it: the failing one is the last of these. One that has its column does not
 * count: with all others taken out, the message would be gone.
 */
function findColumn({ sql, tokens, message, attempt }: Failure, name: string): Token | undefined {
  const places = occurrences(tokens, name).filter(({ first }) => {
    // SQLite remembers no place for what an upsert would set.
    const isUpsert = tokens.some((t, at) => isWord(t, "DO") && isWord(tokens[at + 1], "UPDATE") && t.end < first.start);
    return !isUpsert;
  });
  const copyWith = (chosen: Place[], textOf: string | ((place: Place) => string)) =>
    chosen.reduceRight((copy, place) => {
      const text = typeof textOf === "string" ? textOf : textOf(place);
      return copy.slice(0, place.first.start) + text + copy.slice(place.last.end);
    }, sql);
  // Where no sign can stand is no expression: for the column that an UPDATE sets SQLite tells no offset.
  const expressions = places.filter((place) =>
    [`+${NOBODY}`, "NULL"].every((text) => !attempt(copyWith([place], text))?.endsWith("syntax error")),
  );
  const isTarget = (place: Place) =>
    !expressions.includes(place) && tokens[tokens.indexOf(place.last) + 1]?.text === "=";
  const removable = places.filter((place) => expressions.includes(place) || isTarget(place));
  const failing = expressions.filter((place) => {
    // SQLite may look at a bare name on the right before it looks at the left, and at anything more in order.
    const follows = ["", "+"].some((sign) => attempt(copyWith([place], sign + NOBODY)) === `no such column: ${NOBODY}`);
    const others = removable.filter((other) => other !== place);
    return follows && attempt(copyWith(others, (other) => (isTarget(other) ? NOBODY : "NULL"))) === message;
  });
  const found = failing.at(-1)?.first;
  return found === undefined || isJoining(tokens, found) ? undefined : found;
}

/** Whether it stands in the ON of a join: SQLite forgets the places of all that is in there. */
function isJoining(tokens: Token[], token: Token): boolean {
  let depth = 0;
  for (let at = tokens.indexOf(token) - 1; at >= 0; at--) {
    const before = tokens[at];
    if (before?.text === ")") depth++;
    // What is around it counts, what is closed again does not.
    if (before?.text === "(" && depth > 0) depth--;
    else if (depth > 0) continue;
    if (isWord(before, "ON")) return tokens.slice(0, at).some((t) => isWord(t, "JOIN"));
    if (isWord(before, "SELECT", "WHERE", "FROM", "BY", "HAVING", "LIMIT", "SET", "VALUES")) return false;
  }
  return false;
}

interface Place {
  first: Token;
  last: Token;
}

/** The places where a name stands as the message has it, `schema.table.column` included. */
function occurrences(tokens: Token[], name: string): Place[] {
  const places: Place[] = [];
  // As a term of an index a text is a name, too.
  const kinds = isWord(tokens[0], "CREATE") ? ["word", "name", "string"] : ["word", "name"];
  for (const [at, first] of tokens.entries()) {
    if (!kinds.includes(first.kind)) continue;
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

/** Of a subquery itself SQLite knows no place, but of what is searched in one: `a` in `a IN (SELECT ...)`. */
function findSearched({ tokens }: Failure): Token | undefined {
  const inner = tokens.flatMap((token, at) => (isWord(token, "SELECT") && tokens[at - 1]?.text === "(" ? [at] : []));
  let at = (inner[0] ?? 0) - 1;
  while (tokens[at]?.text === "(") at--;
  if (inner.length !== 1 || !isWord(tokens[at], "IN")) return undefined;
  if (isWord(tokens[at - 1], "NOT")) at--;
  const [before, searched] = [tokens[at - 2]?.text, tokens[at - 1]];
  return (before === "(" || before === ",") && searched?.text !== ")" ? searched : undefined;
}

/** The first word of a join that is none: its words are those of the message, as the text has them. */
function findJoin({ tokens, message, attempt, sql }: Failure, word: string): Token | undefined {
  return tokens.find(
    (token, at) => token.text === word && at > 0 && attempt(`${sql.slice(0, token.start)} JOIN`) !== message,
  );
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
