import { describe, expect, it } from "vitest";
import { findPictureSize, type NalCodec } from "../../src/process/probe/sps.js";

/** Sequence parameter sets that x264 and x265 wrote. */
const SETS: [title: string, codec: NalCodec, size: string, set: string][] = [
  ["cropped", "h264", "638x358", "6742c01eda0280bfa9b011000003000100000300320f162ea0"],
  ["cropped from 1088 lines", "h264", "1920x1080", "6742c028da01e0089f97011000000300100000030320f1832a"],
  ["coded as fields", "h264", "720x576", "677a001ebce80b424d808800000300080000030190f8a155"],
  ["coded as fields and cropped", "h264", "1920x1080", "677a0028bce8078044fcb8088000000300800000190f8b1750"],
  ["4:2:2", "h264", "350x270", "677a000db6cd941608fabc0440000003004000000c83c50a6580"],
  ["4:4:4", "h264", "350x270", "67f4000d919b282c11f77808800000030080000019078a14cb"],
  [
    "cropped",
    "hevc",
    "638x358",
    "42010101600000030090000003000003003fa005020171d4d965654a4c2f016808000003000800000300c840",
  ],
  [
    "4:2:2",
    "hevc",
    "350x270",
    "4201010408000003009d0800000300003cb00b08044756d96566924caf016808000003000800000300c840",
  ],
];

describe("the size of the pictures", () => {
  it.each(SETS)("is read from a set that is %s (%s, %s)", (_title, codec, size, hex) => {
    const set = Buffer.from(hex, "hex");
    const stream = Buffer.concat([Buffer.from([0, 0, 0, 1, 9, 0, 0, 0, 1]), set, Buffer.from([0, 0, 1, 0x68])]);
    expect(shown(findPictureSize(codec, stream))).toBe(size);
    expect(shown(findPictureSize(codec, recordOf(codec, set)))).toBe(size);
  });

  it("is unknown where the set is cut or missing", () => {
    const set = Buffer.from(SETS[0]?.[3] ?? "", "hex").subarray(0, 8);
    expect(findPictureSize("h264", recordOf("h264", set))).toBeNull();
    expect(findPictureSize("h264", Buffer.from([0, 0, 1]))).toBeNull();
    expect(findPictureSize("hevc", Buffer.from([1]))).toBeNull();
    expect(findPictureSize("h264", new Uint8Array())).toBeNull();
  });
});

function shown(size: ReturnType<typeof findPictureSize>): string {
  return `${size?.width}x${size?.height}`;
}

/** The configuration record that mp4 and Matroska keep: one set of each kind that is needed here. */
function recordOf(codec: NalCodec, set: Buffer): Buffer {
  const unit = Buffer.concat([Buffer.from([set.length >> 8, set.length & 255]), set]);
  if (codec === "h264") return Buffer.concat([Buffer.from([1, 66, 0, 30, 0xff, 0xe1]), unit, Buffer.from([0])]);
  return Buffer.concat([Buffer.from([1]), Buffer.alloc(21), Buffer.from([1, 33, 0, 1]), unit]);
}
