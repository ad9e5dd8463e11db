// One file's lines, from the end or from the start, a block at a time: no file is ever in memory as a whole.
import { read } from "node:fs";
import { promisify } from "node:util";
import { type LogLine, parseLine, type Sieve } from "./line.js";
import type { OpenLogFile } from "./open-log-files.js";
import { textsBackward, textsForward } from "./search.js";

const readAsync = promisify(read);
const NEWLINE = 10;
const FIRST_BLOCK = 32_768;
const BLOCK = 262_144;

export type Lines = AsyncGenerator<LogLine, void>;

/** The newest line first. Blocks grow: whoever wants a few lines reads little, whoever searches reads fast. */
export async function* readBackward(file: OpenLogFile, sieve: Sieve): Lines {
  let buffer = Buffer.allocUnsafeSlow(0);
  let carried = 0; // The end of a line whose start the block before holds; it lies at the front of the buffer.
  let at = file.mtimeMs;
  let blockSize = FIRST_BLOCK;
  for (let end = file.end; end > 0; blockSize = Math.min(BLOCK, blockSize * 2)) {
    const size = Math.min(end, blockSize);
    buffer = makeRoom(buffer, size + carried, carried);
    buffer.copy(buffer, size, 0, carried);
    await fill(file, buffer.subarray(0, size), end - size);
    end -= size;
    const block = buffer.subarray(0, size + carried);
    // All but the file's first block begin inside of a line.
    const first = end === 0 ? 0 : block.indexOf(NEWLINE) + 1;
    carried = end > 0 && first === 0 ? block.length : first;
    if (carried === block.length) continue;
    for (const text of textsBackward(block.subarray(first), sieve.needles)) {
      const line = parseLine(text, at);
      at = line.at;
      if (sieve.accepts(line)) yield line;
    }
  }
}

/** The oldest line first, from between two lines on. */
export async function* readForward(file: OpenLogFile, from: number, sieve: Sieve): Lines {
  let buffer = Buffer.allocUnsafeSlow(0);
  let carried = 0; // The start of a line that goes on in the next block.
  let at = 0;
  const { end } = file; // What is written meanwhile belongs to the next look.
  for (let start = from; start < end; ) {
    const size = Math.min(end - start, BLOCK);
    buffer = makeRoom(buffer, carried + size, carried);
    await fill(file, buffer.subarray(carried, carried + size), start);
    start += size;
    const block = buffer.subarray(0, carried + size);
    const last = block.lastIndexOf(NEWLINE) + 1;
    for (const text of textsForward(block.subarray(0, last), sieve.needles)) {
      const line = parseLine(text, at);
      at = line.at;
      if (sieve.accepts(line)) yield line;
    }
    carried = block.length - last;
    block.copy(buffer, 0, last);
  }
}

/** One buffer a file, so that searching a gigabyte leaves no heap of them behind. Its first bytes stay. */
function makeRoom(buffer: Buffer<ArrayBuffer>, size: number, keep: number): Buffer<ArrayBuffer> {
  if (buffer.length >= size) return buffer;
  const larger = Buffer.allocUnsafeSlow(size);
  buffer.copy(larger, 0, 0, keep);
  return larger;
}

async function fill({ descriptor }: OpenLogFile, block: Buffer, start: number): Promise<void> {
  let length = 0;
  while (length < block.length) {
    const { bytesRead } = await readAsync(descriptor, block, length, block.length - length, start + length);
    if (bytesRead === 0) break; // Somebody has emptied the file.
    length += bytesRead;
  }
  block.fill(NEWLINE, length);
}
