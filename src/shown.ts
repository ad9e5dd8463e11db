// What may be shown to people, in reasons, errors, logs, lists and pages: URLs, and texts that may hold a secret.

const UNKNOWN = "something else";

/** Origin and path of an http(s) URL: its user, password, query and fragment may be secret, and so may any other text. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return UNKNOWN;
  const { protocol, origin, pathname } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return UNKNOWN;
  // A password that begins with digits and holds an unencoded "/" passes for a port and a path: `//me:80/secret@host/`.
  const at = pathname.lastIndexOf("@");
  return at < 0 ? `${origin}${pathname}` : `${protocol}//***${pathname.slice(at)}`;
}

/** Whether `shownUrl` leaves anything of it out. */
export function hidesAnything(url: string): boolean {
  return !URL.canParse(url) || new URL(url).href !== shownUrl(url);
}

/** Names of query parameters that give access. */
const KEY = /sig|token|key|auth|secret|pass|pwd|cred|policy|session|jwt|hmac|code/i;
/** A shorter value identifies a video; it is too short for a key. */
const LONG = 20;

/** A source of the catalogue for people to see: without a URL's login and without query values that may be signatures. */
export function shownSource(source: string): string {
  const { head, pairs } = takeApart(source);
  return (
    head.replace(LOGIN, "$1***@") +
    pairs.map(({ before, name, value }) => before + (isKey(name, value) ? `${name}***` : name + value)).join("")
  );
}

/** What `shownSource` leaves out, to hide it in the texts of programs and servers that repeat their input. */
export function sourceSecrets(source: string): string[] {
  const { head, pairs } = takeApart(source);
  const login = LOGIN.exec(head)?.[2]?.slice(0, -1) ?? "";
  const values = pairs.filter(({ name, value }) => isKey(name, value)).map(({ value }) => value);
  return secretParts([login, ...login.split(":"), ...values].flatMap((value) => [value, decode(value)]));
}

/** Up to the last `@` before the query: a password may hold an unencoded slash, `//me:80/secret@host/`. */
const LOGIN = /^([a-z][a-z0-9+.-]*:\/\/)([^/]*@|[^/]*:.*@)/i;

interface TakenApart {
  head: string;
  pairs: { before: string; name: string; value: string }[];
}

function takeApart(source: string): TakenApart {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return { head: source, pairs: [] };
  // The login ends at an `@`, whatever is in it.
  const from = /^[^/]*\/\/[^/]*:[^/@]*[?#][^/]*@/.test(source) ? source.lastIndexOf("@") : 0;
  const at = source.slice(from).search(/[?#]/);
  if (at < 0) return { head: source, pairs: [] };
  const pairs = source.slice(from + at).match(/[?#&;][^?#&;]*/g) ?? [];
  return {
    head: source.slice(0, from + at),
    pairs: pairs.map((pair) => {
      const end = pair.indexOf("=") + 1;
      return { before: pair.slice(0, 1), name: pair.slice(1, Math.max(end, 1)), value: pair.slice(Math.max(end, 1)) };
    }),
  };
}

function isKey(name: string, value: string): boolean {
  return value.length >= LONG || (value !== "" && KEY.test(name));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The texts to hide: values, their parts (`Bearer <token>`) and encoded forms of them, the longest first. */
export function secretParts(values: readonly string[]): string[] {
  const parts = values.flatMap((value) => [value, ...value.split(/\s+/)]).filter((part) => part.length >= SHORTEST);
  return [...new Set(parts.flatMap(formsOf))].sort((one, other) => other.length - one.length);
}

/** Shorter parts are not hidden. */
const SHORTEST = 4;
/** Of a longer token, this many characters of its beginning or its end are hidden, too. */
const END = 8;

function formsOf(part: string): string[] {
  const escaped = [encodeURIComponent(part.toWellFormed()), JSON.stringify(part).slice(1, -1)];
  if (part.length < END) return [part, ...escaped];
  const isToken = part.length >= LONG && /^\S*\d\S*$/.test(part) && /[a-z]/i.test(part);
  return [part, ...escaped, ...base64Forms(part), ...(isToken ? [part.slice(0, END), part.slice(-END)] : [])];
}

/** At each of the three offsets it can have in a longer encoded text, such as `user:<token>`. */
function base64Forms(part: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(part)]);
    const text = bytes.toString("base64").replace(/=+$/, "");
    const own = text.slice(before === 0 ? 0 : before + 1, bytes.length % 3 === 0 ? undefined : -1);
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, "***"), text);
}

/** Room for a reason with a path, which may take 4,096 bytes. */
const LONGEST_REASON = 5000;

/** The reason of a failed attempt, which may come from outside: without control characters for a terminal; HTML is not escaped. */
export function shownReason(text: string): string {
  const shown = text.slice(0, LONGEST_REASON).toWellFormed();
  // Tabs and line feeds are kept.
  return shown.replaceAll(/[^\P{Cc}\t\n]+/gu, " ").trim() || "no reason is known";
}
