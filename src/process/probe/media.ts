// Reads what a media file holds: mp4, mov, Matroska and WebM with mediabunny, the formats without an index in streams.ts.
import {
  CustomSource,
  type EncodedPacket,
  EncodedPacketSink,
  Input,
  type InputFormat,
  type InputTrack,
  Logging,
  LogLevel,
  MATROSKA,
  MP4,
  QTFF,
  UnsupportedInputFormatError,
  WEBM,
} from "mediabunny";
import { messageOf } from "../../errors.js";
import type { Bytes } from "./bytes.js";
import { nameContainerCodec, nameLanguage } from "./codecs.js";
import { type Contents, type Counted, type CountedTrack, describeContents, PacketTally } from "./description.js";
import { readFacts } from "./facts.js";
import { Refusal, Unreachable } from "./failure.js";
import { readIsobmff } from "./isobmff.js";
import { readMatroska } from "./matroska.js";
import { type ForeignFormat, SNIFF_BYTES, sniff, unknownFormat } from "./sniff.js";
import { readStream } from "./streams.js";

const FORMATS = [MP4, QTFF, MATROSKA, WEBM];

const CONTAINERS = new Map<InputFormat, string>([
  [MP4, "mp4"],
  [QTFF, "mov"],
  [MATROSKA, "matroska"],
  [WEBM, "webm"],
]);

/** How the files begin that mediabunny reads. */
const INDEXED = [
  { at: 4, magic: "ftyp" },
  { at: 4, magic: "styp" },
  { at: 0, magic: "\x1a\x45\xdf\xa3" },
];
const CACHE_BYTES = 2 * 2 ** 20;

Logging.level = LogLevel.Silent;

/** The contents of a file, or the format that ffprobe has to read; throws a Refusal for what is no whole media file. */
export async function readMedia(bytes: Bytes): Promise<Contents | ForeignFormat> {
  if (bytes.size === 0) throw new Refusal("the file is empty (0 bytes)");
  const head = await bytes.read(0, Math.min(SNIFF_BYTES, bytes.size));
  const sniffed = sniff(head);
  if (typeof sniffed === "object") return sniffed;
  const text = Buffer.from(head).toString("latin1");
  if (INDEXED.some(({ at, magic }) => text.startsWith(magic, at))) return readIndexed(bytes, head);
  const counted = await readStream(bytes, Buffer.from(head));
  if (counted) return complete(bytes, counted);
  // An ogg may hold streams that only ffprobe knows.
  if (text.startsWith("OggS")) return { container: "ogg", demuxer: "ogg" };
  throw unknownFormat(head);
}

async function readIndexed(bytes: Bytes, head: Uint8Array): Promise<Contents> {
  using input = new Input({ formats: FORMATS, source: sourceOf(bytes) });
  const format = await input.getFormat().catch((error) => {
    throw error instanceof UnsupportedInputFormatError ? unknownFormat(head) : error;
  });
  const container = CONTAINERS.get(format) ?? format.name;
  try {
    const isMatroska = container === "matroska" || container === "webm";
    return complete(bytes, await (isMatroska ? countMatroska : countIsobmff)(bytes, input, container));
  } catch (error) {
    if (isOurs(error)) throw error;
    throw new Refusal(`damaged: it begins like ${container}, but cannot be read as such (${messageOf(error)})`);
  }
}

/** Ours, or what came up from the disk or the network; all else is mediabunny stumbling over the file. */
function isOurs(error: unknown): boolean {
  return error instanceof Refusal || error instanceof Unreachable;
}

function sourceOf(bytes: Bytes): CustomSource {
  return new CustomSource({
    getSize: () => bytes.size,
    read: (start, end) => bytes.read(start, end),
    // What lies in this cache is read without waiting.
    prefetchProfile: "fileSystem",
    maxCacheSize: CACHE_BYTES,
    // The read itself has rejected already.
    handleUnhandledError: () => {},
  });
}

function complete(bytes: Bytes, counted: Counted): Contents {
  const { container, tracks } = counted;
  if (tracks.length === 0) throw new Refusal(`this ${container} holds no video, audio or subtitle track`);
  const contents = describeContents({ ...counted, size: bytes.size });
  if (!contents) throw new Refusal(`cut short: this ${container} announces its tracks, but holds nothing of them`);
  return contents;
}

async function countIsobmff(bytes: Bytes, input: Input, container: string): Promise<Counted> {
  const known = await readIsobmff(bytes);
  const found = new Map(known.subtitles);
  for (const track of await input.getTracks()) {
    const presentedUntilS = known.presentedUntilS.get(track.id) ?? null;
    found.set(track.id, { facts: await readFacts(track), tally: await countPackets(track), presentedUntilS });
  }
  const headerDurationS = known.headerDurationS ?? (await input.getDurationFromMetadata());
  const name = container === "mp4" && known.brand.startsWith("3g") ? "3gp" : container;
  return { container: name, headerDurationS, tracks: inOrder(known.trackIds, found) };
}

async function countMatroska(bytes: Bytes, input: Input, container: string): Promise<Counted> {
  const known = await readMatroska(bytes);
  const found = new Map<number, CountedTrack>();
  for (const { number, subtitle, codecId, language, tally } of known.tracks) {
    if (!subtitle) continue;
    const facts = { type: "subtitle", codec: nameContainerCodec(codecId), language: nameLanguage(language) } as const;
    found.set(number, { facts, tally });
  }
  for (const track of await input.getTracks()) {
    const tally = known.tracks.find(({ number }) => number === track.id)?.tally ?? new PacketTally();
    found.set(track.id, { facts: await readFacts(track), tally });
  }
  const numbers = known.tracks.map(({ number }) => number);
  return { container, headerDurationS: known.headerDurationS, tracks: inOrder(numbers, found) };
}

function inOrder(ids: number[], found: Map<number, CountedTrack>): CountedTrack[] {
  return [...found].sort(([one], [other]) => ids.indexOf(one) - ids.indexOf(other)).map(([, track]) => track);
}

async function countPackets(track: InputTrack): Promise<PacketTally> {
  const sink = new EncodedPacketSink(track);
  const tally = new PacketTally();
  let last: EncodedPacket | null = null;
  let beforeLast: EncodedPacket | null = null;
  for await (const packet of sink.packets(undefined, undefined, { metadataOnly: true })) {
    tally.add(packet.timestamp, packet.duration, packet.byteLength);
    [beforeLast, last] = [last, packet];
  }
  if (!last || (await isThere(sink, beforeLast))) return tally;
  return countPacketsThere(sink);
}

/** An index speaks of packets that a cut file no longer has: the data itself has to be asked for. */
async function isThere(sink: EncodedPacketSink, before: EncodedPacket | null): Promise<boolean> {
  try {
    return (await (before ? sink.getNextPacket(before) : sink.getFirstPacket())) !== null;
  } catch (error) {
    if (isOurs(error)) throw error;
    return true; // It is there, but locked by an encryption whose key we do not have.
  }
}

/** The packet that the end of the file cuts through is counted: players show what they can of it, and so does ffprobe. */
async function countPacketsThere(sink: EncodedPacketSink): Promise<PacketTally> {
  const tally = new PacketTally();
  let last: EncodedPacket | null = null;
  for await (const packet of sink.packets()) {
    tally.add(packet.timestamp, packet.duration, packet.byteLength);
    last = packet;
  }
  const cut = last && (await sink.getNextPacket(last, { metadataOnly: true }));
  if (cut) tally.add(cut.timestamp, cut.duration, 0);
  return tally;
}
