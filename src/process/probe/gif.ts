// Counts the frames of an animated GIF (GIF89a specification); each may last a time of its own.
import type { Bytes } from "./bytes.js";
import { type Counted, PacketTally } from "./description.js";

/** A shorter delay than players keep, and what they and ffprobe take in its place, in hundredths of a second. */
const SHORTEST = 2;
const INSTEAD = 10;
const CLOCK = 100;

export async function readGif(bytes: Bytes): Promise<Counted> {
  const screen = await bytes.read(0, Math.min(13, bytes.size));
  const size = { width: word(screen, 6), height: word(screen, 8) };
  const tally = new PacketTally();
  let delay = INSTEAD;
  let time = 0;
  let at = 13 + tableBytes(screen[10]);
  while (at < bytes.size) {
    const head = await bytes.peek(at, 10);
    const start = at;
    if (head[0] === 0x2c) {
      at = await afterBlocks(bytes, at + 11 + tableBytes(head[9]));
      if (at > bytes.size && tally.count > 0) break; // The file ends inside of this frame.
      tally.add(time / CLOCK, delay / CLOCK, Math.min(at, bytes.size) - start);
      time += delay;
      delay = INSTEAD;
    } else if (head[0] === 0x21) {
      if (head[1] === 0xf9) delay = word(head, 4) < SHORTEST ? INSTEAD : word(head, 4);
      at = await afterBlocks(bytes, at + 2);
    } else break; // 0x3b is the end.
  }
  const facts = { type: "video", codec: "gif", ...size } as const;
  return { container: "gif", headerDurationS: null, tracks: [{ facts, tally }] };
}

/** Blocks begin with their length; an empty one ends them. */
async function afterBlocks(bytes: Bytes, from: number): Promise<number> {
  let at = from;
  while (at < bytes.size) {
    const piece = await bytes.peek(at, 64 * 1024);
    let inside = 0;
    while (inside < piece.length) {
      const length = piece[inside] ?? 0;
      inside += 1 + length;
      if (length === 0) return at + inside;
    }
    at += inside;
  }
  return bytes.size + 1;
}

function tableBytes(flags = 0): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

function word(data: Uint8Array, at: number): number {
  return (data[at] ?? 0) + (data[at + 1] ?? 0) * 256;
}
