// Which reader takes the formats that are read neither by mediabunny nor packet by packet.
import type { Bytes } from "./bytes.js";
import type { Contents } from "./description.js";
import { readFlv } from "./flv.js";
import { readGif } from "./gif.js";

const READERS: Record<string, (bytes: Bytes) => Promise<Contents>> = { gif: readGif, flv: readFlv };

/** By the names of `sniff`: formats on which the figures and the memory of MediaInfo were measured. */
const READ_BY_MEDIAINFO: ReadonlySet<string> = new Set([
  "avi",
  "asf",
  "mpeg",
  "mxf",
  "rm",
  "dv",
  "gxf",
  "tta",
  "wavpack",
]);

/** The reader of ours for this format, if there is one. */
export function foreignReader(container: string) {
  return READERS[container];
}

export function isReadByMediaInfo(container: string): boolean {
  return READ_BY_MEDIAINFO.has(container);
}
