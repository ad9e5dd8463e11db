// The size of the pictures as the sequence parameter set of H.264 and H.265 tells it: cropped, and of the whole frame
// where the pictures are coded as fields.
import { Bits } from "./bits.js";

export interface PictureSize {
  width: number;
  height: number;
  /** Frames a second, where the set of an H.264 stream tells them. */
  frameRate?: number;
}

export type NalCodec = "h264" | "hevc";

/** The size that a codec's configuration record (avcC or hvcC) or a piece of an Annex B stream tells, or null. */
export function findPictureSize(codec: NalCodec, data: Uint8Array): PictureSize | null {
  const sets = data[0] === 1 ? unitsOfRecord(codec, data) : unitsOfStream(data);
  for (const unit of sets) {
    const isSet = codec === "h264" ? ((unit[0] ?? 0) & 31) === 7 : (((unit[0] ?? 0) >> 1) & 63) === 33;
    const size = isSet ? readSet(codec, unit) : null;
    if (size) return size;
  }
  return null;
}

/** The parameter sets of an AVCDecoderConfigurationRecord or HEVCDecoderConfigurationRecord (ISO/IEC 14496-15). */
function* unitsOfRecord(codec: NalCodec, data: Uint8Array): Generator<Uint8Array> {
  const isAvc = codec === "h264";
  const arrays = isAvc ? 1 : (data[22] ?? 0);
  let at = isAvc ? 5 : 23;
  for (let array = 0; array < arrays && at < data.length; array++) {
    const units = isAvc ? (data[at] ?? 0) & 31 : word(data, at + 1);
    at += isAvc ? 1 : 3;
    for (let unit = 0; unit < units && at < data.length; unit++) {
      const length = word(data, at);
      yield data.subarray(at + 2, at + 2 + length);
      at += 2 + length;
    }
  }
}

/** What lies between the start codes 00 00 01. */
function* unitsOfStream(data: Uint8Array): Generator<Uint8Array> {
  let start = -1;
  for (let at = 0; at + 3 <= data.length; at++) {
    if (data[at] !== 0 || data[at + 1] !== 0 || data[at + 2] !== 1) continue;
    if (start >= 0) yield data.subarray(start, at);
    start = at + 3;
  }
  if (start >= 0) yield data.subarray(start);
}

function readSet(codec: NalCodec, unit: Uint8Array): PictureSize | null {
  const bits = new Bits(withoutEmulationPrevention(unit));
  const size = codec === "h264" ? readAvcSet(bits) : readHevcSet(bits);
  return bits.isOver || size.width <= 0 || size.height <= 0 ? null : size;
}

/** 00 00 03 stands for 00 00 inside a unit. */
function withoutEmulationPrevention(unit: Uint8Array): Uint8Array {
  return unit.filter((byte, at) => byte !== 3 || at < 2 || unit[at - 1] !== 0 || unit[at - 2] !== 0);
}

/** Profiles whose sets tell their chroma format (ITU-T H.264, 7.3.2.1.1). */
const WITH_CHROMA_FORMAT = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

function readAvcSet(bits: Bits): PictureSize {
  bits.skip(8);
  const profile = bits.read(8);
  bits.skip(16);
  bits.readUnsigned();
  let chroma = 1;
  if (WITH_CHROMA_FORMAT.has(profile)) {
    chroma = bits.readUnsigned();
    if (chroma === 3 && bits.flag()) chroma = 0; // Three planes coded apart are each monochrome.
    bits.readUnsigned();
    bits.readUnsigned();
    bits.skip(1);
    if (bits.flag())
      for (let list = 0; list < (chroma === 3 ? 12 : 8); list++) skipScalingList(bits, list < 6 ? 16 : 64);
  }
  bits.readUnsigned();
  const orderType = bits.readUnsigned();
  if (orderType === 0) bits.readUnsigned();
  if (orderType === 1) {
    bits.skip(1);
    bits.readSigned();
    bits.readSigned();
    for (let left = bits.readUnsigned(); left > 0 && !bits.isOver; left--) bits.readSigned();
  }
  bits.readUnsigned();
  bits.skip(1);
  const width = (bits.readUnsigned() + 1) * 16;
  const heightUnits = bits.readUnsigned() + 1;
  const fields = bits.flag() ? 1 : 2; // frame_mbs_only_flag
  if (fields === 2) bits.skip(1);
  bits.skip(1);
  const size = { width, height: heightUnits * 16 * fields };
  const cropped = crop(bits, size, { x: chroma === 1 || chroma === 2 ? 2 : 1, y: (chroma === 1 ? 2 : 1) * fields });
  return { ...cropped, ...readTiming(bits) };
}

/** The usability information behind the size (ITU-T H.264, E.1.1), as far as the clock of the frames. */
function readTiming(bits: Bits): { frameRate?: number } {
  if (!bits.flag()) return {};
  if (bits.flag() && bits.read(8) === 255) bits.skip(32);
  if (bits.flag()) bits.skip(1);
  if (bits.flag()) {
    bits.skip(4);
    if (bits.flag()) bits.skip(24);
  }
  if (bits.flag()) {
    bits.readUnsigned();
    bits.readUnsigned();
  }
  if (!bits.flag()) return {};
  const ticks = bits.read(32);
  const rate = bits.read(32) / (2 * ticks); // Two ticks a frame, one for each field.
  return !bits.isOver && rate > 0 && Number.isFinite(rate) ? { frameRate: rate } : {};
}

function skipScalingList(bits: Bits, count: number): void {
  if (!bits.flag()) return;
  let last = 8;
  let next = 8;
  for (let n = 0; n < count; n++) {
    if (next !== 0) next = (last + bits.readSigned() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

function readHevcSet(bits: Bits): PictureSize {
  bits.skip(16 + 4);
  const layers = bits.read(3);
  bits.skip(1 + 88 + 8);
  const present = Array.from({ length: layers }, () => ({ profile: bits.flag(), level: bits.flag() }));
  if (layers > 0) bits.skip(2 * (8 - layers));
  for (const { profile, level } of present) bits.skip((profile ? 88 : 0) + (level ? 8 : 0));
  bits.readUnsigned();
  const chroma = bits.readUnsigned();
  if (chroma === 3) bits.skip(1);
  const size = { width: bits.readUnsigned(), height: bits.readUnsigned() };
  return crop(bits, size, { x: chroma === 1 || chroma === 2 ? 2 : 1, y: chroma === 1 ? 2 : 1 });
}

/** In both codecs a flag and then left, right, top and bottom in units of the chroma samples. */
function crop(bits: Bits, { width, height }: PictureSize, unit: { x: number; y: number }): PictureSize {
  if (!bits.flag()) return { width, height };
  const sides = (bits.readUnsigned() + bits.readUnsigned()) * unit.x;
  return { width: width - sides, height: height - (bits.readUnsigned() + bits.readUnsigned()) * unit.y };
}

function word(data: Uint8Array, at: number): number {
  return (data[at] ?? 0) * 256 + (data[at + 1] ?? 0);
}
