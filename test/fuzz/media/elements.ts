// Mutations that know the elements of a Matroska or WebM file.
import type { Chance } from "../random.ts";
import { overwrite, replace } from "./boxes.ts";
import { edgeFloat, edgeNumber, encode } from "./numbers.ts";

interface Element {
  id: number;
  at: number;
  /** Where its size stands, and where its content. */
  sizeAt: number;
  start: number;
  end: number;
}

const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
/** Segment, info, tracks, track, video, audio, cluster, block group, cues, cue point, seek head, tags, tag, chapters. */
const FULL_OF_ELEMENTS = new Set([
  ...[SEGMENT, 0x1549a966, 0x1654ae6b, 0xae, 0xe0, 0xe1, CLUSTER, 0xa0, 0x1c53bb6b, 0xbb, 0xb7, 0x114d9b74, 0x4dbb],
  ...[0x1254c367, 0x7373, 0x1043a770, 0x45b9, 0xb6, 0x6d80, 0x6240],
]);
const DURATION = 0x4489;
/** Time scale, timestamps, durations, sizes of pictures, rates, channels, numbers and kinds of tracks. */
const NUMBERS = [0x2ad7b1, 0xe7, 0x9b, 0x23e383, 0xb0, 0xba, 0xb5, 0x9f, 0x6264, 0xd7, 0x83, 0x73c5, 0xf1, 0xb3, 0xfb];
const FLOATS = [DURATION, 0xb5, 0x78b5, 0x23314f];
const TRACK = 0xae;
const TRACK_NUMBER = 0xd7;
const BLOCKS = [0xa3, 0xa1];
/** Codec, languages, name, title, application. */
const TEXTS = [0x86, 0x22b59c, 0x22b59d, 0x536e, 0x7ba9, 0x4d80, 0x5741];
const MOST_ELEMENTS = 5000;
const DEEPEST = 10;

export function mutateElements(file: Buffer, chance: Chance): Buffer | null {
  const elements = listElements(file, 0, file.length);
  if (elements.length < 3) return null;
  const mutate = chance.pick([resize, resize, renumber, renumber, refloat, block, repeat, multiply, nest, text, drop]);
  return mutate(file, elements, chance);
}

function listElements(file: Buffer, start: number, end: number, found: Element[] = [], depth = 0): Element[] {
  for (let at = start; at < end && found.length < MOST_ELEMENTS; ) {
    const idLength = lengthAt(file, at);
    const sizeLength = lengthAt(file, at + idLength);
    const content = at + idLength + sizeLength;
    if (idLength === 0 || idLength > 4 || sizeLength === 0 || content > end) break;
    const id = file.readUIntBE(at, idLength);
    let size = Number(BigInt.asUintN(7 * sizeLength, BigInt(`0x${file.toString("hex", at + idLength, content)}`)));
    if (size === 2 ** (7 * sizeLength) - 1) size = end - content;
    const element = { id, at, sizeAt: at + idLength, start: content, end: Math.min(content + size, end) };
    found.push(element);
    if (FULL_OF_ELEMENTS.has(id) && depth < DEEPEST) listElements(file, content, element.end, found, depth + 1);
    at = element.end;
  }
  return found;
}

function lengthAt(file: Buffer, at: number): number {
  const first = file[at];
  return first ? Math.clz32(first) - 23 : 0;
}

/** Sizes of one to eight bytes: nothing, all there is, unknown, and beyond the end. */
function resize(file: Buffer, elements: Element[], chance: Chance): Buffer {
  const { sizeAt, start, end } = chance.pick(elements);
  const bytes = chance.pick([start - sizeAt, 1, 4, 8]);
  const most = 2n ** BigInt(7 * bytes) - 1n;
  const size = chance.pick([0n, 1n, most, most - 1n, most / 2n, BigInt(end - start + 1), BigInt(chance.below(1000))]);
  return replace(file, sizeAt, start, sizeOf(size > most ? most : size, bytes));
}

