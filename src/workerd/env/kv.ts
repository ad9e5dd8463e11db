// The KV binding: a namespace of the Worker's state, with workerd's words and the limits of Workers KV.
import { type Clock, systemClock } from "../../clock.js";
import type { Realm } from "../realm.js";
import { KvEntries } from "./kv-entries.js";
import * as limits from "./kv-limits.js";
import { bytesOfValue, type Entry, type KvType, readOptions, typed } from "./kv-values.js";
import type { State } from "./state.js";
import { type Given, int, optionalText, optionsOf, stringOf, text, wrongParameter } from "./state-arguments.js";
import { countServiceCall } from "./state-call.js";

export interface KvParts {
  id: string;
  realm: Realm;
  state: State;
  clock?: Clock;
}

export function makeKv({ id, realm, state, clock = systemClock }: KvParts): KvNamespace {
  return new KvNamespace(realm, new KvEntries(state, { namespace: id, nowS: () => Math.floor(clock.now() / 1000) }));
}

/** The class has workerd's own name, which people see when they print a binding. */
class KvNamespace {
  readonly #realm: Realm;
  readonly #entries: KvEntries;

  constructor(realm: Realm, entries: KvEntries) {
    this.#realm = realm;
    this.#entries = entries;
  }

  async get(...args: unknown[]): Promise<unknown> {
    const name = nameOf(args, { of: "KvNamespace.get", type: "string or Array" });
    const options = readOptions(args[1], "KvNamespace.get");
    countServiceCall(this.#realm);
    if (Array.isArray(name)) return this.#bulk(name, { ...options, withMetadata: false });
    return (await this.#single(name, options)).value;
  }

  async getWithMetadata(...args: unknown[]): Promise<unknown> {
    const name = nameOf(args, { of: "KvNamespace.getWithMetadata", type: "Array or string" });
    const options = readOptions(args[1], "KvNamespace.getWithMetadata");
    countServiceCall(this.#realm);
    if (Array.isArray(name)) return this.#bulk(name, { ...options, withMetadata: true });
    const { value, metadata } = await this.#single(name, options);
    return { value, metadata, cacheStatus: null };
  }

  async put(...args: unknown[]): Promise<void> {
    const key = stringOf(args, { of: "KvNamespace.put", index: 1 });
    if (args.length < 2) throw wrongParameter({ of: "KvNamespace.put", index: 2, type: "string or JsObject" });
    const options = optionsOf(args[2], { of: "KvNamespace.put", index: 3, type: "PutOptions" });
    limits.checkKey(key, "PUT");
    const metadata = options.metadata ?? undefined;
    const json = metadata === undefined ? undefined : JSON.stringify(metadata);
    const when = { expiration: whole(options, "expiration"), expirationTtl: whole(options, "expirationTtl") };
    countServiceCall(this.#realm);
    const bytes = await bytesOfValue(args[1]);
    const expiresAt = limits.checkExpiry(when, this.#entries.nowS());
    limits.checkMetadata(json);
    await this.#entries.put(key, { bytes, expiresAt, metadata: json ?? null });
  }

  async delete(...args: unknown[]): Promise<void> {
    const key = stringOf(args, { of: "KvNamespace.delete", index: 1 });
    limits.checkKey(key, "DELETE");
    countServiceCall(this.#realm);
    this.#entries.delete(key);
  }

  async list(given?: unknown): Promise<object> {
    const options = optionsOf(given, { of: "KvNamespace.list", index: 1, type: "ListOptions" });
    const limit = limits.checkListLimit(options.limit === undefined ? 0 : int(options.limit));
    const prefix = limits.checkPrefix(optionalText(options.prefix) ?? "");
    countServiceCall(this.#realm);
    const { keys, last } = this.#entries.list({ prefix, limit, after: fromCursor(optionalText(options.cursor)) });
    if (last === undefined) return { keys, list_complete: true, cacheStatus: null };
    return { keys, list_complete: false, cursor: toCursor(last), cacheStatus: null };
  }

  get [Symbol.toStringTag](): string {
    return "KvNamespace";
  }

  async #single(key: string, { type, cacheTtl }: ReadOptions): Promise<{ value: unknown; metadata: unknown }> {
    limits.checkKey(key, "GET");
    limits.checkCacheTtl(cacheTtl, "GET");
    const entry = this.#entries.get(key);
    if (entry === undefined) return { value: null, metadata: null };
    return { value: await typed(entry, type ?? "text"), metadata: metadataOf(entry) };
  }

  async #bulk(keys: unknown[], { type, cacheTtl, withMetadata }: ReadOptions & { withMetadata: boolean }) {
    const asked = limits.checkBulk(keys.map(text), type);
    const found = new Map<string, unknown>();
    for (const key of asked) {
      limits.checkBulkKey(key);
      limits.checkCacheTtl(cacheTtl, "GET_BULK");
      const entry = this.#entries.get(key);
      const value = entry === undefined ? null : await typed(entry, type === "json" ? "json" : "text").catch(notJson);
      found.set(key, entry === undefined || !withMetadata ? value : { value, metadata: metadataOf(entry) });
    }
    // workerd builds the map from an object's names that are no array indices.
    for (const key of found.keys()) if (isIndex(key)) found.delete(key);
    return found;
  }
}

interface ReadOptions {
  type: KvType | string | undefined;
  cacheTtl: number | undefined;
}

function nameOf(args: readonly unknown[], { of, type }: { of: string; type: string }): string | unknown[] {
  if (args.length === 0) throw wrongParameter({ of, index: 1, type });
  return Array.isArray(args[0]) ? args[0] : text(args[0]);
}

function whole(options: Given, name: string): number | undefined {
  return options[name] === undefined ? undefined : int(options[name]);
}

function metadataOf(entry: Entry): unknown {
  return entry.metadata === null ? null : JSON.parse(entry.metadata);
}

function notJson(): never {
  throw limits.failed("GET_BULK", "400 At least one of the requested keys corresponds to a non-json value");
}

function isIndex(key: string): boolean {
  return /^(0|[1-9]\d{0,9})$/.test(key) && Number(key) < 4_294_967_295;
}

function toCursor(key: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(key)));
}

function fromCursor(cursor: string | undefined): string {
  if (cursor === undefined || cursor === "") return "";
  return new TextDecoder().decode(Uint8Array.from(atob(cursor), (letter) => letter.charCodeAt(0)));
}
