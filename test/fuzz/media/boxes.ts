// Mutations that know the boxes of an mp4 or mov: wrong sizes, wrong counts, wrong times, too many of a thing, a thing in itself.
import type { Chance } from "../random.ts";
import { edgeNumber, encode } from "./numbers.ts";

interface Box {
  type: string;
  at: number;
  head: number;
  end: number;
  /** Those that it lies in, the outermost first. */
  within: Box[];
}

const FULL_OF_BOXES = new Set([
  ...["moov", "trak", "mdia", "minf", "stbl", "edts", "udta", "moof", "traf", "mvex", "dinf", "tref", "mfra", "gmhd"],
]);
/** Where a table has its count, behind the head of its box. */
const COUNT_AT: Record<string, number> = {
  ...{ stts: 4, ctts: 4, stsc: 4, stco: 4, co64: 4, stss: 4, elst: 4, stsd: 4, dref: 4, trun: 4, stsz: 8, tfra: 12 },
};
/** Boxes of times, sizes and ids. */
const HEADERS = ["mvhd", "mdhd", "tkhd", "mehd", "trex", "tfhd", "tfdt", "mfhd", "sidx", "elst", "vmhd", "hdlr"];
const MOST_BOXES = 5000;
const DEEPEST = 10;

export function mutateBoxes(file: Buffer, chance: Chance): Buffer | null {
  const boxes = listBoxes(file);
  if (boxes.length === 0) return null;
  const mutate = chance.pick([
    resize,
    resize,
    recount,
    recount,
    retime,
    retime,
    repeat,
    multiply,
    drop,
    rename,
    nest,
    refer,
    swell,
  ]);
  return mutate(file, boxes, chance);
}

function listBoxes(file: Buffer, start = 0, end = file.length, within: Box[] = []): Box[] {
  const found: Box[] = [];
  for (let at = start; at + 8 <= end && found.length < MOST_BOXES; ) {
    let size = file.readUInt32BE(at);
    let head = 8;
    if (size === 1 && at + 16 <= end) {
      size = Number(file.readBigUInt64BE(at + 8));
      head = 16;
    }
    if (size === 0) size = end - at;
    if (size < head || at + size > end) break;
    const box = { type: file.toString("latin1", at + 4, at + 8), at, head, end: at + size, within };
    found.push(box);
    if (FULL_OF_BOXES.has(box.type) && within.length < DEEPEST)
      found.push(...listBoxes(file, at + head, box.end, [...within, box]));
    at = box.end;
  }
  return found;
}

function resize(file: Buffer, boxes: Box[], chance: Chance): Buffer {
  const { at, end, head } = chance.pick(boxes);
  const size = end - at;
  switch (chance.below(4)) {
    case 0:
      return overwrite(file, at, edgeNumber(chance, 4));
    case 1: // A size of 64 bits: 1 in its usual place, and the size behind the type.
      return replace(
        file,
        at,
        at + head,
        Buffer.concat([encode(1n, 4), file.subarray(at + 4, at + 8), edgeNumber(chance, 8)]),
      );
    case 2:
      return overwrite(file, at, encode(BigInt(Math.max(0, size + chance.below(33) - 16)), 4));
    default:
      return overwrite(file, at, encode(BigInt(chance.below(2 * size)), 4));
  }
}

function recount(file: Buffer, boxes: Box[], chance: Chance): Buffer | null {
  const box = pickOf(boxes, chance, (type) => type in COUNT_AT);
  if (!box) return null;
  const counted = box.at + box.head + (COUNT_AT[box.type] ?? 4);
  const count = chance.maybe(0.5) ? overwrite(file, counted, edgeNumber(chance, 4)) : file;
  // And some of its entries, each of which may be a count of its own.
  let changed = count;
  for (let n = chance.below(4); n > 0; n--) {
    const words = Math.max(1, Math.floor((box.end - counted - 4) / 4));
    changed = overwrite(changed, counted + 4 + 4 * chance.skewed(words + 1), edgeNumber(chance, 4));
  }
  return changed;
}

function retime(file: Buffer, boxes: Box[], chance: Chance): Buffer | null {
  const box = pickOf(boxes, chance, (type) => HEADERS.includes(type));
  if (!box) return null;
  const start = box.at + box.head;
  const words = Math.max(1, Math.floor((box.end - start) / 4));
  let changed = file;
  for (let n = 1 + chance.below(3); n > 0; n--) {
    const width = chance.pick([1, 4, 4, 4, 8]);
    // The first byte is the version: other widths for all that follows.
    const at = width === 1 ? start : start + 4 * chance.below(Math.min(words, 24));
    changed = overwrite(changed, at, width === 1 ? encode(BigInt(chance.below(3)), 1) : edgeNumber(chance, width));
  }
  return changed;
}

function repeat(file: Buffer, boxes: Box[], chance: Chance): Buffer | null {
  const box = pickOf(boxes, chance, (type) => type !== "mdat");
  if (!box) return null;
  const size = box.end - box.at;
  const times = Math.min(1 + chance.skewed(5000), Math.ceil(2_000_000 / size));
  const copies = Buffer.concat(Array<Buffer>(times).fill(file.subarray(box.at, box.end)));
  return insertInto(file, box.end, copies, box.within);
}

