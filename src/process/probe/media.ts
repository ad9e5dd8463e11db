// Reads what a media file holds: mp4, mov, Matroska and WebM with mediabunny, the formats without an index in streams.ts.
import { messageOf } from "../../errors.js";
import type { Bytes } from "./bytes.js";
import { type Contents, type Counted, describeContents } from "./description.js";
import { Refusal, Trouble, Unreachable, Unreadable } from "./failure.js";
import { readFlv } from "./flv.js";
import { readGif } from "./gif.js";
import { countIsobmff, countMatroska } from "./indexed.js";
import type { ProbeRequest } from "./messages.js";
import { readNut } from "./nut.js";
import { type ForeignFormat, SNIFF_BYTES, sniff, unknownFormat } from "./sniff.js";
import { readStream } from "./streams.js";

const EBML = "\x1a\x45\xdf\xa3";
/** How mp4 and mov begin; QuickTime from before there were brands with any of its boxes. */
const FIRST_BOX = /^....(ftyp|styp|moov|mdat|wide|pnot|free|skip)/s;

/** What the named reader makes of a file; MediaInfo is loaded by the first file that needs it. */
export async function readBytes(bytes: Bytes, reader: ProbeRequest["reader"]): Promise<Contents | ForeignFormat> {
  if (reader === "none") return { ...UNKNOWN, reason: null };
  if (reader !== "media") {
    const { readWithMediaInfo } = await import("./mediainfo.js");
    return complete(bytes, await readWithMediaInfo(bytes, reader.mediaInfo));
  }
  try {
    return await readMedia(bytes);
  } catch (error) {
    if (error instanceof Unreadable) return { ...UNKNOWN, reason: error.message };
    throw error;
  }
}

/** Formats that their first bytes name, and that no library reads right. */
const READERS: Record<string, (bytes: Bytes) => Promise<Counted>> = { gif: readGif, flv: readFlv, nut: readNut };
const UNKNOWN = { container: "file", demuxer: null };

/** The contents of a file, or the format that another reader has to read; throws a Refusal for what is no whole media file. */
async function readMedia(bytes: Bytes): Promise<Contents | ForeignFormat> {
  if (bytes.size === 0) throw new Refusal("the file is empty (0 bytes)");
  const head = await bytes.read(0, Math.min(SNIFF_BYTES, bytes.size));
  const sniffed = sniff(head);
  if (typeof sniffed === "object") {
    const counted = await READERS[sniffed.container]?.(bytes);
    return counted ? complete(bytes, counted) : sniffed;
  }
  const text = head.toString("latin1");
  if (text.startsWith(EBML) || FIRST_BOX.test(text)) return readIndexed(bytes, text);
  const counted = await readStream(bytes, head).catch((error) => {
    throw isOurs(error) ? error : new Unreadable(`damaged: it cannot be read (${messageOf(error)})`);
  });
  if (counted) return complete(bytes, counted);
  // An ogg may hold streams that only ffprobe knows.
  if (text.startsWith("OggS")) return { container: "ogg", demuxer: "ogg", reason: null };
  throw unknownFormat(head);
}

async function readIndexed(bytes: Bytes, head: string): Promise<Contents> {
  const isMatroska = head.startsWith(EBML);
  // The brand and the type of document stand at the beginning; QuickTime had no brand at first.
  const isMov = !/^....(ftyp|styp)(?!qt {2})/s.test(head);
  const container = isMatroska ? (head.slice(0, 64).includes("webm") ? "webm" : "matroska") : isMov ? "mov" : "mp4";
  try {
    return complete(bytes, await (isMatroska ? countMatroska : countIsobmff)(bytes, container));
  } catch (error) {
    if (isOurs(error)) throw error;
    throw new Unreadable(`damaged: it begins like ${container}, but cannot be read as such (${messageOf(error)})`);
  }
}

/** Ours, or what came up from the disk or the network; all else is mediabunny stumbling over the file. */
function isOurs(error: unknown): boolean {
  return error instanceof Refusal || error instanceof Unreachable || error instanceof Trouble;
}

function complete(bytes: Bytes, counted: Counted): Contents {
  const { container, tracks } = counted;
  if (tracks.length === 0) throw new Unreadable(`this ${container} holds no video, audio or subtitle track`);
  const contents = describeContents({ ...counted, size: bytes.size });
  if (!contents) throw new Refusal(`cut short: this ${container} announces its tracks, but holds nothing of them`);
  return contents;
}