function renumber(file: Buffer, elements: Element[], chance: Chance): Buffer | null {
  const element = pickOf(elements, chance, NUMBERS);
  if (!element) return null;
  // Also numbers of more bytes than a number may have.
  const bytes = chance.pick([element.end - element.start, 8, 63, 64, 0]);
  const value = bytes === 0 ? Buffer.alloc(0) : bytes <= 8 ? edgeNumber(chance, bytes) : Buffer.alloc(bytes, 0xff);
  return replace(file, element.sizeAt, element.end, Buffer.concat([sizeOf(BigInt(value.length), 1), value]));
}

function refloat(file: Buffer, elements: Element[], chance: Chance): Buffer | null {
  const element = pickOf(elements, chance, FLOATS);
  if (!element) return null;
  const value = edgeFloat(chance, chance.pick([4, 8]));
  return replace(file, element.sizeAt, element.end, Buffer.concat([sizeOf(BigInt(value.length), 1), value]));
}

/** The head of a block: its track, its time, its lacing and the count of its frames. */
function block(file: Buffer, elements: Element[], chance: Chance): Buffer | null {
  const element = pickOf(elements, chance, BLOCKS);
  if (!element) return null;
  const lacing = Buffer.from([0x81, chance.below(256), chance.below(256), chance.pick([2, 4, 6, 0x86]), 0xff]);
  return overwrite(file, element.start, chance.maybe(0.7) ? lacing : chance.bytes(1 + chance.below(8)));
}

function repeat(file: Buffer, elements: Element[], chance: Chance): Buffer {
  const { at, end } = chance.pick(elements);
  const times = Math.min(1 + chance.skewed(20_000), Math.ceil(1_000_000 / (end - at)));
  const copies = Buffer.concat(Array<Buffer>(times).fill(file.subarray(at, end)));
  return replace(file, end, end, copies);
}

/** Many tracks, each with a number of its own. */
function multiply(file: Buffer, elements: Element[], chance: Chance): Buffer | null {
  const track = pickOf(elements, chance, [TRACK]);
  const number =
    track && elements.find(({ id, at, end }) => id === TRACK_NUMBER && at >= track.start && end <= track.end);
  if (!track || !number) return null;
  const before = file.subarray(track.start, number.at);
  const after = file.subarray(number.end, track.end);
  const copies = Array.from({ length: 1 + chance.skewed(20_000) }, (_, n) => {
    const own = Buffer.concat([idOf(TRACK_NUMBER), sizeOf(3n, 1), encode(BigInt(1000 + n), 3)]);
    const content = Buffer.concat([before, own, after]);
    return Buffer.concat([idOf(TRACK), sizeOf(BigInt(content.length), 4), content]);
  });
  return replace(file, track.end, track.end, Buffer.concat(copies));
}

function nest(file: Buffer, elements: Element[], chance: Chance): Buffer {
  const { at } = chance.pick(elements);
  const id = chance.pick([...FULL_OF_ELEMENTS]);
  const head = Buffer.concat([idOf(id), sizeOf(2n ** 56n - 1n, 8)]);
  return replace(file, at, at, Buffer.concat(Array<Buffer>(1 + chance.skewed(40_000)).fill(head)));
}

function text(file: Buffer, elements: Element[], chance: Chance): Buffer | null {
  const element = pickOf(elements, chance, TEXTS);
  if (!element) return null;
  const value = Buffer.alloc(
    1 + chance.skewed(1_000_000),
    chance.pick(["A", "\x1b[31m", "\0", "\xff", "../", '"', "é"]),
  );
  return replace(file, element.sizeAt, element.end, Buffer.concat([sizeOf(BigInt(value.length), 4), value]));
}

function drop(file: Buffer, elements: Element[], chance: Chance): Buffer {
  const { at, end } = chance.pick(elements);
  return replace(file, at, end, Buffer.alloc(0));
}

function pickOf(elements: Element[], chance: Chance, ids: readonly number[]): Element | null {
  const fitting = elements.filter(({ id }) => ids.includes(id));
  return fitting.length === 0 ? null : chance.pick(fitting);
}

function idOf(id: number): Buffer {
  return encode(BigInt(id), Math.ceil((32 - Math.clz32(id)) / 8));
}

function sizeOf(size: bigint, bytes: number): Buffer {
  return encode((1n << BigInt(7 * bytes)) | size, bytes);
}
