// Names of codecs, as ffprobe says them.
import { AUDIO, MATROSKA, SUBTITLES, VIDEO, WAVE_TAGS } from "./codec-tables.js";

/** mediabunny's names that differ from ffprobe's. */
const RENAMED: Record<string, string> = {
  avc: "h264",
  "pcm-s16": "pcm_s16le",
  "pcm-s24": "pcm_s24le",
  "pcm-s32": "pcm_s32le",
  "pcm-f32": "pcm_f32le",
  "pcm-f64": "pcm_f64le",
  ulaw: "pcm_mulaw",
  alaw: "pcm_alaw",
};

export function nameCodec(codec: string): string {
  return RENAMED[codec] ?? codec.replaceAll("-", "_");
}

/** The name of a codec that only the container's own id tells; an unknown id is shown as it is. */
export function nameContainerCodec(id: string | number | Uint8Array | null): string {
  if (id === null) return "unknown";
  if (typeof id === "number") return nameWaveTag(id);
  const text = id instanceof Uint8Array ? Buffer.from(id).toString("hex") : id;
  return MATROSKA.get(text) ?? SUBTITLES.get(text) ?? findName(VIDEO, text) ?? findName(AUDIO, text) ?? text;
}

/** The name behind four letters, of which sound and pictures use some alike. */
export function nameFourCc(type: "video" | "audio", code: string): string {
  return findName(type === "video" ? VIDEO : AUDIO, code) ?? nameContainerCodec(code);
}

/** The name behind the format tag of a WAVEFORMATEX. */
export function nameWaveTag(tag: number, bits = 16): string {
  if (tag === 1) return namePcm({ bits, kind: bits <= 8 ? "unsigned" : "signed" });
  if (tag === 3) return namePcm({ bits: bits === 64 ? 64 : 32, kind: "float" });
  return WAVE_TAGS[tag] ?? String(tag);
}

export interface PcmFormat {
  bits: number;
  kind: "signed" | "unsigned" | "float";
  bigEndian?: boolean;
}

export function namePcm({ bits, kind, bigEndian = false }: PcmFormat): string {
  const bytes = Math.ceil(bits / 8);
  return `pcm_${kind[0]}${bytes * 8}${bytes > 1 ? (bigEndian ? "be" : "le") : ""}`;
}

/** What Matroska embeds from other containers has its own codec inside of the private data. */
export function nameMatroskaCodec(id: string, codecPrivate: Uint8Array): string {
  const inner = Buffer.from(codecPrivate.buffer, codecPrivate.byteOffset, codecPrivate.length);
  const fourCc = (at: number) => inner.toString("latin1", at, at + 4);
  if (id === "V_MS/VFW/FOURCC" && inner.length >= 20) return nameFourCc("video", fourCc(16));
  if (id === "A_MS/ACM" && inner.length >= 16) return nameWaveTag(inner.readUInt16LE(0), inner.readUInt16LE(14));
  if (id === "V_QUICKTIME" && inner.length >= 8) return nameFourCc("video", fourCc(4));
  if (id === "A_QUICKTIME" && inner.length >= 8) return nameFourCc("audio", fourCc(4));
  return nameContainerCodec(id);
}

/** Files write the letters in any case. */
function findName(table: ReadonlyMap<string, string>, code: string): string | undefined {
  const padded = code.padEnd(4);
  return table.get(padded) ?? table.get(padded.toUpperCase());
}

/** null for a language that is not said. */
export function nameLanguage(code: string | null): string | null {
  return code === null || code === "" || code === "und" ? null : code;
}
