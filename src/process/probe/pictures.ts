// Headers of compressed pictures as they lie in a stream: MPEG-1 and -2 (ISO/IEC 13818-2, 6.2.2), MPEG-4 (ISO/IEC 14496-2,
// 6.2.3), H.264, H.265 and VC-1 (SMPTE 421M, 6.1).
import { Bits } from "./bits.js";
import type { TrackFacts } from "./description.js";
import { findPictureSize } from "./sps.js";

export type PictureFamily = "mpeg" | "mpeg4" | "h264" | "hevc" | "vc1";
export type PictureFacts = TrackFacts & { frameRate?: number };

/** What the first header in a piece of a stream tells, or null where there is none. */
export function readPictures(family: PictureFamily, data: Buffer): PictureFacts | null {
  if (family === "mpeg") return readSequence(data);
  if (family === "mpeg4") return readVideoLayer(data);
  if (family === "vc1") return readVc1(data);
  const size = findPictureSize(family, data);
  return size && { type: "video", codec: family, ...size };
}

const FRAME_RATES = [0, 24_000 / 1001, 24, 25, 30_000 / 1001, 30, 50, 60_000 / 1001, 60];

function readSequence(data: Buffer): PictureFacts | null {
  const at = data.indexOf("\0\0\x01\xb3", 0, "latin1");
  const next = data.indexOf("\0\0\x01", at + 4, "latin1");
  // In MPEG-4 this start code stands for a group of pictures, whose header is shorter.
  if (at < 0 || at + 12 > data.length || (next >= 0 && next < at + 12)) return null;
  const bits = new Bits(data.subarray(at + 4, at + 12));
  const [width, height] = [bits.read(12), bits.read(12)];
  bits.skip(4);
  const frameRate = FRAME_RATES[bits.read(4)];
  if (!frameRate || width === 0 || height === 0) return null;
  // Only MPEG-2 has extensions, and a sequence has its own right behind the header.
  const isSecond = data.indexOf("\0\0\x01\xb5", at, "latin1") === next;
  return { type: "video", codec: isSecond ? "mpeg2video" : "mpeg1video", width, height, frameRate };
}

function readVideoLayer(data: Buffer): PictureFacts | null {
  let at = data.indexOf("\0\0\x01", 0, "latin1");
  while (at >= 0 && (data[at + 3] ?? 0) >> 4 !== 2) at = data.indexOf("\0\0\x01", at + 3, "latin1");
  if (at < 0) return null;
  const bits = new Bits(data.subarray(at + 4));
  bits.skip(1 + 8);
  if (bits.flag()) bits.skip(4 + 3);
  if (bits.read(4) === 15) bits.skip(16); // The shape of a pixel.
  if (bits.flag()) {
    bits.skip(2 + 1);
    if (bits.flag()) bits.skip(79); // The buffer of the decoder.
  }
  if (bits.read(2) !== 0) return null; // Not a rectangle.
  bits.skip(1);
  const ticks = bits.read(16);
  bits.skip(1);
  if (bits.flag()) bits.skip(Math.max(1, 32 - Math.clz32(ticks - 1)));
  bits.skip(1);
  const width = bits.read(13);
  bits.skip(1);
  const height = bits.read(13);
  return bits.isOver || width === 0 || height === 0 ? null : { type: "video", codec: "mpeg4", width, height };
}

function readVc1(data: Buffer): PictureFacts | null {
  const at = data.indexOf("\0\0\x01\x0f", 0, "latin1");
  if (at < 0) return null;
  const bits = new Bits(data.subarray(at + 4));
  bits.skip(2 + 3 + 2 + 3 + 5 + 1);
  const [width, height] = [(bits.read(12) + 1) * 2, (bits.read(12) + 1) * 2];
  return bits.isOver ? null : { type: "video", codec: "vc1", width, height };
}
