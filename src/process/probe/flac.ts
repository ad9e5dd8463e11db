// FLAC: its first block tells the sound and the number of samples, and the last frame how many are really there.

import { Bits } from "./bits.js";
import type { Bytes } from "./bytes.js";
import { type Counted, PacketTally } from "./description.js";
import { Unreadable } from "./failure.js";
import type { Part } from "./sample.js";

export interface FlacInfo {
  rate: number;
  channels: number;
  /** 0 for unknown. */
  samples: number;
  /** Of each frame, where all have the same; of the frames, at most. */
  blockSamples: number;
  frameBytes: number;
}

const MAGIC = "fLaC";
const INFO_BYTES = 18;
const TAIL_BYTES = 256 * 1024;
const TAILS = 4;
/** Smaller files are not asked whether they were joined, and where in larger ones that is looked at. */
const JOINED_BYTES = 4 * TAIL_BYTES;
const PLACES = [0.3, 0.55, 0.8];

/** The STREAMINFO block (RFC 9639, 8.2), from its sizes of blocks on. */
export function readFlacInfo(block: Uint8Array): FlacInfo | null {
  const bits = new Bits(block);
  const least = bits.read(16);
  const most = bits.read(16);
  bits.skip(24);
  const frameBytes = bits.read(24);
  const rate = bits.read(20);
  const channels = bits.read(3) + 1;
  bits.skip(5);
  const samples = bits.read(4) * 2 ** 32 + bits.read(32);
  if (bits.isOver || rate === 0) return null;
  return { rate, channels, samples, blockSamples: least === most ? most : 0, frameBytes };
}

/** null for a file that is something else. */
export async function readFlac(bytes: Bytes, { start, end }: Part): Promise<Counted | null> {
  const head = await bytes.peek(start, 8 + INFO_BYTES);
  if (head.toString("latin1", 0, 4) !== MAGIC) return null;
  const info = readFlacInfo(head.subarray(8));
  if (!info) throw new Unreadable("damaged: the header of this flac tells no rate");
  const sound = { start: await findFirstFrame(bytes, start + 4), end };
  const told = await findLastSample(bytes, sound, info);
  // Where the numbers of the frames start again, as in files that were joined, the last one is not the number of all.
  const sampled =
    told !== null && end - sound.start > JOINED_BYTES ? await sampleJoined(bytes, sound, info, told) : null;
  const samples = sampled ?? told ?? info.samples;
  const tally = new PacketTally();
  if (samples > 0 && sound.start < end)
    tally.addRun({ count: 1, startS: 0, stepS: samples / info.rate, bytes: end - sound.start });
  return {
    container: "flac",
    headerDurationS: info.samples > 0 ? info.samples / info.rate : null,
    tracks: [{ facts: { type: "audio", codec: "flac", channels: info.channels, sample_rate: info.rate }, tally }],
    // Either a sample or, where no frame is the last one, the header alone tells the duration.
    estimated: sampled !== null || told === null,
  };
}

/** The number of samples of a file in which time does not go on all the way; null for one in which it does. */
async function sampleJoined(bytes: Bytes, { start, end }: Part, info: FlacInfo, last: number): Promise<number | null> {
  const found: FrameRun[] = [];
  for (const place of PLACES) {
    const at = start + Math.floor((end - start) * place);
    const run = runIn(await bytes.read(at, Math.min(at + TAIL_BYTES, end)), info, false);
    if (run) found.push(run);
  }
  const ends = [0, ...found.map((run) => run.end), last];
  if (found.length === 0 || ends.every((samples, index) => samples > (ends[index - 1] ?? -1) + last / 200)) return null;
  const samples = found.reduce((sum, run) => sum + run.samples, 0);
  const seen = found.reduce((sum, run) => sum + run.bytes, 0);
  return seen > 0 ? (samples / seen) * (end - start) : null;
}

