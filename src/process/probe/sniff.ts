// Looks at the first bytes of a file: for the readers here, for ffprobe, or no media at all.
import { Refusal, Unreadable } from "./failure.js";

/** How many bytes a look needs. */
export const SNIFF_BYTES = 4096;

export interface ForeignFormat {
  /** As a person calls it. */
  container: string;
  /** ffprobe's demuxer, named where it is known, so that ffprobe need not (and cannot be led to) guess. */
  demuxer: string | null;
  /** Why a reader that was asked does not read it; null where there is none for this format. */
  reason: string | null;
}

interface Magic {
  at?: number;
  bytes: string;
}

/** Formats that are read neither by mediabunny nor packet by packet. */
const FOREIGN: (Magic & { container: string; demuxer?: string })[] = [
  { at: 8, bytes: "AVI ", container: "avi" },
  { bytes: "FLV", container: "flv" },
  { bytes: "\x30\x26\xb2\x75\x8e\x66\xcf\x11", container: "asf" },
  { bytes: "GIF8", container: "gif" },
  { bytes: "\x00\x00\x01\xba", container: "mpeg" },
  { bytes: "\x06\x0e\x2b\x34", container: "mxf" },
  { bytes: ".RMF", container: "rm" },
  { bytes: "\x1f\x07\x00", container: "dv" },
  { bytes: "wvpk", container: "wavpack", demuxer: "wv" },
  { bytes: "TTA1", container: "tta" },
  { bytes: "MAC ", container: "ape" },
  { bytes: "MP+", container: "musepack", demuxer: "mpc" },
  { bytes: "MPCK", container: "musepack", demuxer: "mpc8" },
  { bytes: "tBaK", container: "tak" },
  { bytes: "DSD ", container: "dsf" },
  { bytes: "nut/multimedia", container: "nut" },
  { bytes: "\x00\x00\x00\x00\x01\xbc", container: "gxf" },
  { bytes: "\x00\x00\x01\xb0", container: "m4v" },
  { bytes: "\xb7\xd8\x00\x20\x37\x49\xda\x11", container: "wtv" },
  { bytes: "Creative Voice File", container: "voc" },
  { bytes: "YUV4MPEG2", container: "y4m", demuxer: "yuv4mpegpipe" },
];

/** What the readers here know by its first bytes; the other formats (mp3, aac, mpegts and their like) have to be tried. */
const NAMED: Magic[] = [
  { at: 4, bytes: "ftyp" },
  { at: 4, bytes: "styp" },
  { bytes: "\x1a\x45\xdf\xa3" },
  { bytes: "OggS" },
  { bytes: "fLaC" },
  { at: 8, bytes: "WAVE" },
  { bytes: "ID3" },
];

const NO_MEDIA: (Magic & { name: string })[] = [
  { bytes: "\x89PNG", name: "a PNG image" },
  { bytes: "\xff\xd8\xff", name: "a JPEG image" },
  { at: 8, bytes: "WEBP", name: "a WebP image" },
  { bytes: "%PDF", name: "a PDF document" },
  { bytes: "PK\x03\x04", name: "a zip archive" },
  { bytes: "\x1f\x8b", name: "a gzip archive" },
  { bytes: "7z\xbc\xaf", name: "a 7z archive" },
  { bytes: "Rar!", name: "a rar archive" },
  { bytes: "\xfd7zXZ", name: "an xz archive" },
  { bytes: "\x28\xb5\x2f\xfd", name: "a zstd archive" },
  { at: 257, bytes: "ustar", name: "a tar archive" },
  { bytes: "SQLite format 3", name: "a SQLite database" },
  { bytes: "\x7fELF", name: "a program" },
  { bytes: "#EXTM3U", name: "a playlist, and playlists are not followed" },
];

/** Tab, line feed, form feed, carriage return, space. */
const BLANK = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x20]);

/** The format if ffprobe has to read it, "named" or "unnamed" for the readers here; throws for what is no media. */
export function sniff(head: Buffer): ForeignFormat | "named" | "unnamed" {
  const text = head.toString("latin1");
  const matches = ({ at = 0, bytes }: Magic) => text.startsWith(bytes, at);
  const foreign = FOREIGN.find(matches);
  if (foreign) return { container: foreign.container, demuxer: foreign.demuxer ?? foreign.container, reason: null };
  if (NAMED.some(matches)) return "named";
  const other = NO_MEDIA.find(matches);
  if (other) throw new Refusal(`not a media file: it is ${other.name}`);
  if (head.every((byte) => byte === 0 || BLANK.has(byte)))
    throw new Refusal("not a media file: it begins with nothing but zeros or blanks");
  if (isText(head)) throw new Refusal("not a media file: it begins with text");
  return "unnamed";
}

export function unknownFormat(head: Buffer): Unreadable {
  const shown = head.toString("hex", 0, 8).replace(/..(?=.)/g, "$& ");
  return new Unreadable(`not a media file: its first bytes (${shown}) belong to no known format`);
}

/** UTF-8 or UTF-16 without control characters. */
function isText(head: Uint8Array): boolean {
  const utf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  if (utf16) return true;
  try {
    // `stream` forgives a character that is cut at the end of the piece.
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return head.every((byte) => byte >= 0x20 || BLANK.has(byte));
  } catch {
    return false;
  }
}
