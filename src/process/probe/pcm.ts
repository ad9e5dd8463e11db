// Sound in chunks whose header tells how many bytes one second takes: wav, rf64, w64, aiff, au and caf. Nothing is
// counted: the size of the data that is there tells its duration. Sources: Microsoft's RIFF and mmreg.h, EBU Tech 3306
// (RF64), Sony's Wave64, Apple's AIFF-C and Core Audio Format specifications, the NeXT/Sun audio format.
import type { Bytes } from "./bytes.js";
import { nameFourCc, namePcm, nameWaveTag } from "./codecs.js";
import { type Counted, PacketTally } from "./description.js";
import { Refusal, Unreadable } from "./failure.js";

interface Sound {
  container: string;
  codec: string;
  channels: number;
  rate: number;
  bytesPerS: number;
  /** What the header says; null where it leaves the size of the data open. */
  seconds: number | null;
  /** Where the data begins, and its size as the header says it. */
  start: number;
  bytes: number | null;
}

type Reader = (bytes: Bytes) => Promise<Sound | null>;

const READERS: { at: number; magic: string; read: Reader }[] = [
  { at: 8, magic: "WAVE", read: readWave },
  { at: 24, magic: "wave\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", read: readWave64 },
  { at: 8, magic: "AIF", read: readAiff },
  { at: 0, magic: ".snd", read: readAu },
  { at: 0, magic: "caff", read: readCaf },
];

/** null for a file that is something else. */
export async function readPcm(bytes: Bytes, head: Buffer): Promise<Counted | null> {
  const text = head.toString("latin1");
  const reader = READERS.find(({ at, magic }) => text.startsWith(magic, at));
  const sound = await reader?.read(bytes);
  if (!sound) return null;
  const { container, codec, channels, rate, bytesPerS, start } = sound;
  const there = Math.max(0, Math.min(sound.bytes ?? Number.POSITIVE_INFINITY, bytes.size - start));
  // A compressed sound of changing rate is told by the header alone, and in proportion where the file is cut.
  const told = sound.bytes && sound.seconds ? (sound.seconds * there) / sound.bytes : there / bytesPerS;
  const tally = new PacketTally();
  if (there > 0) tally.addRun({ count: 1, startS: 0, stepS: told, bytes: there });
  return {
    container,
    headerDurationS: sound.seconds ?? (sound.bytes === null ? null : sound.bytes / bytesPerS),
    tracks: [{ facts: { type: "audio", codec, channels, sample_rate: rate }, tally }],
  };
}

interface Chunk {
  id: string;
  start: number;
  size: number;
}

interface ChunkRules {
  from: number;
  /** Sizes are of 4 bytes, or of 8; in a Wave64 they count the head of the chunk. */
  layout: "riff" | "iff" | "caf" | "w64";
}

const HEADS = { riff: 8, iff: 8, caf: 12, w64: 24 };
const MOST_CHUNKS = 10_000;

async function* chunksOf(bytes: Bytes, { from, layout }: ChunkRules): AsyncGenerator<Chunk> {
  const head = HEADS[layout];
  for (let at = from, count = 0; at + head <= bytes.size && count < MOST_CHUNKS; count++) {
    const piece = await bytes.read(at, at + head);
    const size = sizeIn(piece, layout);
    if (size < 0) return;
    yield { id: piece.toString("latin1", 0, 4), start: at + head, size };
    const next = head + size;
    at += layout === "caf" ? next : Math.ceil(next / (layout === "w64" ? 8 : 2)) * (layout === "w64" ? 8 : 2);
  }
}

function sizeIn(piece: Buffer, layout: ChunkRules["layout"]): number {
  switch (layout) {
    case "riff":
      return piece.readUInt32LE(4);
    case "iff":
      return piece.readUInt32BE(4);
    case "caf": {
      const size = Number(piece.readBigInt64BE(4));
      return size === -1 ? Number.MAX_SAFE_INTEGER : size;
    }
    case "w64":
      return Number(piece.readBigUInt64LE(16)) - 24;
    default:
      return layout satisfies never;
  }
}

async function readChunk(bytes: Bytes, { start, size }: Chunk): Promise<Buffer> {
  return await bytes.read(start, Math.min(start + Math.min(size, 64), bytes.size));
}

function readWave(bytes: Bytes): Promise<Sound | null> {
  return readWaveChunks(bytes, { from: 12, layout: "riff" });
}

function readWave64(bytes: Bytes): Promise<Sound | null> {
  return readWaveChunks(bytes, { from: 40, layout: "w64" });
}

