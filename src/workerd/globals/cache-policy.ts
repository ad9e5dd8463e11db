// Whether a cache may keep a response and for how long: the rules of RFC 9111 for a shared cache, as workerd's local
// cache applies them.

/** Codes that may be kept as they are, and codes that may be kept when the response itself says so. */
const BY_DEFAULT = new Set([200, 203, 300, 301, 308, 404, 405, 410, 414, 501]);
const WHEN_SAID = new Set([302, 303, 307]);
const DAY_S = 86_400;

type Directives = Map<string, string>;

export interface Kept {
  headers: [string, string][];
  ttlMs: number;
}

interface Given {
  status: number;
  headers: [string, string][];
  hasAuthorization: boolean;
  now: number;
}

/** Null for what may not be kept. What is stale at once has 0 for its time: it takes the place of an older one. */
export function decideKeeping({ status, headers: given, hasAuthorization, now }: Given): Kept | null {
  const headers = new Map(given.map(([name, value]) => [name.toLowerCase(), value]));
  allowCookie(headers);
  const directives = parseDirectives(headers.get("cache-control") ?? "");
  if (headers.has("set-cookie") || !isStorable({ status, headers, directives, hasAuthorization })) return null;
  const age = toSeconds(headers.get("age"));
  const fresh = Math.max(0, freshForS(headers, directives, now) - age, ...staleForS(directives, headers, age, now));
  for (const name of ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"])
    headers.delete(name);
  headers.set("age", String(Math.round(age)));
  headers.set("date", new Date(now).toUTCString());
  return { headers: [...headers], ttlMs: fresh * 1000 };
}

/** `private=set-cookie` says that everything but the cookie may be kept. */
function allowCookie(headers: Map<string, string>): void {
  const control = headers.get("cache-control")?.toLowerCase();
  if (control?.includes("private=set-cookie") !== true) return;
  headers.set("cache-control", control.replace(/private=set-cookie;?/, ""));
  headers.delete("set-cookie");
}

interface Parsed {
  status: number;
  headers: Map<string, string>;
  directives: Directives;
  hasAuthorization: boolean;
}

function isStorable({ status, headers, directives, hasAuthorization }: Parsed): boolean {
  if (directives.has("no-store") || directives.has("private")) return false;
  const has = (name: string) => directives.has(name);
  if (hasAuthorization && !["must-revalidate", "public", "s-maxage"].some(has)) return false;
  const isSaid = headers.has("expires") || ["max-age", "s-maxage", "public"].some(has);
  return BY_DEFAULT.has(status) || (isSaid && WHEN_SAID.has(status));
}

function freshForS(headers: Map<string, string>, directives: Directives, now: number): number {
  if (directives.has("no-cache") || directives.has("proxy-revalidate") || headers.get("vary") === "*") return 0;
  const shared = directives.get("s-maxage");
  if (shared !== undefined) return toSeconds(shared);
  const maxAge = directives.get("max-age");
  if (maxAge !== undefined) return toSeconds(maxAge);
  const least = directives.has("immutable") ? DAY_S : 0;
  const stated = Date.parse(headers.get("date") ?? "");
  const date = Number.isFinite(stated) ? stated : now;
  const expires = headers.get("expires");
  if (expires !== undefined) {
    const at = Date.parse(expires);
    return Number.isNaN(at) || at < date ? 0 : Math.max(least, (at - date) / 1000);
  }
  const modified = Date.parse(headers.get("last-modified") ?? "");
  // A tenth of its age: what has not changed for long will not change soon.
  return modified < date ? Math.max(least, (date - modified) / 10_000) : least;
}

function staleForS(directives: Directives, headers: Map<string, string>, age: number, now: number): number[] {
  const fresh = freshForS(headers, directives, now) - age;
  return ["stale-if-error", "stale-while-revalidate"].map((name) => fresh + toSeconds(directives.get(name)));
}

function parseDirectives(control: string): Directives {
  const found: Directives = new Map();
  for (const part of control.split(",")) {
    const [name = "", ...value] = part.split("=");
    // Names are told apart by case there.
    if (name.trim() !== "") found.set(name.trim(), value.join("=").trim().replace(/^"|"$/g, ""));
  }
  return found;
}

function toSeconds(value: string | undefined): number {
  const seconds = Number.parseInt(value ?? "", 10);
  return Number.isFinite(seconds) ? seconds : 0;
}
