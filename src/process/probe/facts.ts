// What a track holds: its codec, its size or its sound, its language. Containers repeat these figures, often wrongly, so
// what the codec's own configuration or its first packet tells goes first, as with ffprobe.
import type { InputTrack, InputVideoTrack } from "mediabunny";
import { readAacConfig } from "./aac.js";
import { nameCodec, nameContainerCodec, nameLanguage, nameMatroskaCodec } from "./codecs.js";
import type { TrackFacts } from "./description.js";
import { type FrameReader, readAc3Frame, readAdtsFrame, readDtsFrame, readMpegFrame, trueHdReader } from "./frames.js";
import { readPictures } from "./pictures.js";
import { findPictureSize } from "./sps.js";

/** What a codec tells of itself. */
export interface CodecData {
  /** As avcC, AudioSpecificConfig or Matroska's CodecPrivate. */
  config?: Uint8Array | undefined;
  /** The beginning of the first packet. */
  packet?: Uint8Array | undefined;
}

/** Codecs whose containers are often wrong about them, or call several codecs by one code. */
const TOLD_BY_PACKET = new Set(["mp1", "mp2", "mp3", "dts", "truehd", "mpeg4", "mpeg1video", "mpeg2video"]);

/** How much of a first packet is enough. */
export const PACKET_START_BYTES = 4096;

export interface FactSources {
  /** Matroska's CodecPrivate, where mediabunny has no decoder configuration. */
  config?: Uint8Array | undefined;
  /** The beginning of the first packet; only asked for where it matters. */
  readPacket?: () => Promise<Uint8Array>;
}

export async function readFacts(
  track: InputTrack,
  { config: given, readPacket }: FactSources = {},
): Promise<TrackFacts> {
  const known = await track.getCodec();
  const codec = known ? nameCodec(known) : nameInner(await track.getInternalCodecId(), given);
  const language = nameLanguage(await track.getLanguageCode());
  const config = given ?? (await readConfig(track));
  const packet = readPacket && TOLD_BY_PACKET.has(codec) ? await readPacket() : undefined;
  if (track.isVideoTrack()) {
    const size = { width: await track.getCodedWidth(), height: await track.getCodedHeight() };
    const facts: TrackFacts = { type: "video", codec, language, ...size, rotation: await readRotation(track) };
    return refineFacts(facts, { config, packet });
  }
  if (track.isAudioTrack()) {
    const sound = { channels: await track.getNumberOfChannels(), sample_rate: await track.getSampleRate() };
    return refineFacts({ type: "audio", codec, language, ...sound }, { config, packet });
  }
  return { type: "subtitle", codec, language };
}

function nameInner(id: string | number | Uint8Array | null, config: Uint8Array | undefined): string {
  return typeof id === "string" && config ? nameMatroskaCodec(id, config) : nameContainerCodec(id);
}

async function readConfig(track: InputTrack): Promise<Uint8Array | undefined> {
  if (!track.isVideoTrack() && !track.isAudioTrack()) return undefined;
  const { description } = (await track.getDecoderConfig()) ?? {};
  if (description === undefined) return undefined;
  return ArrayBuffer.isView(description)
    ? new Uint8Array(description.buffer, description.byteOffset, description.byteLength)
    : new Uint8Array(description);
}

/** Clockwise and in whole degrees; mediabunny rounds to quarters of a turn. */
async function readRotation(track: InputVideoTrack): Promise<number> {
  const [a, b] = await track.getTransformationMatrix();
  return (Math.round((Math.atan2(b, a) * 180) / Math.PI) + 360) % 360;
}

const FRAME_READERS: Record<string, FrameReader> = {
  mp1: readMpegFrame,
  mp2: readMpegFrame,
  mp3: readMpegFrame,
  ac3: readAc3Frame,
  dts: readDtsFrame,
  truehd: trueHdReader(),
};

/** Puts what the codec tells of itself in the place of what the container says. */
export function refineFacts(facts: TrackFacts, { config, packet = new Uint8Array() }: CodecData): TrackFacts {
  if (facts.type === "video") return refineVideo(facts, { config, packet });
  switch (facts.codec) {
    case "aac": {
      const { rate, channels } = (config && readAacConfig(config)) ?? readAdtsFrame(packet, 0) ?? {};
      return { ...facts, ...(channels && { channels }), ...(rate && { sample_rate: rate }) };
    }
    case "amr_nb":
      return { ...facts, channels: 1, sample_rate: 8000 };
    case "amr_wb":
      return { ...facts, channels: 1, sample_rate: 16_000 };
    default: {
      const frame = FRAME_READERS[facts.codec]?.(packet, 0);
      if (!frame?.rate) return facts;
      return { ...facts, channels: frame.channels, sample_rate: frame.rate };
    }
  }
}

function refineVideo(
  facts: TrackFacts,
  { config, packet }: { config: Uint8Array | undefined; packet: Uint8Array },
): TrackFacts {
  switch (facts.codec) {
    case "h264":
    case "hevc":
      return { ...facts, ...findPictureSize(facts.codec, config?.[0] === 1 ? config : packet) };
    case "mpeg4":
    case "mpeg1video":
    case "mpeg2video":
      return { ...facts, ...findSequence(packet) };
    default:
      return facts;
  }
}

/** `mp4v` stands for several codecs, which their first bytes tell apart. */
function findSequence(packet: Uint8Array): Partial<TrackFacts> | null {
  const head = Buffer.from(packet.buffer, packet.byteOffset, Math.min(packet.length, PACKET_START_BYTES));
  if (head.indexOf("ffd8ff", 0, "hex") === 0) return { codec: "mjpeg" };
  if (head.indexOf("89504e47", 0, "hex") === 0) return { codec: "png" };
  return readPictures("mpeg", head);
}
