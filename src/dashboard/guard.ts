// Who may ask: names against DNS rebinding, and for changes a token, an origin and bounds.
import type { Config } from "../config/settings.js";
import type { Millis } from "../video.js";
import type { Attempts } from "./attempts.js";
import { ApiRefusal } from "./refusal.js";
import { ensureToken, isSameToken } from "./token.js";

const LOCAL = ["127.0.0.1", "localhost", "[::1]"];
/** Addresses that stand for all addresses are no names of this host. */
const ANY = ["0.0.0.0", "::"];

/**
 * DNS rebinding: another site's page can make a browser connect to 127.0.0.1 under that site's name and read the answer. The
 * Host header then has that name.
 */
export function refuseStrangeHost(host: string | null, { host: own, allowedHosts }: Config): void {
  const name = nameOf(host ?? "");
  const wrapped = own.includes(":") ? `[${own}]` : own;
  const known = [...LOCAL, ...allowedHosts, ...(ANY.includes(own) ? [] : [wrapped.toLowerCase()])];
  if (known.includes(name)) return;
  throw new ApiRefusal({
    status: 403,
    code: "HOST_REFUSED",
    message: "expected to be asked for as localhost or 127.0.0.1, got another Host",
    fix: "use http://127.0.0.1, or add the name to HIDB_ALLOWED_HOSTS",
  });
}

/** Without the port. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "");
}

export interface ChangeRequest {
  headers: Headers;
  address: string;
  now: Millis;
}

/** Errors: 403 for another site's page, 429 and 401 for the token. */
export function refuseStranger({ headers, address, now }: ChangeRequest, config: Config, attempts: Attempts): void {
  refuseOtherSite(headers);
  const waitMs = attempts.waitMs(address, now);
  if (waitMs > 0) throw tooMany(waitMs);
  const given = /^Bearer (\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && isSameToken(given, ensureToken(config).value)) return;
  if (given !== undefined) attempts.noteFailure(address, now);
  throw new ApiRefusal({
    status: 401,
    code: "TOKEN_REFUSED",
    message: `expected the token of this pool, got ${given === undefined ? "none" : "another one"}`,
    fix: "send `Authorization: Bearer <token>`; it is in the file `token` beside the database, or in HIDB_TOKEN",
    headers: { "www-authenticate": 'Bearer realm="hidb"' },
  });
}

/** Browsers say which page is asking; programs say nothing. */
function refuseOtherSite(headers: Headers): void {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const isOther = origin !== null && hostOf(origin) !== headers.get("host")?.toLowerCase();
  if ((site === null || site === "same-origin") && !isOther) return;
  throw new ApiRefusal({
    status: 403,
    code: "ORIGIN_REFUSED",
    message: "expected a change to come from the page itself, got one from another site",
    fix: "make changes on the pool's own page, or with the command line",
  });
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function tooMany(waitMs: Millis): ApiRefusal {
  const seconds = Math.ceil(waitMs / 1000);
  return new ApiRefusal({
    status: 429,
    code: "TOO_MANY_TOKENS",
    message: "expected the right token, got too many wrong ones from this address",
    fix: `wait ${seconds} s`,
    headers: { "retry-after": String(seconds) },
  });
}
