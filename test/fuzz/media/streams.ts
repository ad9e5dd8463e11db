// Mutations that know Ogg pages, transport packets, WAV and FLAC heads: where a checksum or a rhythm would give a blind one away.
import type { Chance } from "../random.ts";
import { overwrite, replace } from "./boxes.ts";
import { edgeNumber } from "./numbers.ts";

/** A page: its granule position, serial or flags changed, or the page said again, with a checksum that holds. */
export function mutatePages(file: Buffer, chance: Chance): Buffer | null {
  const pages = placesOf(file, Buffer.from("OggS"));
  if (pages.length === 0) return null;
  let changed = file;
  for (let n = 1 + chance.skewed(20); n > 0; n--) {
    const at = chance.pick(pages);
    const [field, bytes] = chance.pick([
      [6, 8],
      [6, 8],
      [14, 4],
      [18, 4],
      [5, 1],
      [26, 1],
    ] as const);
    changed = sealPage(overwrite(changed, at + field, edgeNumber(chance, bytes, true)), at);
  }
  if (chance.maybe(0.8)) return changed;
  const at = chance.pick(pages);
  const page = changed.subarray(at, at + pageLength(changed, at));
  // Each copy is a stream of its own.
  const copies = Array.from({ length: 1 + chance.skewed(5000) }, (_, n) => {
    const copy = Buffer.from(page);
    if (copy.length > 18) copy.writeUInt32LE(n, 14);
    return sealPage(copy, 0);
  });
  return replace(changed, at, at, Buffer.concat(copies));
}

function pageLength(file: Buffer, at: number): number {
  const segments = file[at + 26] ?? 0;
  return file.subarray(at + 27, at + 27 + segments).reduce((sum, bytes) => sum + bytes, 27 + segments);
}

function sealPage(file: Buffer, at: number): Buffer {
  const end = at + pageLength(file, at);
  if (end > file.length || at + 27 > file.length) return file;
  const sealed = Buffer.from(file);
  sealed.writeUInt32LE(0, at + 22);
  let sum = 0;
  for (let byte = at; byte < end; byte++) {
    sum = (sum ^ ((sealed[byte] ?? 0) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 0x80000000 ? (sum << 1) ^ 0x04c11db7 : sum << 1) >>> 0;
  }
  sealed.writeUInt32LE(sum, at + 22);
  return sealed;
}

const PACKET = 188;

/** Heads of transport packets: their streams, flags, clocks and the times behind them. */
export function mutatePackets(file: Buffer, chance: Chance): Buffer | null {
  const count = Math.floor(file.length / PACKET);
  if (count === 0) return null;
  let changed = file;
  for (let n = 1 + chance.skewed(50); n > 0; n--) {
    const at = PACKET * (chance.maybe(0.3) ? chance.below(Math.min(count, 5)) : chance.below(count));
    const field = chance.pick([1, 2, 3, 4, 5, 6, 8, 11, 13, 15, 18, chance.below(PACKET)]);
    const piece = chance.maybe(0.5) ? chance.bytes(1 + chance.below(5)) : edgeNumber(chance, chance.pick([1, 2, 4]));
    changed = overwrite(changed, at + field, piece);
  }
  return changed;
}

/** `fmt ` and `data` of a WAV, STREAMINFO of a FLAC, the first frames of an MP3: all of them near the beginning. */
export function mutateHead(file: Buffer, chance: Chance): Buffer {
  let changed = file;
  for (let n = 1 + chance.below(4); n > 0; n--) {
    const at = 2 * chance.below(40);
    changed = overwrite(changed, at, edgeNumber(chance, chance.pick([1, 2, 4, 8]), chance.maybe(0.6)));
  }
  return changed;
}

function placesOf(file: Buffer, mark: Buffer): number[] {
  const places: number[] = [];
  for (let at = file.indexOf(mark); at >= 0 && places.length < 10_000; at = file.indexOf(mark, at + 1)) places.push(at);
  return places;
}
