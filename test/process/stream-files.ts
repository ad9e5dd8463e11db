// Small media files without an index, made from their specifications: frames of sound, pages, packets and chunks.

/** Fields such as `7ff:11`, a number in hex and its bits; filled up with zeros to a length. */
export function pack(fields: string, bytes = 0): Buffer {
  const bits = fields
    .split(" ")
    .map((field) => field.split(":"))
    .map(([hex = "", width]) => Number.parseInt(hex, 16).toString(2).padStart(Number(width), "0"))
    .join("");
  const packed = bits.padEnd(Math.max(bytes, Math.ceil(bits.length / 8)) * 8, "0");
  return Buffer.from((packed.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

function field(value: number, bits: number): string {
  return `${value.toString(16)}:${bits}`;
}

export function repeat(frame: Buffer, count: number): Buffer {
  return Buffer.concat(Array<Buffer>(count).fill(frame));
}

const LAYERS = { 1: { rate: 4, bytes: 128 }, 2: { rate: 8, bytes: 384 }, 3: { rate: 9, bytes: 384 } };

/** Layer I, II or III at 128 kbit/s and 48 kHz. */
export function mpegFrame(layer: 1 | 2 | 3, mode = 0): Buffer {
  const { rate, bytes } = LAYERS[layer];
  return pack(`7ff:11 3:2 ${field(4 - layer, 2)} 1:1 ${field(rate, 4)} 1:2 0:2 ${field(mode, 2)}`, bytes);
}

/** A frame that tells how many follow it, and of how many bytes. */
export function xingFrame(frames: number, bytes: number): Buffer {
  const frame = mpegFrame(3);
  frame.write("Xing", 36, "latin1");
  [3, frames, bytes].map((value, index) => frame.writeUInt32BE(value, 40 + index * 4));
  return frame;
}

/** 44.1 kHz, stereo, 200 bytes. */
export const ADTS_FRAME = pack("fff:12 0:3 1:1 1:2 4:4 0:1 2:3 0:4 c8:13 7ff:11 0:2", 200);
/** 192 kbit/s, 48 kHz, five channels and one for low frequencies. */
export const AC3_FRAME = pack("0b77:16 0:16 0:2 14:6 8:5 0:3 7:3 0:4 1:1", 768);
export const EAC3_FRAME = pack("0b77:16 0:2 0:3 ff:11 0:2 3:2 2:3 0:1 10:5", 512);
export const DTS_FRAME = pack("7ffe8001:32 1:1 1f:5 0:1 f:7 3ff:14 9:6 d:4 0:15 1:2", 1024);
export const AMR_FRAME = pack("3c:8", 32);

/** 44.1 kHz, stereo, blocks of 4096 samples. */
export function flacHead(samples: number): Buffer {
  const info = pack(`1000:16 1000:16 0:24 0:24 ac44:20 1:3 f:5 0:4 ${field(samples, 32)}`, 34);
  return Buffer.concat([Buffer.from("fLaC"), pack("80:8 22:24"), info]);
}

export function flacFrame(number: number): Buffer {
  const head = Buffer.concat([pack("fff8:16 c:4 9:4 1:4 4:3 0:1"), Buffer.from(String.fromCodePoint(number))]);
  let sum = 0;
  for (const byte of head) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = ((sum << 1) ^ (sum & 0x80 ? 0x07 : 0)) & 0xff;
  }
  return Buffer.concat([head, Buffer.from([sum]), Buffer.alloc(2000, 0x55)]);
}

export interface OggPage {
  serial?: number;
  granule: number;
  first?: boolean;
  body: Buffer;
}

export function oggPage({ serial = 1, granule, first = false, body }: OggPage): Buffer {
  const head = Buffer.alloc(28);
  head.write("OggS", "latin1");
  head[5] = first ? 2 : 0;
  head.writeBigInt64LE(BigInt(granule), 6);
  head.writeUInt32LE(serial, 14);
  head.set([1, body.length], 26);
  return Buffer.concat([head, body]);
}

export function opusHead(channels: number, skipped: number): Buffer {
  return Buffer.concat([
    Buffer.from("OpusHead\x01"),
    Buffer.from([channels, skipped & 255, skipped >> 8]),
    Buffer.alloc(7),
  ]);
}

export interface WaveFormat {
  tag: number;
  channels: number;
  rate: number;
  bytesPerS: number;
  block: number;
  bits: number;
  extra?: Buffer;
}

/** A wav up to its data, whose size may be another one than there is. */
export function waveHead(
  dataBytes: number,
  { tag, channels, rate, bytesPerS, block, bits, extra }: WaveFormat,
): Buffer {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE(bytesPerS, 8);
  format.writeUInt16LE(block, 12);
  format.writeUInt16LE(bits, 14);
  const content = Buffer.concat([format, extra ?? Buffer.alloc(0)]);
  return Buffer.concat([
    Buffer.from("RIFF\0\0\0\0WAVE"),
    chunkHead("fmt ", content.length),
    content,
    chunkHead("data", dataBytes),
  ]);
}

export function chunkHead(id: string, bytes: number): Buffer {
  const head = Buffer.from(`${id}\0\0\0\0`, "latin1");
  head.writeUInt32LE(bytes, 4);
  return head;
}

const PACKET = 188;

function packet(pid: number, content: Buffer): Buffer {
  const head = pack(`47:8 0:1 1:1 0:1 ${field(pid, 13)} 1:4 0:4`);
  return Buffer.concat([head, content, Buffer.alloc(PACKET, 0xff)]).subarray(0, PACKET);
}

function section(table: number, content: Buffer): Buffer {
  const head = pack(`0:8 ${field(table, 8)} b:4 ${field(9 + content.length, 12)} 1:16 c1:8 0:16`);
  return Buffer.concat([head, content, Buffer.alloc(4)]);
}

export interface Programme {
  table: number;
  streams: { pid: number; type: number }[];
}

/** The tables of a transport stream. */
export function tables(programmes: Programme[]): Buffer {
  const list = programmes.map(({ table }, index) => pack(`${field(index + 1, 16)} 7:3 ${field(table, 13)}`));
  const maps = programmes.map(({ table, streams }) => {
    const entries = streams.map(({ pid, type }) => pack(`${field(type, 8)} 7:3 ${field(pid, 13)} f:4 0:12`));
    return packet(table, section(2, Buffer.concat([pack("e1ff:16 f000:16"), ...entries])));
  });
  return Buffer.concat([packet(0, section(0, Buffer.concat(list))), ...maps]);
}

/** The beginning of a frame of sound or pictures at this time. */
export function timed(pid: number, seconds: number, content: Buffer): Buffer {
  const ticks = Math.round(seconds * 90_000);
  const [high, middle, low] = [Math.floor(ticks / 2 ** 30), Math.floor(ticks / 2 ** 15) % 2 ** 15, ticks % 2 ** 15];
  const time = `2:4 ${field(high, 3)} 1:1 ${field(middle, 15)} 1:1 ${field(low, 15)} 1:1`;
  return packet(pid, Buffer.concat([pack(`1:24 c0:8 0:16 80:8 80:8 5:8 ${time}`), content]));
}
