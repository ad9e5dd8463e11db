// What mediabunny leaves open about an ogg file: streams it would pass over in silence, and a last page that was cut.
import type { Bytes } from "./bytes.js";

const PAGE_HEADER_BYTES = 27;
const MAX_PAGE_BYTES = PAGE_HEADER_BYTES + 255 + 255 * 255;
const MAX_STREAMS = 64;
const READ_BY_MEDIABUNNY = ["\x01vorbis", "OpusHead"];
/** The skeleton describes the other streams and carries no media. */
const NO_STREAM = "fishead\0";

export function isOgg(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 4)).toString("latin1") === "OggS";
}

/** Every stream of an ogg file begins on a page of its own, before any data. */
export async function hasForeignStream(bytes: Bytes): Promise<boolean> {
  let at = 0;
  for (let page = 0; page < MAX_STREAMS; page++) {
    const header = await bytes.peek(at, PAGE_HEADER_BYTES + 255);
    const begins = (header[5] ?? 0) & 2;
    if (!isOgg(header) || !begins) return false;
    const segments = header[26] ?? 0;
    const bodyAt = at + PAGE_HEADER_BYTES + segments;
    const lengths = header.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + segments);
    const codec = Buffer.from(await bytes.peek(bodyAt, 8)).toString("latin1");
    if (codec !== NO_STREAM && !READ_BY_MEDIABUNNY.some((known) => codec.startsWith(known))) return true;
    at = bodyAt + lengths.reduce((sum, length) => sum + length, 0);
  }
  return false;
}

/** Where the last whole page ends: mediabunny gives a file up over one that is cut. */
export async function endOfWholePages(bytes: Bytes): Promise<number> {
  const start = Math.max(0, bytes.size - 2 * MAX_PAGE_BYTES);
  const tail = Buffer.from(await bytes.read(start, bytes.size));
  for (let at = tail.lastIndexOf("OggS"); at > 0; at = tail.lastIndexOf("OggS", at - 1)) {
    const segments = tail[at + PAGE_HEADER_BYTES - 1] ?? 0;
    const bodyAt = at + PAGE_HEADER_BYTES + segments;
    if (bodyAt > tail.length) continue;
    const lengths = tail.subarray(at + PAGE_HEADER_BYTES, bodyAt);
    const end = bodyAt + lengths.reduce((sum, length) => sum + length, 0);
    if (end <= tail.length) return start + end;
  }
  return bytes.size;
}
