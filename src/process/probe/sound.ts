// A file that is nothing but frames of compressed sound: mp3, mp2, aac, ac3, eac3, dts, truehd and amr. It has no index,
// so its frames are counted, one header after the other; of a file that is too large for that, samples are.
import type { Bytes } from "./bytes.js";
import { type Counted, PacketTally } from "./description.js";
import type { Frame, FrameReader } from "./frames.js";
import * as frames from "./frames.js";
import { type Part, partsOf } from "./sample.js";

interface Family {
  container: string;
  makeReader: () => FrameReader;
  /** The first byte of each frame, for a fast search; null where frames begin with anything. */
  sync: number | null;
}

const AMR: Record<string, Family> = {
  "#!AMR\n": { container: "amr", makeReader: () => frames.amrReader(false), sync: null },
  "#!AMR-WB\n": { container: "amr", makeReader: () => frames.amrReader(true), sync: null },
};
const FAMILIES: Family[] = [
  { container: "mp3", makeReader: () => frames.readMpegFrame, sync: 0xff },
  { container: "aac", makeReader: () => frames.readAdtsFrame, sync: 0xff },
  { container: "ac3", makeReader: () => frames.readAc3Frame, sync: 0x0b },
  { container: "dts", makeReader: () => frames.readDtsFrame, sync: 0x7f },
  { container: "loas", makeReader: frames.latmReader, sync: 0x56 },
  { container: "truehd", makeReader: frames.trueHdReader, sync: null },
];

/** Junk before the first frame is passed over this far. */
const SEARCH_BYTES = 2 ** 20;
const WINDOW_BYTES = 64 * 1024;
/** So many frames in a row are no chance: noise holds what looks like one frame every few kilobytes. */
const CHAIN = 4;
/** The header of a larger file is believed, where it tells the right number of bytes. */
const COUNTED_BYTES = 32 * 2 ** 20;

/** The frames behind the tags; null for a file that is something else. */
export async function readSound(bytes: Bytes, { start, end }: Part): Promise<Counted | null> {
  const found = await findFrames(bytes, start);
  if (!found) return null;
  const { family, at, first } = found;
  const { codec, rate, channels } = first;
  const header = family.container === "mp3" ? readXing(await bytes.peek(at, first.bytes), first) : null;
  const walk = new FrameWalk(bytes, family, first);
  const begin = header ? at + first.bytes : at; // The frame of the header holds no sound.
  const size = end - begin;
  const isTold = header !== null && size > COUNTED_BYTES && (await isAll(bytes, begin, header, family));
  const parts = partsOf(bytes, { start: begin, end });
  if (isTold) walk.believe(header);
  else
    for (const part of parts) {
      if (parts.length > 1) await bytes.prefetch(part.start, part.end);
      await walk.run(part);
    }
  // Frames in less than half of what is not empty are a piece of something else.
  if (walk.bytes < (walk.seen - walk.empty) / 2) return null;
  return {
    container: codec === "eac3" ? codec : family.container,
    headerDurationS: header?.seconds || null,
    tracks: [
      { facts: { type: "audio", codec, channels, sample_rate: rate }, tally: walk.tally(isTold ? walk.seen : size) },
    ],
    estimated: !isTold && parts.length > 1,
  };
}

interface Found {
  family: Family;
  at: number;
  first: Frame;
}

async function findFrames(bytes: Bytes, start: number): Promise<Found | null> {
  const head = await bytes.read(start, Math.min(start + SEARCH_BYTES, bytes.size));
  const isWhole = start + head.length === bytes.size;
  const magic = Object.keys(AMR).find((known) => head.toString("latin1", 0, known.length) === known);
  const amr = magic === undefined ? undefined : AMR[magic];
  if (magic && amr) {
    const piece = head.subarray(magic.length);
    return findFamily(piece, start + magic.length, { family: amr, limit: piece.length, isWhole });
  }
  let found: Found | null = null;
  for (const family of FAMILIES) {
    const limit: number = found ? found.at - start : head.length;
    found = findFamily(head, start, { family, limit, isWhole }) ?? found;
  }
  return found;
}

/** The first place before `limit` where frames follow one another. */
function findFamily(head: Buffer, start: number, { family, limit, isWhole }: Search): Found | null {
  let reader = family.makeReader();
  for (let at = 0; at < limit; at = nextPlace(head, at + 1, family.sync)) {
    const first = reader(head, at);
    if (!first) continue;
    if (first.samples > 0 && isChain(head, at + first.bytes, { reader, first, isWhole }))
      return { family, at: start + at, first };
    reader = family.makeReader();
  }
  return null;
}

interface Search {
  family: Family;
  limit: number;
  /** The piece goes to the end of the file. */
  isWhole: boolean;
}

interface ChainRules {
  reader: FrameReader;
  first: Frame;
  /** The piece goes to the end of the file. */
  isWhole: boolean;
}

function isChain(piece: Uint8Array, from: number, { reader, first, isWhole }: ChainRules): boolean {
  let at = from;
  for (let length = 1; length < CHAIN; length++) {
    // A file of two or three frames ends with the last of them; a piece of a file ends before the next one.
    if (isWhole ? at === piece.length : at + frames.FRAME_HEADER_BYTES > piece.length) return !isWhole || length > 1;
    const next = reader(piece, at);
    if (!next || !isSame(next, first)) return false;
    at += next.bytes;
  }
  return true;
}

