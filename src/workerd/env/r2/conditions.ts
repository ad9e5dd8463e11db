// `onlyIf`: the conditions of a get or a put, as an object or as the headers of a conditional request.
import { wrongField } from "../../globals/refusals.js";
import { isHeaders, isObject, text } from "../state-arguments.js";

/** What conditions are asked of; undefined where there is no object. */
export type Asked = { etag: string; uploaded: number } | undefined;

export interface Condition {
  holds(object: Asked): boolean;
}

type Etag = { kind: "any" } | { kind: "strong" | "weak"; value: string };

interface Wanted {
  matches?: Etag[];
  doesNotMatch?: Etag[];
  /** Milliseconds since 1970. */
  uploadedBefore?: number;
  uploadedAfter?: number;
  /** Headers know no smaller unit than a second. */
  inSeconds: boolean;
}

export function conditionOf(given: unknown, of: string): Condition | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isObject(given)) throw wrongField("onlyIf", of, "Conditional or Headers");
  const wanted = isHeaders(given) ? fromHeaders(given) : fromObject(given);
  return { holds: (object) => holds(wanted, object) };
}

/** As HTTP weighs them: a date is overruled by the etag condition of its kind that was given beside it. */
function holds({ matches, doesNotMatch, uploadedBefore, uploadedAfter, inSeconds }: Wanted, object: Asked): boolean {
  if (object === undefined) return matches === undefined && uploadedAfter === undefined;
  const at = (ms: number) => (inSeconds ? Math.floor(ms / 1000) : ms);
  const { etag, uploaded } = object;
  const isMatch = matches === undefined || matches.some((one) => isSame(one, etag, { weakly: false }));
  const isOther = doesNotMatch === undefined || !doesNotMatch.some((one) => isSame(one, etag, { weakly: true }));
  const isOlder =
    uploadedBefore === undefined || at(uploaded) < at(uploadedBefore) || (matches !== undefined && isMatch);
  const isNewer =
    uploadedAfter === undefined || at(uploadedAfter) < at(uploaded) || (doesNotMatch !== undefined && isOther);
  return isMatch && isOther && isOlder && isNewer;
}

function isSame(one: Etag, etag: string, { weakly }: { weakly: boolean }): boolean {
  if (one.kind === "any") return true;
  return one.value === etag && (weakly || one.kind === "strong");
}

function fromObject(given: Record<PropertyKey, unknown>): Wanted {
  const wanted: Wanted = { inSeconds: Boolean(given.secondsGranularity) };
  if (given.etagMatches !== undefined) wanted.matches = [plainEtag(given.etagMatches, "etagMatches")];
  if (given.etagDoesNotMatch !== undefined)
    wanted.doesNotMatch = [plainEtag(given.etagDoesNotMatch, "etagDoesNotMatch")];
  if (given.uploadedBefore !== undefined) wanted.uploadedBefore = dateOf(given.uploadedBefore, "uploadedBefore");
  if (given.uploadedAfter !== undefined) wanted.uploadedAfter = dateOf(given.uploadedAfter, "uploadedAfter");
  return wanted;
}

function plainEtag(given: unknown, field: string): Etag {
  if (typeof given !== "string") throw wrongField(field, "Conditional", "string");
  if (given.startsWith('"') && given.endsWith('"')) {
    throw new TypeError(`Conditional ETag should not be wrapped in quotes (${given}).`);
  }
  return given === "*" ? { kind: "any" } : { kind: "strong", value: text(given) };
}

export function dateOf(given: unknown, field: string, of = "Conditional"): number {
  if (given instanceof Date) return given.getTime();
  if (typeof given === "number") return given;
  throw wrongField(field, of, "date");
}

function fromHeaders(headers: Headers): Wanted {
  const wanted: Wanted = { inSeconds: true };
  const [match, noneMatch] = [headers.get("if-match"), headers.get("if-none-match")];
  if (match !== null) wanted.matches = readEtags(match, "if-match");
  if (noneMatch !== null) wanted.doesNotMatch = readEtags(noneMatch, "if-none-match");
  const [before, after] = [headers.get("if-unmodified-since"), headers.get("if-modified-since")];
  if (before !== null) wanted.uploadedBefore = Date.parse(before);
  if (after !== null) wanted.uploadedAfter = Date.parse(after);
  return wanted;
}

/** A list such as `"a", W/"b"`; a star stands for any and makes the others idle. */
function readEtags(header: string, name: string): Etag[] {
  const etags: Etag[] = [];
  let rest = header;
  let isSeparated = true;
  while (/["*]/.test(rest)) {
    const at = rest.search(/["*W,]/);
    const mark = rest[at];
    if (mark === ",") {
      rest = rest.slice(at + 1);
      isSeparated = true;
      continue;
    }
    if (!isSeparated) throw notSeparated(mark);
    if (rest[rest.search(/["*]/)] === "*") return [{ kind: "any" }];
    const isWeak = mark === "W";
    if (isWeak && !rest.startsWith('W/"', at)) {
      throw new Error("Weak etags must start with W/ and their value must be quoted");
    }
    const start = at + (isWeak ? 3 : 1);
    const end = rest.indexOf('"', start);
    if (end === -1) throw new Error("Unclosed double quote for Etag");
    etags.push({ kind: isWeak ? "weak" : "strong", value: rest.slice(start, end) });
    rest = rest.slice(end + 1);
    isSeparated = false;
  }
  if (etags.length === 0) throw new Error(`Invalid ETag in ${name} header`);
  return etags;
}

function notSeparated(mark: string | undefined): Error {
  const found = {
    "*": "Encountered a wildcard character '*' instead.",
    '"': "Encountered a double quote character '\"' instead. This would otherwise indicate the start of a new strong etag.",
    W: "Encountered a weak quotation character 'W' instead. This would otherwise indicate the start of a new weak etag.",
  }[mark ?? ""];
  return new Error(`Comma was expected to separate etags. ${found}`);
}