async function readWaveChunks(bytes: Bytes, rules: ChunkRules): Promise<Sound | null> {
  let format: ReturnType<typeof readWaveFormat> | null = null;
  let samples: number | null = null;
  let longSize: number | null = null;
  for await (const chunk of chunksOf(bytes, rules)) {
    const value = chunk.id === "data" ? null : await readChunk(bytes, chunk);
    if (value && chunk.id === "fmt " && value.length >= 16) format = readWaveFormat(value);
    if (value && chunk.id === "fact" && value.length >= 4) samples = value.readUInt32LE(0);
    if (value && chunk.id === "ds64" && value.length >= 16) longSize = Number(value.readBigUInt64LE(8));
    if (chunk.id !== "data") continue;
    if (!format) break;
    // A program that writes into a pipe does not know the size, and one of 4 GB is told in a chunk of its own.
    const isOpen = rules.layout === "riff" && (chunk.size === 0xffffffff || chunk.size === 0);
    const size = isOpen ? longSize : chunk.size;
    const isPlain =
      format.codec.startsWith("pcm_") || format.codec.startsWith("adpcm_") || format.codec.startsWith("gsm");
    const seconds = isPlain || !samples || size === null ? null : samples / format.rate;
    if (format.bytesPerS === 0 && seconds === null)
      throw new Unreadable("damaged: the format of this wav tells no rate of bytes");
    return { container: rules.layout === "w64" ? "w64" : "wav", ...format, seconds, start: chunk.start, bytes: size };
  }
  throw new Refusal("cut short: the data of this wav is missing");
}

function readWaveFormat(value: Buffer): Pick<Sound, "codec" | "channels" | "rate" | "bytesPerS"> {
  const tag = value.readUInt16LE(0);
  // The extensible format has its tag in a GUID.
  const code = tag === 0xfffe && value.length >= 26 ? value.readUInt16LE(24) : tag;
  const channels = value.readUInt16LE(2);
  const rate = value.readUInt32LE(4);
  const block = value.readUInt16LE(12);
  const bits = value.readUInt16LE(14);
  // Blocks of ADPCM tell how many samples they hold; the rate of bytes beside it is rounded.
  const perBlock = (code === 0x02 || code === 0x11 || code === 0x31) && value.length >= 20 ? value.readUInt16LE(18) : 0;
  const plain = code === 1 || code === 3;
  const bytesPerS = perBlock > 0 ? (rate / perBlock) * block : plain ? rate * block : value.readUInt32LE(8);
  if (rate === 0) throw new Unreadable("damaged: the format of this wav tells no rate");
  return { codec: nameWaveTag(code, bits), channels, rate, bytesPerS };
}

/** Codes of AIFF-C and of Core Audio that mp4 and mov do not have. */
const APPLE_CODECS: Record<string, string> = {
  ...{ "GSM ": "gsm", G722: "adpcm_g722", G726: "adpcm_g726le", "aac ": "aac", aach: "aac", aacp: "aac" },
  ...{ opus: "opus", flac: "flac" },
};
const AIFF_PACKETS: Record<string, { samples: number; bytes: number }> = {
  ima4: { samples: 64, bytes: 34 },
  MAC3: { samples: 6, bytes: 2 },
  MAC6: { samples: 6, bytes: 1 },
  "GSM ": { samples: 160, bytes: 33 },
  agsm: { samples: 160, bytes: 33 },
};
const BITS: Record<string, number> = {
  ...{ fl32: 32, FL32: 32, fl64: 64, FL64: 64, alaw: 8, ALAW: 8, ulaw: 8, ULAW: 8, in24: 24, in32: 32 },
};

async function readAiff(bytes: Bytes): Promise<Sound | null> {
  let format: Pick<Sound, "codec" | "channels" | "rate" | "bytesPerS"> | null = null;
  let data: Chunk | null = null;
  for await (const chunk of chunksOf(bytes, { from: 12, layout: "iff" })) {
    if (chunk.id === "COMM" && chunk.size >= 18) format = readCommon(await readChunk(bytes, chunk));
    if (chunk.id === "SSND") data = chunk;
    if (format && data) break;
  }
  if (!format || !data) throw new Refusal("cut short: the format or the data of this aiff is missing");
  return { container: "aiff", ...format, seconds: null, start: data.start + 8, bytes: Math.max(0, data.size - 8) };
}