/** Extensions tell no rate of their own. */
function isSame(frame: Frame, first: Frame): boolean {
  return frame.codec === first.codec && (frame.rate === first.rate || frame.rate === 0);
}

function nextPlace(piece: Uint8Array, from: number, sync: number | null): number {
  if (sync === null) return from;
  const at = piece.indexOf(sync, from);
  return at < 0 ? piece.length : at;
}

class FrameWalk {
  frames = 0;
  /** Of the frames, of all that was read, and of that what is zero outside of frames. */
  bytes = 0;
  seen = 0;
  empty = 0;
  #samples = 0;
  #reader: FrameReader;

  constructor(
    private readonly file: Bytes,
    private readonly family: Family,
    private readonly first: Frame,
  ) {
    this.#reader = family.makeReader();
  }

  believe({ seconds, bytes }: Xing): void {
    this.frames = Math.round((seconds * this.first.rate) / this.first.samples);
    this.#samples = this.frames * this.first.samples;
    this.bytes = bytes;
    this.seen = bytes;
  }

  async run({ start, end }: Part): Promise<void> {
    this.seen += end - start;
    // A sample begins somewhere within a frame.
    let isLost = true;
    for (let at = start; at < end; ) {
      const piece = await this.file.peek(at, Math.min(WINDOW_BYTES, end - at + frames.FRAME_HEADER_BYTES));
      const isLast = at + piece.length >= this.file.size;
      let place = 0;
      while (isLast ? place < piece.length : place + frames.FRAME_HEADER_BYTES <= piece.length) {
        const frame = this.frameAt(piece, place, { isLost, isLast });
        // What an earlier frame told of its successors does not hold behind a gap.
        if (!frame && !isLost) this.#reader = this.family.makeReader();
        isLost = frame === null;
        if (frame) {
          this.take(frame, Math.min(frame.bytes, this.file.size - at - place));
          place += frame.bytes;
        } else {
          place = this.passOver(piece, place);
        }
      }
      at += place;
    }
  }

  /** Where the rhythm is lost, several frames in a row find it again. */
  private frameAt(piece: Uint8Array, place: number, { isLost, isLast }: { isLost: boolean; isLast: boolean }) {
    const { first } = this;
    const frame = this.#reader(piece, place);
    if (!frame || !isSame(frame, first)) return null;
    const isFound = !isLost || isChain(piece, place + frame.bytes, { reader: this.#reader, first, isWhole: isLast });
    return isFound ? frame : null;
  }

  private take({ samples }: Frame, bytes: number): void {
    if (samples > 0) this.frames++;
    this.#samples += samples;
    this.bytes += bytes;
  }

  private passOver(piece: Uint8Array, place: number): number {
    const next = nextPlace(piece, place + 1, this.family.sync);
    for (let at = place; at < next; at++) if (piece[at] === 0) this.empty++;
    return next;
  }

  /** Of `size` bytes like those that were read. */
  tally(size: number): PacketTally {
    const tally = new PacketTally();
    const share = this.seen === 0 ? 0 : size / this.seen;
    const count = Math.round(this.frames * share);
    const seconds = (this.#samples / this.first.rate) * share;
    if (count > 0) tally.addRun({ count, startS: 0, stepS: seconds / count, bytes: this.bytes * share });
    return tally;
  }
}

/** Whether all frames are those of the header: the file ends with them, or goes on with something else. */
async function isAll(bytes: Bytes, begin: number, { bytes: told }: Xing, family: Family): Promise<boolean> {
  const size = bytes.size - begin;
  if (Math.abs(told - size) < size / 100) return true;
  if (told === 0 || told > size) return false;
  const rest = await bytes.read(begin + told, Math.min(begin + told + WINDOW_BYTES, bytes.size));
  return findFamily(rest, 0, { family, limit: rest.length, isWhole: false }) === null;
}

interface Xing {
  seconds: number;
  /** Of the sound; 0 where it is not told. */
  bytes: number;
}

/** The header that encoders write into the first frame: Xing or Info, or VBRI. */
function readXing(frame: Buffer, { samples, rate }: Frame): Xing | null {
  const text = frame.toString("latin1", 0, 64);
  const vbri = text.indexOf("VBRI");
  if (vbri > 0 && vbri + 18 <= frame.length) {
    return { seconds: (frame.readUInt32BE(vbri + 14) * samples) / rate, bytes: frame.readUInt32BE(vbri + 10) };
  }
  const at = Math.max(text.indexOf("Xing"), text.indexOf("Info"));
  if (at < 0 || at + 16 > frame.length) return null;
  const flags = frame.readUInt32BE(at + 4);
  // Without the number of frames it tells nothing, but it is no sound either.
  if ((flags & 1) === 0) return { seconds: 0, bytes: 0 };
  return {
    seconds: (frame.readUInt32BE(at + 8) * samples) / rate,
    bytes: (flags & 2) === 0 ? 0 : frame.readUInt32BE(at + 12),
  };
}
