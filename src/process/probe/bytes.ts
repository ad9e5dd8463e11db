// Reads pieces of a file through a few windows, whatever the file lies on. Memory is bounded by construction: a crafted
// size in a file cannot make it read, or keep, more than its limits.
import { Refusal } from "./failure.js";

/** Where the bytes of a file come from. */
export interface ByteSource {
  readonly size: number;
  /** Each fetch is a request over a network. */
  readonly remote: boolean;
  /** Fills `into` with exactly the bytes from `start` on, which lie within the file. */
  fetch(into: Uint8Array, start: number): Promise<void>;
  /** All bytes once, in order. A piece is valid until the next one is asked for. */
  stream(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface ReadLimits {
  /** The largest piece that is taken into memory at once. */
  pieceBytes: number;
  /** Every packet is counted, however much has to be read for that. */
  full: boolean;
  /** Bytes have come. */
  alive: () => void;
  /** A part of the file was read that was not read before: a reader that goes on this way comes to an end. */
  progress: () => void;
}

const KB = 1024;
const MB = 1024 * KB;
const WINDOWS = 6;
/** A window doubles where the next one follows it closely. */
const LOCAL = {
  window: { first: 1 * MB, least: 16 * KB, most: 512 * KB },
  spend: { bytes: 1024 * MB, fetches: 100_000 },
};
const REMOTE = { window: { first: 64 * KB, least: 64 * KB, most: 2 * MB }, spend: { bytes: 16 * MB, fetches: 20 } };
const NEAR_BYTES = 64 * KB;
const SEARCH_BYTES = 64 * KB;
const PROGRESS_BYTES = 8 * MB;

interface Window {
  start: number;
  bytes: Buffer;
}

export class Bytes {
  /** Least recently used first. */
  readonly #windows: Window[] = [];
  readonly #source: ByteSource;
  readonly #limits: ReadLimits;
  readonly #plan: typeof LOCAL;
  #nextBytes: number;
  #spent = { bytes: 0, fetches: 0 };
  #furthest = 0;

  constructor(source: ByteSource, limits: ReadLimits) {
    this.#source = source;
    this.#limits = limits;
    this.#plan = source.remote ? REMOTE : LOCAL;
    this.#nextBytes = this.#plan.window.first;
  }

  get size(): number {
    return this.#source.size;
  }

  /** So much has been read that the rest should be estimated. */
  get isDear(): boolean {
    const { spend } = this.#plan;
    return !this.#limits.full && (this.#spent.bytes > spend.bytes || this.#spent.fetches > spend.fetches);
  }

  /** Whether this many more bytes may be read before the rest should be estimated. */
  canAfford(bytes: number): boolean {
    return this.#limits.full || this.#spent.bytes + bytes <= this.#plan.spend.bytes;
  }

  /** How much a reader that goes on in order should ask for at once. */
  get stepBytes(): number {
    return this.#plan.window.most;
  }

  /** The whole file, where it is so small that the first window holds it. */
  get whole(): Buffer | null {
    return this.#windows.find(({ bytes }) => bytes.length === this.size)?.bytes ?? null;
  }

  /** A copy of this range. */
  async read(start: number, end: number): Promise<Buffer> {
    const length = end - start;
    this.#refuseLarge(length);
    const held = this.held(start, length);
    if (held) return Buffer.from(held);
    const piece = Buffer.alloc(length);
    if (length > this.#plan.window.most) {
      await this.#fetch(piece, start);
      return piece;
    }
    for (let at = start; at < end; ) {
      const part = (await this.#windowAt(at, end - at)).subarray(0, end - at);
      piece.set(part, at - start);
      at += part.length;
    }
    return piece;
  }

  /** Up to `length` bytes, fewer at the end of the file; mostly no copy, and so valid until the next read only. */
  async peek(at: number, length: number): Promise<Buffer> {
    if (at >= this.size) return Buffer.alloc(0);
    const end = Math.min(at + length, this.size);
    return this.held(at, end - at) ?? this.read(at, end);
  }

  /** Where this mark comes next, or null for nowhere in this range. */
  async find(mark: Buffer, from: number, end = this.size): Promise<number | null> {
    for (let at = from; at < end; at += SEARCH_BYTES) {
      const found = (await this.peek(at, SEARCH_BYTES + mark.length - 1)).indexOf(mark);
      if (found >= 0) return at + found;
    }
    return null;
  }

  /** What is in memory already, without waiting: exactly this range, or null. Valid until the next read only. */
  held(at: number, length: number): Buffer | null {
    for (let index = this.#windows.length - 1; index >= 0; index--) {
      const { start, bytes } = this.#windows[index] as Window;
      if (start <= at && at + length <= start + bytes.length) return bytes.subarray(at - start, at - start + length);
    }
    return null;
  }

  /** Takes a range that will be read in many small pieces with one request; on a disk there is nothing to save. */
  async prefetch(start: number, end: number): Promise<void> {
    const length = Math.min(end, this.size) - start;
    if (!this.#source.remote || length > this.#limits.pieceBytes) return;
    if (length <= 0 || this.held(start, length)) return;
    const bytes = Buffer.alloc(length);
    await this.#fetch(bytes, start);
    this.#windows.push({ start, bytes });
  }

  #refuseLarge(length: number): void {
    if (length <= this.#limits.pieceBytes) return;
    throw new Refusal(
      `holds one piece of ${Math.ceil(length / MB)} MB, more than HIDB_PROBE_MEMORY_MB allows to be taken into memory`,
    );
  }

  /** The bytes from `at` on that one window holds. */
  async #windowAt(at: number, wanted: number): Promise<Buffer> {
    const index = this.#windows.findIndex(({ start, bytes }) => start <= at && at < start + bytes.length);
    let [window] = index < 0 ? [undefined] : this.#windows.splice(index, 1);
    window ??= await this.#openWindow(at, wanted);
    this.#windows.push(window);
    return window.bytes.subarray(at - window.start);
  }

  async #openWindow(at: number, wanted: number): Promise<Window> {
    const { least, most } = this.#plan.window;
    const last = this.#windows.at(-1);
    const gap = last ? at - last.start - last.bytes.length : -1;
    if (last && gap >= 0 && gap <= NEAR_BYTES) this.#nextBytes = Math.min(this.#nextBytes * 2, most);
    else if (this.#windows.length > 0) this.#nextBytes = least;
    const length = Math.min(Math.max(this.#nextBytes, wanted), this.size - at);
    const oldest = this.#windows.length < WINDOWS ? undefined : this.#windows.shift();
    // The buffer of a window that goes is used again: what is thrown away is memory until it is collected.
    const bytes = oldest?.bytes.length === length ? oldest.bytes : Buffer.alloc(length);
    await this.#fetch(bytes, at);
    return { start: at, bytes };
  }

  async #fetch(into: Uint8Array, start: number): Promise<void> {
    await this.#source.fetch(into, start);
    this.#spent.bytes += into.length;
    this.#spent.fetches++;
    this.#limits.alive();
    const end = start + into.length;
    if (end < this.#furthest + PROGRESS_BYTES) return;
    this.#furthest = end;
    this.#limits.progress();
  }
}