/** Behind the metadata blocks, the last of which is marked. */
async function findFirstFrame(bytes: Bytes, from: number): Promise<number> {
  for (let at = from; ; ) {
    const head = await bytes.peek(at, 4);
    if (head.length < 4) return bytes.size;
    at += 4 + head.readUIntBE(1, 3);
    if ((head[0] ?? 0) & 0x80) return at;
  }
}

/** Looks for frames from the end of the file on: behind the last one there may be tags. */
async function findLastSample(bytes: Bytes, sound: Part, info: FlacInfo): Promise<number | null> {
  const overlap = Math.max(info.frameBytes, 32 * 1024);
  const window = TAIL_BYTES + Math.min(overlap, TAIL_BYTES);
  for (let tail = 0, end = sound.end; tail < TAILS && end > sound.start; tail++, end -= TAIL_BYTES) {
    const start = Math.max(sound.start, end - window);
    const run = runIn(await bytes.read(start, end), info, start === sound.start);
    if (run) return run.end;
  }
  return null;
}

interface FrameRun {
  /** Where the last of them ends, in samples. */
  end: number;
  /** How many samples and bytes there are between the first and the last of them. */
  samples: number;
  bytes: number;
}

/** The frames that go on where another one has ended; a file of one frame has that alone. */
function runIn(piece: Buffer, info: FlacInfo, hasFirst: boolean): FrameRun | null {
  const run: FrameRun = { end: 0, samples: 0, bytes: 0 };
  const ends = new Set<number>(hasFirst ? [0] : []);
  let first: { at: number } | null = null;
  let before = 0;
  for (let at = piece.indexOf(0xff); at >= 0; at = piece.indexOf(0xff, at + 1)) {
    const frame = readFrameHeader(piece, at, info);
    if (!frame) continue;
    // What only looks like a header does not go on where another one has ended.
    if (ends.has(frame.start)) {
      run.samples += before;
      before = frame.samples;
      first ??= { at };
      run.bytes = at - first.at;
      run.end = frame.start + frame.samples;
    }
    ends.add(frame.start + frame.samples);
  }
  return first && run;
}

/** RFC 9639, 9.1. */
function readFrameHeader(piece: Buffer, at: number, info: FlacInfo): { start: number; samples: number } | null {
  const [second = 0, third = 0, fourth = 0] = [piece[at + 1], piece[at + 2], piece[at + 3]];
  if ((second & 0xfe) !== 0xf8 || third >> 4 === 0 || (third & 15) === 15 || fourth & 1) return null;
  const numberLength = Math.max(1, Math.clz32(~((piece[at + 4] ?? 0) << 24)));
  if (numberLength > 7) return null;
  let number = (piece[at + 4] ?? 0) & (numberLength === 1 ? 0x7f : 0x7f >> numberLength);
  for (let n = 1; n < numberLength; n++) number = number * 64 + ((piece[at + 4 + n] ?? 0) & 0x3f);
  let end = at + 4 + numberLength;
  const code = third >> 4;
  const sizeBytes = code === 6 ? 1 : code === 7 ? 2 : 0;
  if (end + sizeBytes + 3 > piece.length) return null;
  const samples = sizeBytes > 0 ? piece.readUIntBE(end, sizeBytes) + 1 : blockSamplesOf(code);
  end += sizeBytes + ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2][third & 15] ?? 0);
  if (checksum(piece.subarray(at, end)) !== piece[end]) return null;
  const isNumbered = (second & 1) === 0;
  return { start: isNumbered ? number * (info.blockSamples || samples) : number, samples };
}

function blockSamplesOf(code: number): number {
  if (code === 1) return 192;
  return code < 6 ? 576 << (code - 2) : 256 << (code - 8);
}

/** CRC-8 with the polynomial x^8 + x^2 + x + 1. */
function checksum(piece: Uint8Array): number {
  let sum = 0;
  for (const byte of piece) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 0x80 ? ((sum << 1) ^ 0x07) & 0xff : sum << 1;
  }
  return sum;
}
