// Counts the packets of a Flash video (Adobe Flash Video File Format Specification 10.1, annex E). It has no index: the
// tags are walked, and where that is too much, the last tag tells the end.
import type { Bytes } from "./bytes.js";
import { nameFourCc } from "./codecs.js";
import { type Counted, type CountedTrack, PacketTally, type TrackFacts } from "./description.js";
import { PACKET_START_BYTES, refineFacts } from "./facts.js";

const AUDIO = 8;
const VIDEO = 9;
const SCRIPT = 18;
const HEAD_BYTES = 11;
/** How much of a file is walked that is too large to be read. */
const SAMPLE_BYTES = 32 * 2 ** 20;

/** The names of FFmpeg's flvdec.c; 12 is what some encoders use for H.265, and 14 is MP3 at 8 kHz. */
const VIDEO_CODECS: Record<number, string> = {
  2: "flv1",
  3: "flashsv",
  4: "vp6f",
  5: "vp6a",
  6: "flashsv2",
  7: "h264",
  8: "h263",
  9: "mpeg4",
  12: "hevc",
};
const AUDIO_CODECS: Record<number, string> = {
  1: "adpcm_swf",
  2: "mp3",
  4: "nellymoser",
  5: "nellymoser",
  6: "nellymoser",
  7: "pcm_alaw",
  8: "pcm_mulaw",
  10: "aac",
  11: "speex",
  14: "mp3",
};

interface Tag {
  type: number;
  bytes: number;
  timeS: number;
}

export async function readFlv(bytes: Bytes): Promise<Counted> {
  const found: Found = { tracks: new Map(), metadata: Buffer.alloc(0) };
  const header = await bytes.read(0, Math.min(9, bytes.size));
  let at = (header.length < 9 ? 9 : header.readUInt32BE(5)) + 4;
  const estimated = !bytes.canAfford(bytes.size);
  const end = estimated ? SAMPLE_BYTES : bytes.size;
  while (at + HEAD_BYTES <= end) {
    const piece = await bytes.peek(at, HEAD_BYTES + PACKET_START_BYTES);
    const tag = readTag(piece);
    const next = at + HEAD_BYTES + tag.bytes + 4;
    if (next - 4 > bytes.size) break; // The file is cut inside of this one.
    takeTag(found, tag, piece.subarray(HEAD_BYTES, HEAD_BYTES + tag.bytes));
    at = next;
  }
  if (estimated) await stretchToEnd(bytes, found);
  const tracks = [...found.tracks.values()];
  const headerDurationS = readNumber(found.metadata, "duration");
  return { container: "flv", headerDurationS, tracks, estimated };
}

interface Found {
  tracks: Map<number, CountedTrack>;
  metadata: Buffer;
}

function readTag(head: Buffer): Tag {
  const ms = head.readUIntBE(4, 3) + (head[7] ?? 0) * 2 ** 24;
  return { type: (head[0] ?? 0) & 31, bytes: head.readUIntBE(1, 3), timeS: ms / 1000 };
}

function takeTag(found: Found, tag: Tag, body: Buffer): void {
  if (tag.type === SCRIPT && found.metadata.length === 0) found.metadata = Buffer.from(body);
  if (body.length < 2 || (tag.type !== AUDIO && tag.type !== VIDEO)) return;
  const packet = tag.type === AUDIO ? readSound(body) : readPicture(body, found.metadata);
  if (!packet) return;
  const { facts, config, data, laterS } = packet;
  const track = found.tracks.get(tag.type) ?? { facts, tally: new PacketTally() };
  found.tracks.set(tag.type, track);
  if (track.tally.count === 0) track.facts = refineFacts(track.facts, { config, packet: data });
  if (!config) track.tally.add(tag.timeS + laterS, 0, tag.bytes);
}

interface Packet {
  facts: TrackFacts;
  config?: Uint8Array;
  data: Uint8Array;
  /** From decoding to showing. */
  laterS: number;
}

function readSound(body: Buffer): Packet {
  const flags = body[0] ?? 0;
  const id = flags >> 4;
  const wide = (flags & 2) !== 0;
  const codec = id === 0 || id === 3 ? (wide ? "pcm_s16le" : "pcm_u8") : (AUDIO_CODECS[id] ?? `flv ${id}`);
  const rate = id === 4 || id === 11 ? 16_000 : id === 5 ? 8000 : 44_100 >> (3 - ((flags >> 2) & 3));
  const channels = (flags & 1) === 1 && id !== 4 && id !== 5 && id !== 11 ? 2 : 1;
  const facts: TrackFacts = { type: "audio", codec, channels, sample_rate: rate };
  if (codec === "aac") {
    const data = body.subarray(2);
    return { facts, data, laterS: 0, ...(body[1] === 0 ? { config: data } : {}) };
  }
  return { facts, data: body.subarray(1), laterS: 0 };
}

function readPicture(body: Buffer, metadata: Buffer): Packet | null {
  const flags = body[0] ?? 0;
  const size = { width: readNumber(metadata, "width"), height: readNumber(metadata, "height") };
  const isExtended = (flags & 0x80) !== 0;
  if (((flags >> 4) & 7) === 5) return null; // A command to the player.
  const fourCc = body.toString("latin1", 1, 5);
  const codec = isExtended ? nameFourCc("video", fourCc) : (VIDEO_CODECS[flags & 15] ?? `flv ${flags & 15}`);
  const facts: TrackFacts = { type: "video", codec, rotation: 0, ...size };
  if (!isExtended && codec !== "h264" && codec !== "hevc") return { facts, data: body.subarray(1), laterS: 0 };
  const kind = isExtended ? flags & 15 : body[1];
  const data = body.subarray(5);
  if (kind === 0) return { facts, data, config: data, laterS: 0 };
  if (kind !== 1) return kind === 3 ? { facts, data, laterS: 0 } : null;
  const later = body.readIntBE(isExtended ? 5 : 2, 3);
  return { facts, data, laterS: later / 1000 };
}

/** A number of the metadata, which are a list of names and values: 00 stands for a double. */
function readNumber(metadata: Buffer, name: string): number | null {
  const at = metadata.indexOf(`\0${String.fromCharCode(name.length)}${name}\0`);
  const start = at + name.length + 3;
  return at < 0 || start + 8 > metadata.length ? null : metadata.readDoubleBE(start);
}

/** The last four bytes tell how long the last tag is, whose time is the end; some files have zeros in their place. */
async function stretchToEnd(bytes: Bytes, { tracks, metadata }: Found): Promise<void> {
  const last = (await bytes.read(bytes.size - 4, bytes.size)).readUInt32BE();
  const at = bytes.size - 4 - last;
  const timeS = last >= HEAD_BYTES && at > 0 ? readTag(await bytes.peek(at, HEAD_BYTES)).timeS : null;
  const tallies = [...tracks.values()].map(({ tally }) => tally);
  const sampled = tallies.reduce((sum, tally) => sum + tally.bytes, 0);
  for (const tally of tallies) {
    const tail = new PacketTally();
    const endS = timeS ?? readNumber(metadata, "duration") ?? 0;
    if (endS > tally.lastStartS) tail.add(endS, 0, 0);
    tally.stretch(tail, Math.round((bytes.size * tally.bytes) / sampled));
  }
}
