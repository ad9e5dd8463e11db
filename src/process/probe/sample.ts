// Which parts of a file without an index are read: all of it, or samples of a file that is too large for that.
import type { Bytes } from "./bytes.js";

export interface Part {
  start: number;
  end: number;
}

const SAMPLES = 12;
const SAMPLE_BYTES = 512 * 1024;

/** One part, which is all from `start` on, or several that lie at equal distances. */
export function partsOf(bytes: Bytes, start: number): Part[] {
  const size = bytes.size - start;
  if (size <= SAMPLES * SAMPLE_BYTES || bytes.canAfford(size)) return [{ start, end: bytes.size }];
  const step = (size - SAMPLE_BYTES) / (SAMPLES - 1);
  return Array.from({ length: SAMPLES }, (_, n) => {
    const at = start + Math.floor(n * step);
    return { start: at, end: at + SAMPLE_BYTES };
  });
}
