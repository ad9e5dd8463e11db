// Reads the headers of a NUT file (nut.txt of the FFmpeg project): they tell its streams, and the index or the last syncpoint
// where it ends. Its packets are not counted.
import type { Bytes } from "./bytes.js";
import { nameFourCc, namePcm, nameWaveTag } from "./codecs.js";
import { type Counted, type CountedTrack, PacketTally, type TrackFacts } from "./description.js";

const MAIN = Buffer.from("4e4d7a561f5f04ad", "hex");
const STREAM = Buffer.from("4e5311405bf2f9db", "hex");
const SYNCPOINT = Buffer.from("4e4be4adeeca4569", "hex");
const INDEX = Buffer.from("4e58dd672f23e64e", "hex");
const HEAD_BYTES = 256 * 1024;
/** Syncpoints lie 64 KB apart, or one packet. */
const TAIL_BYTES = 2 ** 20;
const LONG_HEADER = 4096;

export async function readNut(bytes: Bytes): Promise<Counted> {
  const head = await bytes.read(0, Math.min(HEAD_BYTES, bytes.size));
  const tail = await bytes.read(Math.max(0, bytes.size - TAIL_BYTES), bytes.size);
  const ticksS = readTimeBases(head);
  // The last 12 bytes tell how far before the end the index begins, whose first field is the time of the last packet.
  const indexAt = tail.length < 12 ? -1 : tail.length - Number(tail.readBigUInt64BE(tail.length - 12));
  const isIndexed = indexAt >= 0 && tail.indexOf(INDEX, indexAt) === indexAt;
  const end = fieldsAt(tail, isIndexed ? indexAt : tail.lastIndexOf(SYNCPOINT))?.next() ?? 0;
  const endS = Math.floor(end / ticksS.length) * (ticksS[end % ticksS.length] ?? 0);
  // Only in a text beside the headers: `25/1` behind a mark and its length.
  const [, frames, seconds] = /r_frame_rate..(\d+)\/(\d+)/s.exec(head.toString("latin1")) ?? [];
  const frameRate = Number(frames ?? 0) / Number(seconds ?? 1);
  const tracks: CountedTrack[] = [];
  for (let at = head.indexOf(STREAM); at >= 0; at = head.indexOf(STREAM, at + 1)) {
    const facts = readStream(head, at);
    const tally = new PacketTally();
    const count = Math.round(endS * frameRate);
    if (facts?.type === "video" && count > 0) tally.addRun({ count, startS: 0, stepS: 1 / frameRate, bytes: 0 });
    else if (endS > 0) tally.addRun({ count: 1, startS: 0, stepS: endS, bytes: 0 });
    if (facts) tracks.push({ facts, tally });
  }
  return { container: "nut", headerDurationS: null, tracks, estimated: true };
}

/** How long one tick of each time base is. */
function readTimeBases(head: Buffer): number[] {
  const fields = fieldsAt(head, head.indexOf(MAIN));
  if (!fields) return [];
  if (fields.next() > 3) fields.next();
  fields.next();
  fields.next();
  const ticksS: number[] = [];
  for (let left = fields.next(); left > 0 && !fields.isOver; left--) ticksS.push(fields.next() / fields.next());
  return ticksS;
}

function readStream(head: Buffer, at: number): TrackFacts | null {
  const fields = fieldsAt(head, at);
  if (!fields) return null;
  fields.next();
  const kind = fields.next();
  const code = fields.nextBytes();
  for (let skipped = 0; skipped < 5; skipped++) fields.next();
  fields.nextBytes();
  const [first, second, third] = [fields.next(), fields.next(), fields.next()];
  const letters = code.toString("latin1");
  if (kind === 0) return { type: "video", codec: nameFourCc("video", letters), width: first, height: second };
  if (kind === 1) return { type: "audio", codec: nameSound(code), channels: third, sample_rate: first / second };
  return kind === 2 ? { type: "subtitle", codec: SUBTITLES[letters] ?? letters } : null;
}

const SUBTITLES: Record<string, string> = { UTF8: "text", "SSA ": "ass", DVDS: "dvd_subtitle", DVBS: "dvb_subtitle" };
const PCM_KINDS: Record<string, "signed" | "unsigned" | "float"> = { S: "signed", U: "unsigned", F: "float" };

/** By a format tag of two bytes, or by four letters; `PSD` and the bits of a sample are PCM, backwards if big-endian. */
function nameSound(code: Buffer): string {
  if (code.length >= 2 && code.subarray(2).every((byte) => byte === 0)) return nameWaveTag(code.readUInt16LE(0));
  const letters = code.toString("latin1");
  const [, kind = "", end = ""] = /^.D(.)(P)$/s.exec(letters) ?? /^P(.)D(.)$/s.exec(letters) ?? [];
  if (!PCM_KINDS[kind]) return nameFourCc("audio", letters);
  const bigEndian = end === "P";
  return namePcm({ bits: code[bigEndian ? 0 : 3] ?? 0, kind: PCM_KINDS[kind], bigEndian });
}

/** The fields of the header that begins here, behind its length. */
function fieldsAt(piece: Buffer, at: number): Fields | null {
  if (at < 0) return null;
  const fields = new Fields(piece, at + STREAM.length);
  if (fields.next() > LONG_HEADER) fields.skip(4); // A checksum of its own.
  return fields;
}

/** Numbers of 7 bits a byte, the highest bit of all but the last of which is set. Beyond the end they are 0. */
class Fields {
  readonly #piece: Buffer;
  #at: number;

  constructor(piece: Buffer, at: number) {
    this.#piece = piece;
    this.#at = at;
  }

  get isOver(): boolean {
    return this.#at > this.#piece.length;
  }

  next(): number {
    for (let value = 0; ; ) {
      const byte = this.#piece[this.#at++] ?? 0;
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) return value;
    }
  }

  nextBytes(): Buffer {
    const length = this.next();
    this.skip(length);
    return this.#piece.subarray(this.#at - length, this.#at);
  }

  skip(count: number): void {
    this.#at += count;
  }
}
