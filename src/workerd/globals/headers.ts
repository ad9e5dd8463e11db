// Headers as workerd has them: lenient about values, `getAll` for cookies, and those of the network cannot be changed.
import { illegalInvocation, nameInstances, wrongConstructorType, wrongType } from "./refusals.js";

export type HeaderPair = [name: string, value: string];

/** All but token characters of RFC 9110; workerd lets through what lies beyond ASCII. */
const NO_NAME = /[\0- "(),/:;<=>?@[\\\]{}\x7f]/;
const NO_VALUE = /[\0\r\n]/;
const SURROUNDING_SPACE = /^[\t\r\n ]+|[\t\r\n ]+$/g;
const COOKIE = "set-cookie";
const INIT_TYPES = "Headers or Sequence or object";

interface Entries {
  /** All but cookies, by name in lower case; those given several times are joined. */
  readonly values: Map<string, string>;
  readonly cookies: string[];
  immutable: boolean;
}

let entriesOf: (headers: Headers) => Entries;

export class Headers {
  readonly #entries: Entries = { values: new Map(), cookies: [], immutable: false };

  static {
    entriesOf = (headers) => {
      if (!isObject(headers) || !(#entries in headers)) throw illegalInvocation();
      return headers.#entries;
    };
  }

  constructor(init?: unknown) {
    if (init !== undefined) fill(this, init);
  }

  append(...args: [name: string, value: string]): void {
    const [name, value] = stringArguments("append", args, 2) as HeaderPair;
    add(changeable(this), checkedName(name), value);
  }

  delete(...args: [name: string]): void {
    const [name] = stringArguments("delete", args, 1);
    const entries = changeable(this);
    const key = checkedName(name);
    if (key === COOKIE) entries.cookies.length = 0;
    else entries.values.delete(key);
  }

  get(...args: [name: string]): string | null {
    const { values, cookies } = entriesOf(this);
    const key = checkedName(stringArguments("get", args, 1)[0]);
    if (key !== COOKIE) return values.get(key) ?? null;
    return cookies.length === 0 ? null : cookies.join(", ");
  }

  getAll(...args: [name: string]): string[] {
    const [name] = stringArguments("getAll", args, 1);
    if (name.toLowerCase() !== COOKIE) {
      throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
    }
    return this.getSetCookie();
  }

  getSetCookie(): string[] {
    return [...entriesOf(this).cookies];
  }

  has(...args: [name: string]): boolean {
    const { values, cookies } = entriesOf(this);
    const key = checkedName(stringArguments("has", args, 1)[0]);
    return key === COOKIE ? cookies.length > 0 : values.has(key);
  }

  set(...args: [name: string, value: string]): void {
    const [name, value] = stringArguments("set", args, 2) as HeaderPair;
    const entries = changeable(this);
    const key = checkedName(name);
    const checked = checkedValue(value);
    if (key === COOKIE) entries.cookies.splice(0, entries.cookies.length, checked);
    else entries.values.set(key, checked);
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArgument?: unknown): void {
    if (typeof callback !== "function") throw wrongType("forEach", "Headers", 1, "function");
    for (const [name, value] of sortedPairs(this)) callback.call(thisArgument, value, name, this);
  }

  entries(): IterableIterator<HeaderPair> {
    return sortedPairs(this).values();
  }

  keys(): IterableIterator<string> {
    return sortedPairs(this)
      .map(([name]) => name)
      .values();
  }

  values(): IterableIterator<string> {
    return sortedPairs(this)
      .map(([, value]) => value)
      .values();
  }

  [Symbol.iterator](): IterableIterator<HeaderPair> {
    return sortedPairs(this).values();
  }
}
nameInstances(Headers, "Headers");
showMembers(Headers);

/** Headers that came over the network: nothing is checked, and nobody may change them. */
export function receivedHeaders(pairs: Iterable<HeaderPair>): Headers {
  const headers = new Headers();
  const entries = entriesOf(headers);
  for (const [name, value] of pairs) join(entries, name.toLowerCase(), value);
  entries.immutable = true;
  return headers;
}

export function makeImmutable(headers: Headers): Headers {
  entriesOf(headers).immutable = true;
  return headers;
}

/** A copy that is as changeable as its model. */
export function cloneHeaders(headers: Headers): Headers {
  const copy = new Headers(headers);
  if (entriesOf(headers).immutable) makeImmutable(copy);
  return copy;
}

/** In no order, for the network. */
export function headerPairs(headers: Headers): HeaderPair[] {
  const { values, cookies } = entriesOf(headers);
  const pairs: HeaderPair[] = [...values];
  for (const cookie of cookies) pairs.push([COOKIE, cookie]);
  return pairs;
}

/** For the `headers` of an init: `undefined` where the field would be refused for its type. */
export function headersOfInit(init: unknown): Headers | undefined {
  if (init === undefined) return new Headers();
  return isObject(init) ? new Headers(init) : undefined;
}

/** The members of a platform class show up in `for (name in object)`, those of a JavaScript class do not. */
export function showMembers({ prototype }: { prototype: object }): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name !== "constructor") Object.defineProperty(prototype, name, { ...descriptor, enumerable: true });
  }
}

function fill(headers: Headers, init: unknown): void {
  if (!isObject(init)) throw wrongConstructorType("Headers", 1, INIT_TYPES);
  const entries = entriesOf(headers);
  if (init instanceof Headers) {
    const { values, cookies } = entriesOf(init);
    for (const [name, value] of values) entries.values.set(name, value);
    entries.cookies.push(...cookies);
  } else if (typeof (init as Partial<Iterable<unknown>>)[Symbol.iterator] === "function") {
    for (const pair of init as Iterable<unknown>) {
      const [name, value] = checkedPair(pair);
      add(entries, checkedName(String(name)), String(value));
    }
  } else {
    for (const [name, value] of Object.entries(init)) add(entries, checkedName(name), `${value}`);
  }
}

function checkedPair(pair: unknown): unknown[] {
  if (!isObject(pair) || typeof (pair as Partial<Iterable<unknown>>)[Symbol.iterator] !== "function") {
    throw new TypeError("Incorrect type: the provided value is not of type 'Sequence'.");
  }
  const parts = [...(pair as Iterable<unknown>)];
  if (parts.length === 2) return parts;
  throw new TypeError(
    "To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.",
  );
}

function add(entries: Entries, key: string, value: string): void {
  join(entries, key, checkedValue(value));
}

function join({ values, cookies }: Entries, key: string, value: string): void {
  if (key === COOKIE) {
    cookies.push(value);
    return;
  }
  const before = values.get(key);
  values.set(key, before === undefined ? value : `${before}, ${value}`);
}

function sortedPairs(headers: Headers): HeaderPair[] {
  return headerPairs(headers).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function changeable(headers: Headers): Entries {
  const entries = entriesOf(headers);
  if (entries.immutable) throw new TypeError("Can't modify immutable headers.");
  return entries;
}

function checkedName(name: string): string {
  if (NO_NAME.test(name)) throw new TypeError("Invalid header name.");
  return name.toLowerCase();
}

function checkedValue(value: string): string {
  const trimmed = value.replace(SURROUNDING_SPACE, "");
  if (NO_VALUE.test(trimmed)) throw new TypeError("Invalid header value.");
  return trimmed;
}

function stringArguments(method: string, args: readonly unknown[], count: 1 | 2): [string, ...string[]] {
  if (args.length < count) throw wrongType(method, "Headers", args.length + 1, "string");
  return [`${args[0]}`, `${args[1]}`];
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
