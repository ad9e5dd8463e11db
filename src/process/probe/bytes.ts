// Reads pieces of a file through a few cached blocks, whatever the file lies on. Memory is bounded by construction:
// a crafted size in a file cannot make it read, or keep, more than its limits.
import { Refusal } from "./failure.js";

/** Where the bytes of a file come from. */
export interface ByteSource {
  readonly size: number;
  /** Fetches exactly this range, which lies within the file. */
  fetch(start: number, end: number): Promise<Uint8Array>;
  /** All bytes once, in order. */
  stream(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

const BLOCK_BYTES = 512 * 1024;
const BLOCKS = 6;

export class Bytes {
  /** Least recently used first. */
  private readonly blocks = new Map<number, Uint8Array>();

  constructor(
    private readonly source: ByteSource,
    private readonly pieceBytes: number,
  ) {}

  get size(): number {
    return this.source.size;
  }

  /** Whether this many more bytes may be read before the rest should be estimated. */
  canAfford(bytes: number): boolean {
    return bytes <= 512 * 2 ** 20;
  }

  /** A copy of this range, so that a small piece does not keep its whole block alive. */
  async read(start: number, end: number): Promise<Uint8Array> {
    const length = end - start;
    if (length > this.pieceBytes) {
      throw new Refusal(
        `holds one piece of ${Math.ceil(length / 2 ** 20)} MB, more than HIDB_PROBE_MEMORY_MB allows to be taken into memory`,
      );
    }
    if (length > BLOCK_BYTES) return this.source.fetch(start, end);
    const piece = new Uint8Array(length);
    for (let at = start; at < end; ) {
      const part = await this.blockFrom(at);
      const taken = part.subarray(0, end - at);
      piece.set(taken, at - start);
      at += taken.length;
    }
    return piece;
  }

  /** Up to `length` bytes from `at` on without a copy: fewer at the end of the file or of a block of the cache. */
  async peek(at: number, length: number): Promise<Uint8Array> {
    if (at >= this.size) return new Uint8Array(0);
    const part = await this.blockFrom(at);
    if (part.length >= length || at + part.length >= this.size) return part.subarray(0, length);
    return this.read(at, Math.min(at + length, this.size));
  }

  private async blockFrom(at: number): Promise<Uint8Array> {
    const start = at - (at % BLOCK_BYTES);
    let block = this.blocks.get(start);
    if (block) this.blocks.delete(start);
    else block = await this.source.fetch(start, Math.min(start + BLOCK_BYTES, this.size));
    this.blocks.set(start, block);
    const [oldest] = this.blocks.keys();
    if (this.blocks.size > BLOCKS && oldest !== undefined) this.blocks.delete(oldest);
    return block.subarray(at - start);
  }
}
