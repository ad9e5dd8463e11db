// Which parts of a file without an index are read: all of it, or samples of a file that is too large for that.
import type { Bytes } from "./bytes.js";

export interface Part {
  start: number;
  end: number;
}

const SAMPLES = 12;
const SAMPLE_BYTES = 512 * 1024;

/** One part, which is all of this range, or several that lie at equal distances. */
export function partsOf(bytes: Bytes, { start, end }: Part): Part[] {
  const size = end - start;
  if (size <= SAMPLES * SAMPLE_BYTES || bytes.canAfford(size)) return [{ start, end }];
  const step = (size - SAMPLE_BYTES) / (SAMPLES - 1);
  return Array.from({ length: SAMPLES }, (_, n) => {
    const at = start + Math.floor(n * step);
    return { start: at, end: at + SAMPLE_BYTES };
  });
}

const ZEROS_BYTES = 64 * 1024;

/** Where the data of a large file ends: what is downloaded or recorded in part goes on with nothing but zeros. */
export async function endOfData(bytes: Bytes): Promise<number> {
  const isEmpty = async (at: number) => (await bytes.peek(at, ZEROS_BYTES)).every((byte) => byte === 0);
  let empty = bytes.size - ZEROS_BYTES;
  if (empty <= SAMPLES * SAMPLE_BYTES || !(await isEmpty(empty))) return bytes.size;
  let full = 0;
  while (empty - full > ZEROS_BYTES) {
    const middle = Math.floor((full + empty) / 2);
    if (await isEmpty(middle)) empty = middle;
    else full = middle;
  }
  return empty;
}
