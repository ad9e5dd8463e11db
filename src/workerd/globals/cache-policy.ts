// Whether a cache may store a response and for how long: http-cache-semantics, which miniflare's cache uses too.
import CachePolicy from "http-cache-semantics";
import type { Millis } from "../../video.js";

export interface StoredHead {
  headers: [string, string][];
  ttlMs: Millis;
}

interface CacheableResponse {
  url: string;
  status: number;
  /** Of the request; its `cache-control` does not count. */
  requestHeaders: Iterable<[string, string]>;
  /** Of the response. */
  headers: Iterable<[string, string]>;
}

/** Null for what may not be stored. A response that is stale already has a `ttlMs` of 0: it replaces an older one. */
export function decideStorage({ url, status, requestHeaders, headers: given }: CacheableResponse): StoredHead | null {
  const asked = Object.fromEntries(requestHeaders);
  delete asked["cache-control"];
  const headers = Object.fromEntries(given);
  const control = headers["cache-control"]?.toLowerCase();
  // Everything but the cookie may be stored.
  if (control?.includes("private=set-cookie") === true) {
    headers["cache-control"] = control.replace(/private=set-cookie;?/, "");
    delete headers["set-cookie"];
  }
  const policy = new CachePolicy({ url, method: "GET", headers: asked }, { status, headers }, { shared: true });
  if (!policy.storable() || "set-cookie" in headers) return null;
  const stored = Object.entries(policy.responseHeaders()).map(([name, value]): [string, string] => [name, `${value}`]);
  return { headers: stored, ttlMs: policy.timeToLive() };
}
