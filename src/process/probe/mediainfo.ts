// Reads what mediabunny does not with MediaInfo, compiled to WebAssembly: avi, asf, MPEG program streams, mxf and a few
// more. It reads header and index by seeking. Only for formats on which its memory was measured: other files make it take
// gigabytes.
import mediaInfoFactory from "mediainfo.js";
import type { Bytes } from "./bytes.js";
import { nameFourCc, namePcm, nameWaveTag } from "./codecs.js";
import { type Counted, type CountedTrack, PacketTally } from "./description.js";

/** Its figures come from the last time stamps or from the size of the file, and so stay true where the file is cut. */
const WITH_TRUE_END = new Set(["mpeg", "dv"]);

/** MediaInfo's names of formats, for containers that have no code for a codec; the version or the profile is appended. */
const BY_FORMAT: Record<string, string> = {
  "MPEG Video Version 1": "mpeg1video",
  "MPEG Video Version 2": "mpeg2video",
  "MPEG-4 Visual": "mpeg4",
  AVC: "h264",
  HEVC: "hevc",
  "VC-1": "vc1",
  "VC-3": "dnxhd",
  DV: "dvvideo",
  "JPEG 2000": "jpeg2000",
  JPEG: "mjpeg",
  ProRes: "prores",
  YUV: "rawvideo",
  RGB: "rawvideo",
  "MPEG Audio Layer 1": "mp1",
  "MPEG Audio Layer 2": "mp2",
  "MPEG Audio Layer 3": "mp3",
  AAC: "aac",
  "AC-3": "ac3",
  "E-AC-3": "eac3",
  DTS: "dts",
  "MLP FBA": "truehd",
  TTA: "tta",
  WavPack: "wavpack",
  RLE: "dvd_subtitle",
};

/** What we look at of a track, of which MediaInfo tells a hundred figures more. */
interface Told {
  "@type": string;
  Format?: string;
  Format_Version?: string;
  Format_Profile?: string;
  Format_Settings_Endianness?: string;
  CodecID?: string;
  Duration?: number;
  Delay?: number;
  FrameCount?: number;
  FrameRate?: number;
  StreamSize?: number;
  BitRate?: number;
  BitDepth?: number;
  Width?: number;
  Height?: number;
  Channels?: number;
  SamplingRate?: number;
  Language?: string;
  extra?: unknown;
}

export async function readWithMediaInfo(bytes: Bytes, container: string): Promise<Counted> {
  const told = await analyze(bytes);
  const general = told.find((track) => track["@type"] === "General");
  const missing = general ? missingShare(general) : 0;
  const estimated = missing > 0.001 && !WITH_TRUE_END.has(container);
  const share = estimated ? 1 - missing : 1;
  const tracks = told.flatMap((track) => countTrack(track, { container, share }) ?? []);
  return { container, headerDurationS: general?.Duration ?? null, tracks, estimated };
}

/** Compiled once; one that has failed may be in any state, so the next file gets a new one. */
let loaded: ReturnType<typeof load> | null = null;

function load() {
  return mediaInfoFactory({ format: "object" });
}

async function analyze(bytes: Bytes): Promise<Told[]> {
  loaded ??= load();
  const mediaInfo = await loaded;
  loaded = null;
  const result = await mediaInfo.analyzeData(
    () => bytes.size,
    (length, offset) => bytes.read(offset, Math.min(offset + length, bytes.size)),
  );
  loaded = Promise.resolve(mediaInfo);
  return result.media?.track ?? [];
}

/** How much of the file is cut off, from what MediaInfo finds wrong with the sizes: of all pieces the largest tells. */
function missingShare({ extra }: Told): number {
  const found = { whole: 0, here: 0 };
  const take = (whole: number, here: number) => whole > found.whole && Object.assign(found, { whole, here });
  const errors = JSON.stringify(extra ?? "");
  for (const [, here, whole] of errors.matchAll(/less than expected size \(actual (\d+)[^,]*, expected \D*(\d+)/g)) {
    take(Number(whole), Number(here));
  }
  for (const [, whole, here] of errors.matchAll(/maximal permitted size \(actual (\d+), expected (\d+)/g)) {
    take(Number(whole), Number(here));
  }
  return found.whole === 0 ? 0 : 1 - found.here / found.whole;
}

function countTrack(track: Told, { container, share }: { container: string; share: number }): CountedTrack | null {
  const { Duration: durationS = 0, Delay: delayS = 0, StreamSize: bytes } = track;
  const tally = new PacketTally();
  const lastS = durationS * share;
  const measured = {
    startS: container === "mpeg" ? delayS : 0,
    bytes: (bytes ?? (durationS * (track.BitRate ?? 0)) / 8) * share,
  };
  const language = track.Language ?? null;
  switch (track["@type"]) {
    case "Video": {
      const frames = share < 1 ? lastS * (track.FrameRate ?? 0) : track.FrameCount;
      const count = Math.max(1, Math.round(frames ?? 0));
      tally.addRun({ ...measured, count, stepS: lastS / count });
      const size = { width: track.Width ?? null, height: track.Height ?? null };
      return { facts: { type: "video", codec: nameVideo(track), language, ...size }, tally };
    }
    case "Audio": {
      tally.addRun({ ...measured, count: 1, stepS: lastS });
      const sound = { channels: track.Channels ?? null, sample_rate: track.SamplingRate ?? null };
      return { facts: { type: "audio", codec: nameAudio(track, container), language, ...sound }, tally };
    }
    case "Text":
      if (durationS > 0) tally.addRun({ ...measured, count: 1, stepS: lastS });
      return { facts: { type: "subtitle", codec: nameByFormat(track), language }, tally };
    default:
      return null; // General, menus, time codes and pictures.
  }
}

function nameVideo(track: Told): string {
  const code = track.CodecID ?? "";
  return code.length === 4 ? nameFourCc("video", code) : nameByFormat(track);
}

function nameAudio(track: Told, container: string): string {
  const { CodecID: code = "", Format: format, BitDepth: bits = 16 } = track;
  // The tag of a WAVEFORMATEX, or the GUID that begins with it.
  if (container === "avi" || container === "asf") return nameWaveTag(Number.parseInt(code, 16), bits);
  if (container === "rm") return nameFourCc("audio", code);
  if (format !== "PCM") return nameByFormat(track);
  if (container === "mpeg") return "pcm_dvd";
  return namePcm({ bits, kind: "signed", bigEndian: track.Format_Settings_Endianness === "Big" });
}

function nameByFormat({ Format: format = "unknown", Format_Version: version, Format_Profile: profile }: Told): string {
  const names = [format, `${format} Version ${version}`, `${format} ${profile}`];
  return names.map((name) => BY_FORMAT[name]).find((name) => name !== undefined) ?? format.toLowerCase();
}