function readCommon(value: Buffer): Pick<Sound, "codec" | "channels" | "rate" | "bytesPerS"> | null {
  if (value.length < 18) return null;
  const channels = value.readUInt16BE(0);
  const code = value.length >= 22 ? value.toString("latin1", 18, 22) : "NONE";
  const bits = BITS[code] ?? value.readUInt16BE(6);
  const rate = readExtended(value.subarray(8));
  const packet = AIFF_PACKETS[code] ?? { samples: 1, bytes: Math.ceil(bits / 8) };
  const bytesPerS = (rate / packet.samples) * packet.bytes * channels;
  const isPlain = ["NONE", "twos", "sowt"].includes(code);
  const plain = namePcm({ bits, kind: "signed", bigEndian: code !== "sowt" });
  if (!Number.isFinite(bytesPerS) || bytesPerS <= 0)
    throw new Unreadable("damaged: the format of this aiff tells no rate");
  return { codec: isPlain ? plain : nameAppleCodec(code), channels, rate, bytesPerS };
}

function nameAppleCodec(code: string): string {
  return APPLE_CODECS[code] ?? nameFourCc("audio", code).trim();
}

/** 80 bits: an exponent of 15 and a whole number of 64. */
function readExtended(value: Buffer): number {
  return Number(value.readBigUInt64BE(2)) * 2 ** ((value.readUInt16BE(0) & 0x7fff) - 16_383 - 63);
}

const AU_CODECS: Record<number, [codec: string, bits: number]> = {
  ...{ 1: ["pcm_mulaw", 8], 2: ["pcm_s8", 8], 3: ["pcm_s16be", 16], 4: ["pcm_s24be", 24], 5: ["pcm_s32be", 32] },
  ...{
    6: ["pcm_f32be", 32],
    7: ["pcm_f64be", 64],
    23: ["adpcm_g726le", 4],
    24: ["adpcm_g722", 4],
    25: ["adpcm_g726le", 3],
    26: ["adpcm_g726le", 5],
  },
  ...{ 27: ["pcm_alaw", 8] },
};

async function readAu(bytes: Bytes): Promise<Sound | null> {
  const head = await bytes.read(0, Math.min(24, bytes.size));
  if (head.length < 24) throw new Refusal("cut short: the header of this au is incomplete");
  const [start, size, code, rate, channels] = [4, 8, 12, 16, 20].map((at) => head.readUInt32BE(at)) as Five;
  const [codec, bits] = AU_CODECS[code] ?? [`0x${code.toString(16)}`, 8];
  const bytesPerS = (rate * channels * bits) / 8;
  if (bytesPerS === 0) throw new Unreadable("damaged: the header of this au tells no rate");
  const isOpen = size === 0xffffffff || size === 0;
  return { container: "au", codec, channels, rate, bytesPerS, seconds: null, start, bytes: isOpen ? null : size };
}

type Five = [number, number, number, number, number];

async function readCaf(bytes: Bytes): Promise<Sound | null> {
  let format: ReturnType<typeof readCafFormat> = null;
  let data: Chunk | null = null;
  let frames = 0;
  for await (const chunk of chunksOf(bytes, { from: 8, layout: "caf" })) {
    if (chunk.id === "desc") format = readCafFormat(await readChunk(bytes, chunk));
    if (chunk.id === "data") data = chunk;
    if (chunk.id === "pakt" && chunk.size >= 16) frames = Number((await readChunk(bytes, chunk)).readBigInt64BE(8));
  }
  if (!format || !data) throw new Refusal("cut short: the format or the data of this caf is missing");
  const isOpen = data.size === Number.MAX_SAFE_INTEGER;
  const size = isOpen ? null : Math.max(0, data.size - 4);
  const seconds = frames > 0 ? frames / format.rate : null;
  if (format.bytesPerS === 0 && (seconds === null || size === null))
    throw new Unreadable("damaged: this caf tells neither its rate of bytes nor its duration");
  return { container: "caf", ...format, seconds, start: data.start + 4, bytes: size };
}

function readCafFormat(value: Buffer): Pick<Sound, "codec" | "channels" | "rate" | "bytesPerS"> | null {
  if (value.length < 32) return null;
  const rate = value.readDoubleBE(0);
  const code = value.toString("latin1", 8, 12);
  const [flags, packetBytes, packetFrames, channels, bits] = [12, 16, 20, 24, 28].map((at) =>
    value.readUInt32BE(at),
  ) as Five;
  const plain = namePcm({ bits, kind: (flags & 1) !== 0 ? "float" : "signed", bigEndian: (flags & 2) === 0 });
  if (!(rate > 0) || !Number.isFinite(rate)) throw new Unreadable("damaged: the format of this caf tells no rate");
  const bytesPerS = packetFrames > 0 ? (rate / packetFrames) * packetBytes : 0;
  return { codec: code === "lpcm" ? plain : nameAppleCodec(code), channels, rate, bytesPerS };
}
