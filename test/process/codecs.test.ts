import { describe, expect, it } from "vitest";
import {
  nameContainerCodec,
  nameFourCc,
  nameMatroskaCodec,
  namePcm,
  nameWaveTag,
} from "../../src/process/probe/codecs.js";

describe("a codec is named as ffprobe names it", () => {
  it.each([
    ["dvcp", "dvvideo"],
    ["AVdn", "dnxhd"],
    ["AVdh", "dnxhd"],
    ["cvid", "cinepak"],
    ["rle ", "qtrle"],
    ["rle", "qtrle"],
    ["H263", "h263"],
    ["raw ", "rawvideo"],
    ["apch", "prores"],
    ["dvsd", "dvvideo"],
    ["DVSD", "dvvideo"],
    ["FMP4", "mpeg4"],
    ["xvid", "mpeg4"],
    ["DIV3", "msmpeg4v3"],
    ["WVC1", "vc1"],
    ["\x00\x00\x00\x00", "rawvideo"],
    ["BW10", "mpeg1video"],
    ["MJLS", "jpegls"],
    ["U263", "h263"],
    ["DREX", "mpeg4"],
    ["????", "????"],
  ])("by the letters %j of pictures: %s", (code, name) => expect(nameFourCc("video", code)).toBe(name));

  it.each([
    ["raw ", "pcm_u8"],
    ["mlpa", "truehd"],
    ["samr", "amr_nb"],
    [".mp3", "mp3"],
    ["ms\x00\x55", "mp3"],
    ["LSD:", "ralf"],
    ["lpcJ", "ra_144"],
  ])("by the letters %j of sound: %s", (code, name) => expect(nameFourCc("audio", code)).toBe(name));

  it.each([
    ["V_UNCOMPRESSED", "rawvideo"],
    ["A_TTA1", "tta"],
    ["A_WAVPACK4", "wavpack"],
    ["S_TEXT/UTF8", "subrip"],
    ["S_TEXT/ASCII", "text"],
    ["tx3g", "mov_text"],
    ["X_UNKNOWN", "X_UNKNOWN"],
    [17, "adpcm_ima_wav"],
    [56, "amr_nb"],
    [null, "unknown"],
    [new Uint8Array([1, 0xab]), "01ab"],
  ])("by the container's id %s: %s", (id, name) => expect(nameContainerCodec(id)).toBe(name));

  it("inside of Matroska, by the codec of the format that is embedded", () => {
    const pictures = Buffer.concat([Buffer.alloc(16), Buffer.from("HFYU"), Buffer.alloc(20)]);
    expect(nameMatroskaCodec("V_MS/VFW/FOURCC", pictures)).toBe("huffyuv");
    const sound = Buffer.from("0200010044ac0000000000000004040000", "hex");
    expect(nameMatroskaCodec("A_MS/ACM", sound)).toBe("adpcm_ms");
    expect(nameMatroskaCodec("V_QUICKTIME", Buffer.from("\0\0\0\x56SVQ3", "latin1"))).toBe("svq3");
    expect(nameMatroskaCodec("V_MS/VFW/FOURCC", Buffer.alloc(4))).toBe("V_MS/VFW/FOURCC");
    expect(nameMatroskaCodec("V_PRORES", Buffer.from("apch"))).toBe("prores");
  });

  it("with the layout of uncompressed samples", () => {
    expect(nameWaveTag(1, 8)).toBe("pcm_u8");
    expect(nameWaveTag(1, 24)).toBe("pcm_s24le");
    expect(nameWaveTag(3, 64)).toBe("pcm_f64le");
    expect(nameWaveTag(85)).toBe("mp3");
    expect(namePcm({ bits: 20, kind: "signed", bigEndian: true })).toBe("pcm_s24be");
  });
});
