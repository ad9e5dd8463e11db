// Names of codecs, as ffprobe says them.

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

/** What containers call the codecs that mediabunny does not name: sample entries of mp4, ids of Matroska, tags of WAV. */
const BY_CONTAINER: Record<string, string> = {
  s263: "h263",
  h263: "h263",
  mp4v: "mpeg4",
  jpeg: "mjpeg",
  mjpa: "mjpeg",
  SVQ3: "svq3",
  samr: "amr_nb",
  sawb: "amr_wb",
  alac: "alac",
  ".mp3": "mp3",
  vvc1: "vvc",
  vvi1: "vvc",
  "V_MPEG4/ISO/ASP": "mpeg4",
  "V_MPEG4/ISO/SP": "mpeg4",
  V_MPEG1: "mpeg1video",
  V_MPEG2: "mpeg2video",
  V_THEORA: "theora",
  V_MJPEG: "mjpeg",
  V_FFV1: "ffv1",
  "A_MPEG/L2": "mp2",
  "A_MPEG/L1": "mp1",
  A_TRUEHD: "truehd",
  A_ALAC: "alac",
  "2": "adpcm_ms",
  "17": "adpcm_ima_wav",
  "80": "mp2",
  tx3g: "mov_text",
  text: "mov_text",
  wvtt: "webvtt",
  stpp: "ttml",
  c608: "eia_608",
  mp4s: "dvd_subtitle",
  "S_TEXT/UTF8": "subrip",
  "S_TEXT/ASCII": "subrip",
  "S_TEXT/ASS": "ass",
  "S_TEXT/SSA": "ass",
  "S_TEXT/WEBVTT": "webvtt",
  "D_WEBVTT/SUBTITLES": "webvtt",
  S_VOBSUB: "dvd_subtitle",
  "S_HDMV/PGS": "hdmv_pgs_subtitle",
  "S_HDMV/TEXTST": "hdmv_text_subtitle",
  S_DVBSUB: "dvb_subtitle",
};

export function nameCodec(codec: string): string {
  return RENAMED[codec] ?? codec.replaceAll("-", "_");
}

/** The name of a codec that only the container's own id tells; an unknown id is shown as it is. */
export function nameContainerCodec(id: string | number | Uint8Array | null): string {
  if (id === null) return "unknown";
  const text = id instanceof Uint8Array ? Buffer.from(id).toString("hex") : String(id);
  return BY_CONTAINER[text] ?? text;
}

/** null for a language that is not said. */
export function nameLanguage(code: string | null): string | null {
  return code === null || code === "" || code === "und" ? null : code;
}
