// Headers of the frames of compressed sound: MPEG audio, AAC in ADTS and LATM, AC-3, E-AC-3, DTS, TrueHD and AMR. One
// frame tells its own length, so a stream is walked from header to header. Sources: ISO/IEC 11172-3, 13818-3 and 14496-3,
// ETSI TS 102 366 (AC-3), ETSI TS 102 114 (DTS), RFC 4867 (AMR), Dolby TrueHD (MLP) high-level bitstream description.
import { AAC_RATES, readAacCore } from "./aac.js";
import { Bits } from "./bits.js";

export interface Frame {
  /** By ffprobe's names. */
  codec: string;
  bytes: number;
  /** For each channel; 0 for an extension of the frame before. */
  samples: number;
  rate: number;
  channels: number;
}

/** Reads the header that begins at this place, or returns null where none does. */
export type FrameReader = (data: Uint8Array, at: number) => Frame | null;

/** What a reader looks at, at most. */
export const FRAME_HEADER_BYTES = 64;

const MPEG_BITRATES: Record<string, readonly number[]> = {
  "1.1": [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  "1.2": [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  "1.3": [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  "2.1": [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  "2.2": [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  "2.3": [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const MPEG_RATES = [44_100, 48_000, 32_000];

export function readMpegFrame(data: Uint8Array, at: number): Frame | null {
  const [sync = 0, second = 0, third = 0, fourth = 0] = [data[at], data[at + 1], data[at + 2], data[at + 3]];
  if (sync !== 0xff || (second & 0xe0) !== 0xe0) return null;
  const version = (second >> 3) & 3;
  const layer = 4 - ((second >> 1) & 3);
  const baseRate = MPEG_RATES[(third >> 2) & 3];
  if (version === 1 || layer === 4 || baseRate === undefined) return null;
  const bitrate = MPEG_BITRATES[`${version === 3 ? 1 : 2}.${layer}`]?.[third >> 4];
  if (!bitrate) return null; // Also "free", whose frames do not tell their length.
  const rate = version === 3 ? baseRate : baseRate / (version === 2 ? 2 : 4);
  const padding = (third >> 1) & 1;
  const samples = layer === 1 ? 384 : layer === 3 && version !== 3 ? 576 : 1152;
  const slot = layer === 1 ? 4 : 1;
  const bytes = (Math.floor(((samples / 8) * bitrate * 1000) / rate / slot) + padding) * slot;
  return { codec: `mp${layer}`, bytes, samples, rate, channels: fourth >> 6 === 3 ? 1 : 2 };
}

export function readAdtsFrame(data: Uint8Array, at: number): Frame | null {
  if (data[at] !== 0xff || ((data[at + 1] ?? 0) & 0xf6) !== 0xf0) return null;
  const bits = new Bits(data.subarray(at + 2, at + 7));
  bits.skip(2);
  const rate = AAC_RATES[bits.read(4)];
  bits.skip(1);
  const layout = bits.read(3);
  bits.skip(4);
  const bytes = bits.read(13);
  bits.skip(11);
  const blocks = bits.read(2) + 1;
  if (rate === undefined || bytes < 8) return null;
  return { codec: "aac", bytes, samples: blocks * 1024, rate, channels: aacChannels(layout) };
}

function aacChannels(layout: number): number {
  // 0: told by an element inside of the frames, which for nearly all of such files means two mono channels.
  return layout === 7 ? 8 : layout || 2;
}

/** A frame may lean on the configuration of an earlier one; version 1 of it is not in use. */
export function latmReader(): FrameReader {
  let known: Pick<Frame, "samples" | "rate" | "channels"> | null = null;
  return (data, at) => {
    if (data[at] !== 0x56 || ((data[at + 1] ?? 0) & 0xe0) !== 0xe0) return null;
    const bits = new Bits(data.subarray(at + 1, at + FRAME_HEADER_BYTES));
    bits.skip(3);
    const bytes = bits.read(13) + 3;
    if (!bits.flag() && !bits.flag()) {
      bits.skip(1 + 6 + 4 + 3);
      const { coreRate, rate, layout, stereo } = readAacCore(bits);
      known =
        rate && coreRate
          ? { samples: (1024 * rate) / coreRate, rate, channels: stereo ? 2 : aacChannels(layout) }
          : null;
    }
    return known && { codec: "aac_latm", bytes, ...known };
  };
}

const AC3_RATES = [48_000, 44_100, 32_000];
const AC3_CHANNELS = [2, 1, 2, 3, 3, 4, 4, 5];
const AC3_BITRATES = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

export function readAc3Frame(data: Uint8Array, at: number): Frame | null {
  if (data[at] !== 0x0b || data[at + 1] !== 0x77) return null;
  const version = (data[at + 5] ?? 0) >> 3;
  if (version > 16) return null;
  return version > 10 ? readEac3(data, at) : readAc3(data, at, version);
}

function readAc3(data: Uint8Array, at: number, version: number): Frame | null {
  const bits = new Bits(data.subarray(at + 4, at + 9));
  const rate = AC3_RATES[bits.read(2)];
  const size = bits.read(6);
  const bitrate = AC3_BITRATES[size >> 1];
  bits.skip(8);
  const mode = bits.read(3);
  if (rate === undefined || bitrate === undefined) return null;
  if ((mode & 1) !== 0 && mode !== 1) bits.skip(2);
  if ((mode & 4) !== 0) bits.skip(2);
  if (mode === 2) bits.skip(2);
  const channels = (AC3_CHANNELS[mode] ?? 0) + bits.read(1);
  // Words of 16 bits; at 44.1 kHz every other size has one more.
  const words = Math.floor((bitrate * 1000 * 96) / rate) + (rate === 44_100 ? size & 1 : 0);
  return { codec: "ac3", bytes: words * 2, samples: 1536, rate: rate >> Math.max(0, version - 8), channels };
}

function readEac3(data: Uint8Array, at: number): Frame | null {
  const bits = new Bits(data.subarray(at + 2, at + 6));
  const kind = bits.read(2);
  const part = bits.read(3);
  const bytes = (bits.read(11) + 1) * 2;
  const rateCode = bits.read(2);
  const blockCode = bits.read(2);
  const rate = rateCode === 3 ? (AC3_RATES[blockCode] ?? 0) / 2 : (AC3_RATES[rateCode] ?? 0);
  const blocks = rateCode === 3 ? 6 : ([1, 2, 3, 6][blockCode] ?? 6);
  const channels = (AC3_CHANNELS[bits.read(3)] ?? 0) + bits.read(1);
  if (kind === 3 || rate === 0 || bytes < 8) return null;
  // A dependent frame adds channels to the one before, and a later part is another programme at the same time.
  return { codec: "eac3", bytes, samples: kind === 1 || part > 0 ? 0 : blocks * 256, rate, channels };
}

const DTS_RATES = [
  0, 8000, 16_000, 32_000, 0, 0, 11_025, 22_050, 44_100, 0, 0, 12_000, 24_000, 48_000, 96_000, 192_000,
];
const DTS_CHANNELS = [1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 6, 6, 7, 8, 8];
const DTS_CORE = 0x7ffe8001;
const DTS_EXTENSION = 0x64582025;

export function readDtsFrame(data: Uint8Array, at: number): Frame | null {
  if (data[at] !== 0x7f && data[at] !== 0x64) return null;
  const bits = new Bits(data.subarray(at, at + 16));
  const sync = bits.read(32);
  if (sync === DTS_EXTENSION) {
    bits.skip(10);
    const long = bits.flag();
    bits.skip(long ? 12 : 8);
    return { codec: "dts", bytes: bits.read(long ? 20 : 16) + 1, samples: 0, rate: 0, channels: 0 };
  }
  if (sync !== DTS_CORE) return null;
  bits.skip(7);
  const blocks = bits.read(7) + 1;
  const bytes = bits.read(14) + 1;
  const mode = bits.read(6);
  const rate = DTS_RATES[bits.read(4)];
  bits.skip(5 + 5 + 3 + 1 + 1);
  const low = bits.read(2);
  const channels = DTS_CHANNELS[mode];
  if (!rate || channels === undefined || blocks < 6 || bytes < 96 || low === 3) return null;
  return { codec: "dts", bytes, samples: blocks * 32, rate, channels: channels + (low > 0 ? 1 : 0) };
}

/** How many channels each bit of a channel assignment stands for, the lowest bit first. */
const TRUEHD_CHANNELS = [2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1];

/** Only every so often a unit of TrueHD tells what it holds; those between tell their length alone. */
export function trueHdReader(): FrameReader {
  let known: Omit<Frame, "bytes"> | null = null;
  return (data, at) => {
    const isSync = data[at + 4] === 0xf8 && data[at + 5] === 0x72 && data[at + 6] === 0x6f && data[at + 7] === 0xba;
    if (isSync) known = readTrueHdSync(new Bits(data.subarray(at + 8, at + 16)));
    const bytes = (((data[at] ?? 0) & 15) * 256 + (data[at + 1] ?? 0)) * 2;
    return known && bytes >= 4 ? { ...known, bytes } : null;
  };
}

function readTrueHdSync(bits: Bits): Omit<Frame, "bytes"> | null {
  const code = bits.read(4);
  bits.skip(8);
  const six = bits.read(5);
  bits.skip(2);
  const eight = bits.read(13);
  const base = (code & 8) === 0 ? 48_000 : 44_100;
  if ((code & 7) > 2) return null;
  return {
    codec: "truehd",
    samples: 40 << (code & 7),
    rate: base << (code & 7),
    channels: countChannels(eight || six),
  };
}

function countChannels(assignment: number): number {
  return TRUEHD_CHANNELS.reduce((sum, count, bit) => sum + ((assignment >> bit) & 1) * count, 0);
}

const AMR_BYTES = [13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1];
const AMR_WIDE_BYTES = [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1];

export function amrReader(wide: boolean): FrameReader {
  const sound = wide
    ? { codec: "amr_wb", samples: 320, rate: 16_000, channels: 1 }
    : { codec: "amr_nb", samples: 160, rate: 8000, channels: 1 };
  return (data, at) => {
    const head = data[at] ?? 0xff;
    const bytes = (wide ? AMR_WIDE_BYTES : AMR_BYTES)[(head >> 3) & 15];
    return bytes && (head & 0x83) === 0 ? { ...sound, bytes } : null;
  };
}
