// Listing a bucket: by prefix, in the order of the keys, those behind a delimiter gathered, page by page.
import { wrongField } from "../../globals/refusals.js";
import { type Given, int, text } from "../state-arguments.js";
import { LAST } from "../state-statements.js";
import { codes, r2Error } from "./errors.js";
import { emptyHttp } from "./metadata.js";
import { HeadResult } from "./object.js";
import type { R2Store } from "./store.js";
import type { StoredObject } from "./stored.js";

const MOST = 1000;
/** Of a page whose objects come with their metadata. */
const MOST_WITH_METADATA = 100;

export interface Listed {
  objects: HeadResult[];
  truncated: boolean;
  cursor: string | undefined;
  delimitedPrefixes: string[];
}

/** Reads the options, which may throw, and gives what lists. */
export function listObjects(options: Given): (store: R2Store) => Listed {
  const included = includedOf(options.include);
  const most = included.length > 0 ? MOST_WITH_METADATA : MOST;
  const limit = Math.min(limitOf(options.limit), most);
  const prefix = textOf(options, "prefix") ?? "";
  const delimiter = textOf(options, "delimiter") ?? "";
  const after = furthest(textOf(options, "startAfter"), fromCursor(textOf(options, "cursor")));
  const shown = (object: StoredObject) =>
    new HeadResult({
      ...object,
      http: included.includes("httpMetadata") ? object.http : emptyHttp(),
      custom: included.includes("customMetadata") ? object.custom : {},
    });
  return (store) => {
    const listed: Listed = { objects: [], truncated: false, cursor: undefined, delimitedPrefixes: [] };
    let last = after;
    for (let found = 0; ; found++) {
      const object = store.next(prefix, last);
      if (object === undefined) return listed;
      if (found === limit) return { ...listed, truncated: true, cursor: toCursor(last ?? "") };
      const end = delimiter === "" ? -1 : object.key.indexOf(delimiter, prefix.length);
      if (end === -1) {
        listed.objects.push(shown(object));
        last = object.key;
      } else {
        const group = object.key.slice(0, end + delimiter.length);
        listed.delimitedPrefixes.push(group);
        last = `${group}${LAST}`;
      }
    }
  };
}

/** Not coerced, unlike most strings. */
function textOf(options: Given, name: string): string | undefined {
  const given = options[name];
  if (given !== undefined && typeof given !== "string") throw wrongField(name, "ListOptions", "string");
  return given?.toWellFormed();
}

type Included = "httpMetadata" | "customMetadata";

function includedOf(given: unknown): Included[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw wrongField("include", "ListOptions", "Array");
  return given.map((field) => {
    const name = text(field);
    if (name !== "httpMetadata" && name !== "customMetadata") {
      throw new RangeError(`Unsupported include value ${name}`);
    }
    return name;
  });
}

/** -1 is what workerd has where no limit was said. */
function limitOf(given: unknown): number {
  const limit = given === undefined ? MOST : int(given);
  if (limit === -1) return MOST;
  if (limit < 1 || limit > MOST) throw r2Error("list", codes.invalidMaxKeys);
  return limit;
}

function furthest(...keys: (string | undefined)[]): string | undefined {
  return keys.reduce((one, other) => (one === undefined || (other !== undefined && other > one) ? other : one));
}

function toCursor(key: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(key)));
}

function fromCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined || cursor === "") return undefined;
  return new TextDecoder().decode(Uint8Array.from(atob(cursor), (letter) => letter.charCodeAt(0)));
}
