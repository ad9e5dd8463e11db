// What a program map table says of a stream: its codec by its type, or by the descriptors beside it. Sources: ISO/IEC
// 13818-1 table 2-34, ETSI EN 300 468 (DVB), ATSC A/53 and A/52, and the types of Blu-ray discs.
import type { TrackFacts } from "./description.js";
import type { FrameReader } from "./frames.js";
import * as frames from "./frames.js";
import type { PictureFamily } from "./pictures.js";

/** How the packets of a stream tell the rest. */
export interface StreamKind {
  facts: TrackFacts;
  pictures?: PictureFamily | undefined;
  sound?: (() => FrameReader) | undefined;
}

const video = (codec: string, pictures?: PictureFamily): StreamKind => ({ facts: { type: "video", codec }, pictures });
const audio = (codec: string, sound?: () => FrameReader): StreamKind => ({ facts: { type: "audio", codec }, sound });
const subtitle = (codec: string): StreamKind => ({ facts: { type: "subtitle", codec } });

const MPEG_AUDIO = audio("mp2", () => frames.readMpegFrame);
const AAC = audio("aac", () => frames.readAdtsFrame);
const LATM = audio("aac_latm", frames.latmReader);
const AC3 = audio("ac3", () => frames.readAc3Frame);
const EAC3 = audio("eac3", () => frames.readAc3Frame);
const DTS = audio("dts", () => frames.readDtsFrame);
const OPUS: StreamKind = { facts: { type: "audio", codec: "opus", sample_rate: 48_000 } };
const HEVC = video("hevc", "hevc");

const BY_TYPE: Record<number, StreamKind> = {
  ...{
    1: video("mpeg1video", "mpeg"),
    2: video("mpeg2video", "mpeg"),
    16: video("mpeg4", "mpeg4"),
    27: video("h264", "h264"),
  },
  ...{
    36: HEVC,
    51: video("vvc"),
    66: video("cavs"),
    209: video("dirac"),
    210: video("avs2"),
    212: video("avs3"),
    234: video("vc1", "vc1"),
  },
  ...{ 3: MPEG_AUDIO, 4: MPEG_AUDIO, 15: AAC, 17: LATM, 128: audio("pcm_bluray", () => readBluRayPcm), 129: AC3 },
  ...{ 130: DTS, 131: audio("truehd", frames.trueHdReader), 132: EAC3, 133: DTS, 134: DTS, 135: EAC3, 138: DTS },
  ...{ 161: EAC3, 162: DTS, 144: subtitle("hdmv_pgs_subtitle"), 146: subtitle("hdmv_text_subtitle") },
};
const BY_DESCRIPTOR: Record<number, StreamKind> = {
  ...{ 86: subtitle("dvb_teletext"), 89: subtitle("dvb_subtitle") },
  ...{ 106: AC3, 122: EAC3, 123: DTS, 124: AAC },
};
/** By the code that a registration descriptor holds. */
const BY_REGISTRATION: Record<string, StreamKind> = {
  ...{ "AC-3": AC3, EAC3, DTS1: DTS, DTS2: DTS, DTS3: DTS, HEVC, "VC-1": video("vc1", "vc1"), AV01: video("av1") },
  ...{ BSSD: audio("s302m", () => readS302), Opus: OPUS, drac: video("dirac") },
};
const PRIVATE_TYPES = new Set([0x06, 0x80, 0xea, 0xd1]);
const REGISTRATION = 0x05;
const LANGUAGE = 0x0a;
/** Marks for where to insert advertisements have the type of a sound of Blu-ray discs. */
const CUES = { type: 0x86, registration: "CUEI" };

export interface AnnouncedStream {
  type: number;
  /** Of this stream, and of its program before. */
  descriptors: Buffer;
}

/** null for streams of data. */
export function readStreamKind({ type, descriptors }: AnnouncedStream): StreamKind | null {
  let kind: StreamKind | null = BY_TYPE[type] ?? null;
  let language: string | null = null;
  for (const { tag, value } of descriptorsOf(descriptors)) {
    const registration = tag === REGISTRATION ? value.toString("latin1", 0, 4) : null;
    if (type === CUES.type && registration === CUES.registration) return null;
    const named = registration === null ? BY_DESCRIPTOR[tag] : BY_REGISTRATION[registration];
    if (named && (PRIVATE_TYPES.has(type) || kind === null)) kind = named;
    if ((tag === LANGUAGE || named?.facts.type === "subtitle") && value.length >= 3)
      language = value.toString("latin1", 0, 3);
  }
  return kind && { ...kind, facts: { ...kind.facts, ...(kind === OPUS && opusChannels(descriptors)), language } };
}

/** The draft of Opus in transport streams puts the number of channels into a descriptor of its own; 0 stands for two. */
function opusChannels(descriptors: Buffer): { channels: number } {
  const found = [...descriptorsOf(descriptors)].find(({ tag, value }) => tag === 0x7f && value[0] === 0x80);
  return { channels: found?.value[1] || 2 };
}

function* descriptorsOf(piece: Buffer): Generator<{ tag: number; value: Buffer }> {
  for (let at = 0; at + 2 <= piece.length; at += 2 + (piece[at + 1] ?? 0)) {
    yield { tag: piece[at] ?? 0, value: piece.subarray(at + 2, at + 2 + (piece[at + 1] ?? 0)) };
  }
}

const BLU_RAY_CHANNELS = [0, 1, 0, 2, 3, 3, 4, 4, 5, 6, 7, 8];
const BLU_RAY_RATES: Record<number, number> = { 1: 48_000, 4: 96_000, 5: 192_000 };

function readBluRayPcm(data: Uint8Array, at: number): frames.Frame | null {
  if (at > 0) return null;
  const layout = data[at + 2] ?? 0;
  const channels = BLU_RAY_CHANNELS[layout >> 4];
  const rate = BLU_RAY_RATES[layout & 15];
  return channels && rate ? { codec: "pcm_bluray", bytes: data.length, samples: rate / 200, rate, channels } : null;
}

/** SMPTE 302M: pairs of channels, always 48 kHz. */
function readS302(data: Uint8Array, at: number): frames.Frame | null {
  return {
    codec: "s302m",
    bytes: data.length,
    samples: 0,
    rate: 48_000,
    channels: (((data[at + 2] ?? 0) >> 6) + 1) * 2,
  };
}
