// The cache on disk: a file for each response, its name a hash of the key. Written to a temporary file and renamed, so
// that the processes that share the folder see whole files only; a process that writes much removes the oldest.
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Millis } from "../../video.js";
import { CACHE_BYTES, type CacheEntry, type CacheStore } from "./cache-store.js";

const NEWLINE = 10;

export class DiskCacheStore implements CacheStore {
  readonly #folder: string;
  readonly #now: () => Millis;
  readonly #maxBytes: number;
  /** Written since the last clean-up; a new process cleans up at its first write. */
  #writtenBytes = Number.POSITIVE_INFINITY;

  constructor(folder: string, now: () => Millis, maxBytes = CACHE_BYTES) {
    this.#folder = folder;
    this.#now = now;
    this.#maxBytes = maxBytes;
  }

  async get(key: string): Promise<CacheEntry | null> {
    const file = this.#fileOf(key);
    const entry = await readEntry(file);
    if (entry === null) return null;
    if (entry.expiresAt <= this.#now()) {
      await rm(file, { force: true });
      return null;
    }
    // Another process may have removed it meanwhile.
    await this.#noteUse(file).catch(() => undefined);
    return entry;
  }

  async put(key: string, { body, ...head }: CacheEntry): Promise<void> {
    if (body.byteLength > this.#maxBytes) return;
    await mkdir(this.#folder, { recursive: true });
    const aside = join(this.#folder, `${randomUUID()}.tmp`);
    // Flushed: after a power cut the file would have its name and its length, and zeros for the rest of a response.
    await writeFile(aside, [new TextEncoder().encode(`${JSON.stringify(head)}\n`), body], { flush: true });
    await this.#noteUse(aside);
    await rename(aside, this.#fileOf(key));
    this.#writtenBytes += body.byteLength;
    if (this.#writtenBytes > this.#maxBytes / 8) await this.#cleanUp();
  }

  async delete(key: string): Promise<boolean> {
    const file = this.#fileOf(key);
    const entry = await readEntry(file);
    await rm(file, { force: true });
    return entry !== null && entry.expiresAt > this.#now();
  }

  /** The time of a file's change says when it was last used. */
  async #noteUse(file: string): Promise<void> {
    const used = new Date(this.#now());
    await utimes(file, used, used);
  }

  #fileOf(key: string): string {
    return join(this.#folder, createHash("sha256").update(key).digest("hex"));
  }

  /** Removes the least recently used until the rest is within bounds, and temporary files of killed processes. */
  async #cleanUp(): Promise<void> {
    this.#writtenBytes = 0;
    const names = await readdir(this.#folder);
    const files = await Promise.all(names.map((name) => measure(join(this.#folder, name))));
    const found = files.filter((file) => file !== null).sort((a, b) => b.usedAt - a.usedAt);
    let bytes = 0;
    for (const file of found) {
      bytes += file.bytes;
      const isLeftOver = file.path.endsWith(".tmp") && file.usedAt < this.#now() - LEFT_OVER_MS;
      if (bytes > this.#maxBytes || isLeftOver) await rm(file.path, { force: true });
    }
  }
}

const LEFT_OVER_MS = 60_000;

async function measure(path: string): Promise<{ path: string; bytes: number; usedAt: Millis } | null> {
  const found = await stat(path).catch(() => null);
  return found === null ? null : { path, bytes: found.size, usedAt: found.mtimeMs };
}

async function readEntry(file: string): Promise<CacheEntry | null> {
  const bytes = await readFile(file).catch(() => null);
  const end = bytes?.indexOf(NEWLINE) ?? -1;
  if (bytes === null || end < 0) return null;
  const head = JSON.parse(bytes.toString("utf8", 0, end)) as Omit<CacheEntry, "body">;
  return { ...head, body: new Uint8Array(bytes.subarray(end + 1)) };
}
