// The readers of formats without an index, in the order in which they are asked: first those whose first bytes name them.
import type { Bytes } from "./bytes.js";
import type { Counted } from "./description.js";
import { readFlac } from "./flac.js";
import { readTransport } from "./mpegts.js";
import { readOgg } from "./ogg.js";
import { readPcm } from "./pcm.js";
import { endOfData } from "./sample.js";
import { readSound } from "./sound.js";
import { readVideo } from "./video.js";

/** null where none of them knows the file. */
export async function readStream(bytes: Bytes, head: Buffer): Promise<Counted | null> {
  const pcm = await readPcm(bytes, head);
  if (pcm) return pcm;
  const data = { start: await endOfTags(bytes), end: await endOfData(bytes) };
  return (
    (await readOgg(bytes, data)) ??
    (await readFlac(bytes, data)) ??
    (await readVideo(bytes, data)) ??
    (await readTransport(bytes, data)) ??
    (await readSound(bytes, data))
  );
}

const MOST_TAGS = 16;

/** Behind ID3v2 tags, of which some programs write several. */
async function endOfTags(bytes: Bytes): Promise<number> {
  let at = 0;
  for (let count = 0; count < MOST_TAGS; count++) {
    const head = await bytes.peek(at, 10);
    if (head.length < 10 || head.toString("latin1", 0, 3) !== "ID3") break;
    // Four bytes of seven bits each, and a second head at the end where a flag says so.
    const size = head.subarray(6).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
    at += 10 + size + ((head[5] ?? 0) & 0x10 ? 10 : 0);
  }
  return Math.min(at, bytes.size);
}
