// Walks the packets of a transport stream. mediabunny reads it once a track and leaves a trail of small buffers that
// would count as much memory as a bomb; this walk reads it once, and sees the streams that mediabunny leaves out.
import type { Bytes } from "./bytes.js";
import { PacketTally } from "./description.js";

export interface TransportStream {
  pid: number;
  type: number;
  /** dvb_subtitle or dvb_teletext, if its descriptors say so. */
  subtitle: string | null;
  language: string | null;
  tally: PacketTally;
  /** Of the packets before the last one. */
  earlierBytes: number;
}

const SYNC = 0x47;
const PACKET_BYTES = 188;
const CLOCK_HZ = 90_000;
const CLOCK_WRAP = 2 ** 33;
const PRIVATE_DATA = 6;
const SUBTITLE_DESCRIPTORS = new Map([
  [0x59, "dvb_subtitle"],
  [0x56, "dvb_teletext"],
]);

/** The streams that the stream's own tables announce, each with its packets. */
export async function readTransport(bytes: Bytes): Promise<TransportStream[]> {
  const { stride, offset } = findStride(await bytes.peek(0, 1024));
  const window = stride * 2048;
  const walk = new Walk();
  for (let start = 0; start < bytes.size; start += window) {
    const piece = Buffer.from(await bytes.read(start, Math.min(start + window, bytes.size)));
    for (let at = offset; at + PACKET_BYTES <= piece.length; at += stride) {
      // A damaged packet is passed over; the next one stands where it should.
      if (piece[at] === SYNC) walk.take(piece.subarray(at, at + PACKET_BYTES));
    }
  }
  return [...walk.streams.values()];
}

/** A packet of sound holds several frames, and the last one fewer of them: its bytes tell how many. */
export function extendSound({ tally, earlierBytes }: TransportStream): void {
  if (earlierBytes === 0) return;
  const secondsPerByte = (tally.lastStartS - tally.firstStartS) / earlierBytes;
  tally.extendLast((tally.bytes - earlierBytes) * secondsPerByte);
}

/** Packets lie bare, behind a time stamp of 4 bytes, or before 16 bytes of error correction. */
function findStride(head: Uint8Array): { stride: number; offset: number } {
  if (head[0] === SYNC && head[PACKET_BYTES + 16] === SYNC && head[PACKET_BYTES] !== SYNC) {
    return { stride: PACKET_BYTES + 16, offset: 0 };
  }
  if (head[0] !== SYNC && head[4] === SYNC) return { stride: PACKET_BYTES + 4, offset: 4 };
  return { stride: PACKET_BYTES, offset: 0 };
}

class Walk {
  readonly streams = new Map<number, TransportStream>();
  private readonly tablePids = new Set([0]);
  private firstTicks: number | null = null;

  take(packet: Buffer): void {
    const pid = packet.readUInt16BE(1) & 0x1fff;
    const starts = ((packet[1] ?? 0) & 0x40) !== 0;
    const control = ((packet[3] ?? 0) >> 4) & 3;
    const payload = packet.subarray(control & 2 ? 5 + (packet[4] ?? 0) : 4);
    if ((control & 1) === 0 || payload.length === 0) return;
    const stream = this.streams.get(pid);
    if (stream) this.takePayload(stream, payload, starts);
    else if (starts && this.tablePids.has(pid)) this.takeTable(pid, payload);
  }

  private takePayload(stream: TransportStream, payload: Buffer, starts: boolean): void {
    const { tally } = stream;
    if (!starts) {
      tally.bytes += payload.length;
      return;
    }
    if (payload.length < 14 || payload.readUIntBE(0, 3) !== 1) return;
    const bytes = Math.max(0, payload.length - 9 - (payload[8] ?? 0));
    if (((payload[7] ?? 0) & 0x80) === 0) {
      tally.bytes += bytes; // Without a time of its own it belongs to the one before.
      return;
    }
    stream.earlierBytes = tally.bytes;
    tally.add(this.unwrap(readTicks(payload)) / CLOCK_HZ, 0, bytes);
  }

  /** The clock starts again after 26.5 hours, which may be in the middle of the file. */
  private unwrap(ticks: number): number {
    this.firstTicks ??= ticks;
    return this.firstTicks - ticks > CLOCK_WRAP / 2 ? ticks + CLOCK_WRAP : ticks;
  }

  private takeTable(pid: number, payload: Buffer): void {
    const section = payload.subarray(1 + (payload[0] ?? 0));
    if (section.length < 12) return;
    const end = Math.min(section.length, 3 + (section.readUInt16BE(1) & 0x0fff) - 4);
    if (pid === 0) {
      for (let at = 8; at + 4 <= end; at += 4) this.tablePids.add(section.readUInt16BE(at + 2) & 0x1fff);
      return;
    }
    for (let at = 12 + (section.readUInt16BE(10) & 0x0fff); at + 5 <= end; ) {
      const descriptorsEnd = Math.min(end, at + 5 + (section.readUInt16BE(at + 3) & 0x0fff));
      this.announce(section.readUInt16BE(at + 1) & 0x1fff, section[at] ?? 0, section.subarray(at + 5, descriptorsEnd));
      at = descriptorsEnd;
    }
  }

  private announce(pid: number, type: number, descriptors: Buffer): void {
    if (this.streams.has(pid)) return;
    const found = { subtitle: null as string | null, language: null as string | null };
    for (let at = 0; at + 2 <= descriptors.length && type === PRIVATE_DATA; at += 2 + (descriptors[at + 1] ?? 0)) {
      const subtitle = SUBTITLE_DESCRIPTORS.get(descriptors[at] ?? 0);
      if (!subtitle) continue;
      found.subtitle = subtitle;
      found.language = descriptors.toString("latin1", at + 2, at + 5);
    }
    this.streams.set(pid, { pid, type, ...found, tally: new PacketTally(), earlierBytes: 0 });
  }
}

/** 33 bits, with a marker bit after each 15. */
function readTicks(payload: Buffer): number {
  const high = ((payload[9] ?? 0) >> 1) & 7;
  return high * 2 ** 30 + (payload.readUInt16BE(10) >> 1) * 2 ** 15 + (payload.readUInt16BE(12) >> 1);
}
