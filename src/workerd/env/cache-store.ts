// The store of the Cache API's responses: in memory here; on disk, shared by the processes of a host, in cache-disk.ts.
import type { Millis } from "../../video.js";

export interface CacheEntry {
  status: number;
  headers: [string, string][];
  body: Uint8Array;
  expiresAt: Millis;
}

/** Bounded: any entry may have been removed. */
export interface CacheStore {
  /** Null for what is not there or has expired. */
  get(key: string): Promise<CacheEntry | null>;
  put(key: string, entry: CacheEntry): Promise<void>;
  /** Whether there was one. */
  delete(key: string): Promise<boolean>;
}

export const CACHE_BYTES = 64 * 1024 * 1024;

/** What an entry weighs beside its body: its key, headers and place in the list. */
const ENTRY_BYTES = 512;

export class MemoryCacheStore implements CacheStore {
  /** In the order of their last use. */
  readonly #entries = new Map<string, CacheEntry>();
  readonly #maxBytes: number;
  readonly #now: () => Millis;
  #bytes = 0;

  constructor(now: () => Millis, maxBytes = CACHE_BYTES) {
    this.#now = now;
    this.#maxBytes = maxBytes;
  }

  async get(key: string): Promise<CacheEntry | null> {
    const entry = this.#take(key);
    if (entry === undefined) return null;
    if (entry.expiresAt <= this.#now()) return null;
    this.#keep(key, entry);
    return entry;
  }

  async put(key: string, entry: CacheEntry): Promise<void> {
    this.#take(key);
    if (weigh(entry) > this.#maxBytes) return;
    this.#keep(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#take(oldest);
    }
  }

  async delete(key: string): Promise<boolean> {
    const entry = this.#take(key);
    return entry !== undefined && entry.expiresAt > this.#now();
  }

  #keep(key: string, entry: CacheEntry): void {
    this.#entries.set(key, entry);
    this.#bytes += weigh(entry);
  }

  #take(key: string): CacheEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#bytes -= weigh(entry);
    return entry;
  }
}

function weigh(entry: CacheEntry): number {
  return entry.body.byteLength + ENTRY_BYTES;
}