/** Many tracks, each with an id of its own. */
function multiply(file: Buffer, boxes: Box[], chance: Chance): Buffer | null {
  const trak = pickOf(boxes, chance, (type) => type === "trak");
  const header = trak && boxes.find(({ type, within }) => type === "tkhd" && within.includes(trak));
  if (!trak || !header) return null;
  const times = Math.min(1 + chance.skewed(5000), Math.ceil(3_000_000 / (trak.end - trak.at)));
  const idAt = header.at - trak.at + header.head + 12;
  const copies = Array.from({ length: times }, (_, n) => {
    return overwrite(file.subarray(trak.at, trak.end), idAt, encode(BigInt(1000 + n), 4));
  });
  return insertInto(file, trak.end, Buffer.concat(copies), trak.within);
}

function drop(file: Buffer, boxes: Box[], chance: Chance): Buffer {
  const { at, end, within } = chance.pick(boxes);
  return replace(grow(file, within, at - end), at, end, Buffer.alloc(0));
}

function rename(file: Buffer, boxes: Box[], chance: Chance): Buffer {
  const types = [...new Set(boxes.map(({ type }) => type)), "free", "uuid", "moov", "mp4a", "avc1", "\0\0\0\0"];
  return overwrite(file, chance.pick(boxes).at + 4, Buffer.from(chance.pick(types), "latin1"));
}

/** A box within a box within a box. */
function nest(file: Buffer, boxes: Box[], chance: Chance): Buffer | null {
  const box = pickOf(boxes, chance, (type) => type !== "mdat");
  if (!box) return null;
  const depth = 1 + chance.skewed(40_000);
  const type = Buffer.from(chance.pick([...FULL_OF_BOXES, "meta", "stsd", "wave"]), "latin1");
  const inner = chance.maybe(0.5) ? file.subarray(box.at, box.end) : Buffer.alloc(0);
  const heads = Array.from({ length: depth }, (_, n) => {
    return Buffer.concat([encode(BigInt(8 * (depth - n) + inner.length), 4), type]);
  });
  return insertInto(file, chance.maybe(0.5) ? box.end : box.at + box.head, Buffer.concat([...heads, inner]), [
    ...box.within,
  ]);
}

/** Tracks that name themselves or one another, and ids that are not one's own. */
function refer(file: Buffer, boxes: Box[], chance: Chance): Buffer | null {
  const trak = pickOf(boxes, chance, (type) => type === "trak");
  const header = trak && boxes.find(({ type, within }) => type === "tkhd" && within.includes(trak));
  if (!trak || !header) return null;
  if (chance.maybe(0.4)) return overwrite(file, header.at + header.head + 12, encode(BigInt(chance.below(4)), 4));
  const ids = Array.from({ length: 1 + chance.skewed(2000) }, () => encode(BigInt(chance.below(4)), 4));
  const type = chance.pick(["chap", "hint", "cdsc", "tmcd", "auxl"]);
  const reference = boxOf(type, Buffer.concat(ids));
  return insertInto(file, trak.end, boxOf("tref", reference), [...trak.within, trak]);
}

/** Far more content than anybody expects of it. */
function swell(file: Buffer, boxes: Box[], chance: Chance): Buffer | null {
  const box = pickOf(boxes, chance, (type) => type !== "mdat");
  if (!box) return null;
  const filling = Buffer.alloc(1 + chance.skewed(1_000_000), chance.pick([0, 0x41, 0xff, 0x1b, 0xc3]));
  const at = chance.maybe(0.7) ? box.end : box.at + box.head + chance.below(box.end - box.at - box.head + 1);
  return insertInto(file, at, filling, [...box.within, box]);
}

function boxOf(type: string, content: Buffer): Buffer {
  return Buffer.concat([encode(BigInt(8 + content.length), 4), Buffer.from(type, "latin1"), content]);
}

function pickOf(boxes: Box[], chance: Chance, fits: (type: string) => boolean): Box | null {
  const fitting = boxes.filter(({ type }) => fits(type));
  return fitting.length === 0 ? null : chance.pick(fitting);
}

/** The boxes around it grow with it, so that what follows is still found. */
function insertInto(file: Buffer, at: number, piece: Buffer, around: Box[]): Buffer {
  return replace(grow(file, around, piece.length), at, at, piece);
}

function grow(file: Buffer, around: Box[], bytes: number): Buffer {
  const grown = Buffer.from(file);
  for (const { at, head, end } of around) {
    const size = end - at + bytes;
    if (head === 8 && grown.readUInt32BE(at) !== 0) grown.writeUInt32BE(size >>> 0, at);
    if (head === 16) grown.writeBigUInt64BE(BigInt(size), at + 8);
  }
  return grown;
}

export function overwrite(file: Buffer, at: number, piece: Buffer): Buffer {
  return replace(file, at, Math.min(at + piece.length, file.length), piece);
}

export function replace(file: Buffer, start: number, end: number, piece: Buffer): Buffer {
  return Buffer.concat([file.subarray(0, start), piece, file.subarray(end)]);
}
