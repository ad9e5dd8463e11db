// Reads what a media file holds with mediabunny, from its index and its packets' metadata; never from the samples.
import {
  ADTS,
  CustomSource,
  type EncodedPacket,
  EncodedPacketSink,
  FLAC,
  Input,
  type InputFormat,
  type InputTrack,
  Logging,
  LogLevel,
  MATROSKA,
  MP3,
  MP4,
  MPEG_TS,
  OGG,
  QTFF,
  UnsupportedInputFormatError,
  WAVE,
  WEBM,
} from "mediabunny";
import { messageOf } from "../../errors.js";
import type { Bytes } from "./bytes.js";
import { nameContainerCodec, nameLanguage } from "./codecs.js";
import { type Contents, type CountedTrack, describeContents, PacketTally } from "./description.js";
import { readFacts } from "./facts.js";
import { Refusal, Unreachable } from "./failure.js";
import { readIsobmff } from "./isobmff.js";
import { readMatroska } from "./matroska.js";
import { extendSound, readTransport, type TransportStream } from "./mpegts.js";
import { endOfWholePages, hasForeignStream, isOgg } from "./ogg.js";
import { type ForeignFormat, SNIFF_BYTES, sniff, unknownFormat } from "./sniff.js";

/** All that mediabunny knows but HLS, whose playlists would lead it to other files. */
const FORMATS = [MP4, QTFF, MATROSKA, WEBM, WAVE, OGG, FLAC, MP3, ADTS, MPEG_TS];

const CONTAINERS = new Map<InputFormat, string>([
  [MP4, "mp4"],
  [QTFF, "mov"],
  [MATROSKA, "matroska"],
  [WEBM, "webm"],
  [WAVE, "wav"],
  [OGG, "ogg"],
  [FLAC, "flac"],
  [MP3, "mp3"],
  [ADTS, "aac"],
  [MPEG_TS, "mpegts"],
]);

/** Stream types of pictures and sound: what mediabunny leaves out of these, ffprobe has to read. */
const MEDIA_STREAM_TYPES = new Set([
  ...[0x01, 0x02, 0x10, 0x1b, 0x24, 0x33, 0xea], // MPEG-1, -2, -4, H.264, H.265, H.266, VC-1
  ...[0x03, 0x04, 0x0f, 0x11, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87], // MPEG, AAC, LATM, PCM, AC-3, DTS and kin
]);

const CACHE_BYTES = 2 * 2 ** 20;

Logging.level = LogLevel.Silent;

/** The contents of a file, or the format that ffprobe has to read; throws a Refusal for what is no whole media file. */
export async function readMedia(bytes: Bytes): Promise<Contents | ForeignFormat> {
  if (bytes.size === 0) throw new Refusal("the file is empty (0 bytes)");
  const head = await bytes.read(0, Math.min(SNIFF_BYTES, bytes.size));
  const sniffed = sniff(head);
  if (typeof sniffed === "object") return sniffed;
  const size = sniffed === "named" && isOgg(head) ? await endOfWholePages(bytes) : bytes.size;
  using input = new Input({ formats: FORMATS, source: sourceOf(bytes, size) });
  const format = await input.getFormat().catch((error) => {
    throw error instanceof UnsupportedInputFormatError ? unknownFormat(head) : error;
  });
  const container = CONTAINERS.get(format) ?? format.name;
  try {
    return await readFormat(bytes, { input, container, named: sniffed === "named", head });
  } catch (error) {
    if (isOurs(error)) throw error;
    throw new Refusal(`damaged: it begins like ${container}, but cannot be read as such (${messageOf(error)})`);
  }
}

/** Ours, or what came up from the disk or the network; all else is mediabunny stumbling over the file. */
function isOurs(error: unknown): boolean {
  return error instanceof Refusal || error instanceof Unreachable;
}

function sourceOf(bytes: Bytes, size: number): CustomSource {
  return new CustomSource({
    getSize: () => size,
    read: (start, end) => bytes.read(start, end),
    // What lies in this cache is read without waiting; a transport stream is read 188 bytes at a time.
    prefetchProfile: "fileSystem",
    maxCacheSize: CACHE_BYTES,
    // The read itself has rejected already.
    handleUnhandledError: () => {},
  });
}

interface OpenMedia {
  input: Input;
  container: string;
  /** Its first bytes name the format; otherwise it only looks like it. */
  named: boolean;
  head: Uint8Array;
}

async function readFormat(
  bytes: Bytes,
  { input, container, named, head }: OpenMedia,
): Promise<Contents | ForeignFormat> {
  switch (container) {
    case "mp4":
    case "mov":
      return complete(bytes, await countIsobmff(bytes, input, container));
    case "matroska":
    case "webm":
      return complete(bytes, await countMatroska(bytes, input, container));
    case "ogg":
      if (await hasForeignStream(bytes)) return { container, demuxer: container };
      return complete(bytes, await countPlain(input, container));
    case "mpegts": {
      const streams = await readTransport(bytes);
      const counted = await countTransport(streams, input, container);
      const media = streams.filter(({ type, tally }) => MEDIA_STREAM_TYPES.has(type) && tally.count > 0);
      if (media.length > counted.tracks.filter(({ facts }) => facts.type !== "subtitle").length) {
        return { container, demuxer: container };
      }
      return complete(bytes, counted);
    }
    default: {
      const counted = await countPlain(input, container);
      const packetBytes = counted.tracks.reduce((sum, { tally }) => sum + tally.bytes, 0);
      // Noise holds what looks like the start of a frame every few kilobytes.
      if (!named && packetBytes < bytes.size / 2) throw unknownFormat(head);
      return complete(bytes, counted);
    }
  }
}

interface Counted {
  container: string;
  headerDurationS: number | null;
  tracks: CountedTrack[];
}

function complete(bytes: Bytes, counted: Counted): Contents {
  const { container, tracks } = counted;
  if (tracks.length === 0) throw new Refusal(`this ${container} holds no video, audio or subtitle track`);
  const contents = describeContents({ ...counted, size: bytes.size });
  if (!contents) throw new Refusal(`cut short: this ${container} announces its tracks, but holds nothing of them`);
  return contents;
}

async function countPlain(input: Input, container: string): Promise<Counted> {
  const tracks: CountedTrack[] = [];
  for (const track of await input.getTracks()) {
    tracks.push({ facts: await readFacts(track), tally: await countPackets(track) });
  }
  return { container, headerDurationS: await input.getDurationFromMetadata(), tracks };
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

async function countTransport(streams: TransportStream[], input: Input, container: string): Promise<Counted> {
  const found = new Map<number, CountedTrack>();
  for (const { pid, subtitle, language, tally } of streams) {
    if (subtitle) found.set(pid, { facts: { type: "subtitle", codec: subtitle, language }, tally });
  }
  for (const track of await input.getTracks()) {
    const stream = streams.find(({ pid }) => pid === track.id);
    if (stream && track.isAudioTrack()) extendSound(stream);
    found.set(track.id, { facts: await readFacts(track), tally: stream?.tally ?? new PacketTally() });
  }
  const pids = streams.map(({ pid }) => pid);
  return { container, headerDurationS: null, tracks: inOrder(pids, found) };
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
