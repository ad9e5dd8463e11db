// `caches`: the Cache API of Workers, over a store in memory or on disk.
import { join } from "node:path";
import { DiskCacheStore } from "../env/cache-disk.js";
import { type CacheStore, MemoryCacheStore } from "../env/cache-store.js";
import { currentInvocation } from "../invocation.js";
import { define, type Realm, type Target } from "../realm.js";
import { bodyOf } from "./body.js";
import { answerFromCache } from "./cache-match.js";
import { decideStorage } from "./cache-policy.js";
import { Headers, makeImmutable } from "./headers.js";
import { illegalConstructor, nameInstances, notImplemented, refuseGlobalScope, wrongType } from "./refusals.js";
import { Request } from "./request.js";
import { makeReceivedResponse, Response } from "./response.js";
import { statusTextOf } from "./status-text.js";

interface Options {
  ignoreMethod?: boolean;
}

/** What a cache is made of; nobody else has one, so nobody else can make a cache. */
class Parts {
  constructor(
    readonly realm: Realm,
    readonly store: CacheStore,
    readonly name: string,
  ) {}
}

const NON_GET = "Cannot cache response to non-GET request.";
const PARTIAL = "Cannot cache response to a range request (206 Partial Content).";
const VARIES = "Cannot cache response with 'Vary: *' header.";

class Cache {
  readonly #parts: Parts;

  constructor(parts?: unknown) {
    if (!(parts instanceof Parts)) throw illegalConstructor();
    this.#parts = parts;
  }

  async match(request: unknown, options?: Options): Promise<Response | undefined> {
    const asked = this.#ask("match", request);
    refuseOtherSchemes(asked.url);
    if (asked.method !== "GET" && options?.ignoreMethod !== true) return undefined;
    const entry = await this.#parts.store.get(this.#keyOf(asked));
    if (entry === null) return undefined;
    const { body, headers, status } = answerFromCache(entry, asked.headers);
    const received = { status, statusText: statusTextOf(status), headers: makeImmutable(new Headers(headers)) };
    return makeReceivedResponse({ ...received, url: "", redirected: false }, body);
  }

  async put(...given: [request?: unknown, response?: unknown]): Promise<undefined> {
    const asked = this.#ask("put", given[0]);
    const response = given[1];
    const { store } = this.#parts;
    if (!(response instanceof Response)) throw wrongType("put", "Cache", 2, "Response");
    if (asked.method !== "GET") throw new TypeError(NON_GET);
    if (response.status === 206) throw new TypeError(PARTIAL);
    if (response.headers.get("vary")?.includes("*") === true) throw new TypeError(VARIES);
    const length = response.body === null ? 0 : (bodyOf(response).content?.length ?? null);
    const body = new Uint8Array(await response.arrayBuffer());
    const { status } = response;
    const headers = pairsOf(response, length);
    const stored = decideStorage({ url: asked.url, status, requestHeaders: asked.headers, headers });
    if (stored === null || !/^https?:/.test(asked.url)) return;
    const key = this.#keyOf(asked);
    if (stored.ttlMs <= 0) await store.delete(key);
    else await store.put(key, { status, headers: stored.headers, body, expiresAt: Date.now() + stored.ttlMs });
  }

  async delete(request: unknown, options?: Options): Promise<boolean> {
    const asked = this.#ask("delete", request);
    if (asked.method !== "GET" && options?.ignoreMethod !== true) return false;
    return this.#parts.store.delete(this.#keyOf(asked));
  }

  async add(): Promise<never> {
    throw notImplemented("add", "Cache");
  }

  async addAll(): Promise<never> {
    throw notImplemented("addAll", "Cache");
  }

  async keys(): Promise<never> {
    throw notImplemented("keys", "Cache");
  }

  async matchAll(): Promise<never> {
    throw notImplemented("matchAll", "Cache");
  }

  #ask(method: string, request: unknown): Request {
    refuseGlobalScope(this.#parts.realm);
    if (request === undefined) throw wrongType(method, "Cache", 1, "Request or string");
    const asked = request instanceof Request ? request : new Request(String(request));
    const meter = currentInvocation()?.meter;
    meter?.count("subrequests");
    meter?.count("cacheCalls");
    return asked;
  }

  #keyOf(request: Request): string {
    const { cf } = request as Request & { cf?: { cacheKey?: unknown } };
    const key = cf?.cacheKey === undefined ? request.url.replace(/#.*$/, "") : String(cf.cacheKey);
    return `${this.#parts.name}\n${key}`;
  }
}

class CacheStorage {
  readonly #open: (name: string) => Cache;
  declare readonly default: Cache;

  constructor(open?: unknown, store?: unknown) {
    if (!(store instanceof Parts) || typeof open !== "function") throw illegalConstructor();
    this.#open = open as (name: string) => Cache;
    Object.defineProperty(this, "default", { value: new Cache(store), enumerable: true, configurable: true });
  }

  async open(name: unknown): Promise<Cache> {
    if (name === undefined) throw wrongType("open", "CacheStorage", 1, "string");
    return this.#open(String(name));
  }

  async match(): Promise<never> {
    throw notImplemented("match", "CacheStorage");
  }

  async has(): Promise<never> {
    throw notImplemented("has", "CacheStorage");
  }

  async delete(): Promise<never> {
    throw notImplemented("delete", "CacheStorage");
  }

  async keys(): Promise<never> {
    throw notImplemented("keys", "CacheStorage");
  }
}

nameInstances(Cache, "Cache");
nameInstances(CacheStorage, "CacheStorage");

export function installCaches(target: Target, realm: Realm): void {
  const { stateFolder } = realm.plan;
  // A response's age and expiry are the wall clock's.
  const now = () => Date.now();
  const store = stateFolder === null ? new MemoryCacheStore(now) : new DiskCacheStore(join(stateFolder, "cache"), now);
  const partsOf = (name: string) => new Parts(realm, store, name);
  const open = (name: string) => new Cache(partsOf(`named:${name}`));
  define(target, "Cache", Cache);
  define(target, "CacheStorage", CacheStorage);
  define(target, "caches", new CacheStorage(open, partsOf("default")));
}

function refuseOtherSchemes(url: string): void {
  if (!/^https?:/.test(url)) throw new TypeError(`Fetch API cannot load: ${url}`);
}

/** The length goes with it where it is known before the body has been read. */
function pairsOf(response: Response, length: number | null): [string, string][] {
  const headers = new Map(response.headers);
  if (length !== null) headers.set("content-length", String(length));
  return [...headers];
}
