// Walks the packets of a transport stream: its tables announce the streams, and their packets tell the times. Of a stream
// that is too large to be walked, the beginning and the end are.
import type { Bytes } from "./bytes.js";
import { type Counted, type CountedTrack, PacketTally } from "./description.js";
import type { Frame } from "./frames.js";
import { readPictures } from "./pictures.js";
import type { Part } from "./sample.js";
import { readStreamKind, type StreamKind } from "./streamtypes.js";

const SYNC = 0x47;
const PACKET_BYTES = 188;
/** Packets lie bare, behind a time stamp of 4 bytes, or before 16 bytes of error correction. */
const STRIDES = [PACKET_BYTES, PACKET_BYTES + 4, PACKET_BYTES + 16];
/** So many packets in a row are no chance. */
const CHAIN = 5;
const SEARCH_BYTES = 2 ** 20;
const WINDOW_BYTES = 64 * 1024;
const BEGINNING_BYTES = 8 * 2 ** 20;
const END_BYTES = 2 * 2 ** 20;

const CLOCK_HZ = 90_000;
const CLOCK_WRAP = 2 ** 33;

/** null for a file that is something else. */
export async function readTransport(bytes: Bytes, { end }: Part): Promise<Counted | null> {
  const head = await bytes.read(0, Math.min(SEARCH_BYTES, bytes.size));
  const stride = STRIDES.find((stride) => findPackets(head, { from: 0, stride, chain: CHAIN }) !== null);
  if (stride === undefined) return null;
  const walk = new TransportWalk(bytes, stride);
  const isWhole = end <= BEGINNING_BYTES + END_BYTES || bytes.canAfford(end);
  await walk.run(0, isWhole ? end : BEGINNING_BYTES);
  if (walk.streams.size === 0) return null;
  if (!isWhole) {
    walk.beginTail();
    await walk.run(end - END_BYTES, end);
    walk.stretch(end / BEGINNING_BYTES);
  }
  const tracks = [...walk.streams.values()].map(trackOf);
  return { container: "mpegts", headerDurationS: null, tracks, estimated: !isWhole };
}

interface PacketSearch {
  from: number;
  stride: number;
  chain: number;
}

/** Where so many packets in a row begin, or as many as there is room for in a file of fewer; null for nowhere. */
function findPackets(piece: Buffer, { from, stride, chain }: PacketSearch): number | null {
  for (let at = piece.indexOf(SYNC, from); at >= 0; at = piece.indexOf(SYNC, at + 1)) {
    const room = Math.floor((piece.length - at - PACKET_BYTES) / stride) + 1;
    const wanted = at < stride ? Math.min(chain, Math.max(2, room)) : chain;
    let found = 1;
    while (found < wanted && piece[at + found * stride] === SYNC) found++;
    if (found >= wanted) return at;
  }
  return null;
}

interface TransportStream {
  kind: StreamKind;
  /** Its packets have told what the tables leave open. */
  isKnown: boolean;
  /** The first bytes of a packet, until they have told it. */
  head: Buffer[];
  frame: Frame | null;
  tally: PacketTally;
  /** Of the packets before the last one. */
  earlierBytes: number;
  /** Of the beginning, while the end is walked. */
  beginning?: PacketTally;
}

/** Parameter sets come first in a packet, but behind other units. */
const HEAD_BYTES = 2048;

class TransportWalk {
  readonly streams = new Map<number, TransportStream>();
  /** Of tables, with the bytes that have come; the table of programs is the first. */
  readonly #tables = new Map<number, Buffer>([[0, Buffer.alloc(0)]]);
  #firstTicks: number | null = null;

  constructor(
    private readonly file: Bytes,
    private readonly stride: number,
  ) {}

  async run(start: number, end: number): Promise<void> {
    const { stride, file } = this;
    for (let at = start, isLost = true; at < end; ) {
      const piece = await file.peek(at, WINDOW_BYTES);
      let place = 0;
      for (; place + PACKET_BYTES <= piece.length; place += stride) {
        // A damaged packet is passed over where the next one stands in its place.
        if (!isLost && piece[place] !== SYNC && piece[place + stride] === SYNC) continue;
        if (isLost || piece[place] !== SYNC) {
          const next: number | null = findPackets(piece, { from: place, stride, chain: 3 });
          isLost = next === null;
          place = next ?? Math.max(place, piece.length - 3 * stride);
          if (isLost) break;
        }
        this.take(piece.subarray(place, place + PACKET_BYTES));
      }
      at += Math.max(place, 1);
      if (at + PACKET_BYTES > file.size) break;
    }
    for (const stream of this.streams.values()) learn(stream);
  }

  beginTail(): void {
    for (const stream of this.streams.values()) {
      if (stream.kind.facts.type === "audio") extendSound(stream);
      Object.assign(stream, { beginning: stream.tally, tally: new PacketTally(), earlierBytes: 0 });
    }
  }

  stretch(share: number): void {
    for (const stream of this.streams.values()) {
      const { beginning, tally } = stream;
      if (stream.kind.facts.type === "audio") extendSound(stream);
      if (!beginning) continue; // It is announced at the end only.
      beginning.stretch(tally, beginning.bytes * share);
      Object.assign(stream, { tally: beginning, earlierBytes: 0 });
    }
  }

  private take(packet: Buffer): void {
    const pid = packet.readUInt16BE(1) & 0x1fff;
    const starts = ((packet[1] ?? 0) & 0x40) !== 0;
    const control = ((packet[3] ?? 0) >> 4) & 3;
    if ((control & 1) === 0) return;
    const payload = packet.subarray(control & 2 ? 5 + (packet[4] ?? 0) : 4);
    if (payload.length === 0) return;
    const stream = this.streams.get(pid);
    if (stream) this.takePayload(stream, payload, starts);
    else if (this.#tables.has(pid)) this.takeTable(pid, payload, starts);
  }

  private takePayload(stream: TransportStream, payload: Buffer, starts: boolean): void {
    const { tally } = stream;
    if (!starts) {
      tally.bytes += payload.length;
      if (!stream.isKnown && stream.head.length > 0) collect(stream, payload);
      return;
    }
    if (payload.length < 9 || payload.readUIntBE(0, 3) !== 1) return;
    if (!stream.isKnown) learn(stream);
    const content = payload.subarray(9 + (payload[8] ?? 0));
    if (!stream.isKnown) collect(stream, content);
    if (payload.length >= 14 && ((payload[7] ?? 0) & 0x80) !== 0) {
      stream.earlierBytes = tally.bytes;
      tally.add(this.unwrap(readTicks(payload)) / CLOCK_HZ, 0, content.length);
    } else {
      tally.bytes += content.length; // Without a time of its own it belongs to the one before.
    }
  }

  /** The clock starts again after 26.5 hours, which may be in the middle of the file. */
  private unwrap(ticks: number): number {
    this.#firstTicks ??= ticks;
    return this.#firstTicks - ticks > CLOCK_WRAP / 2 ? ticks + CLOCK_WRAP : ticks;
  }

  /** A table of many streams goes on in the packets that follow. */
  private takeTable(pid: number, payload: Buffer, starts: boolean): void {
    const come = this.#tables.get(pid) ?? Buffer.alloc(0);
    const section = starts ? Buffer.from(payload.subarray(1 + (payload[0] ?? 0))) : Buffer.concat([come, payload]);
    if (!starts && come.length === 0) return;
    this.#tables.set(pid, section);
    if (section.length < 12) return;
    const end = 3 + (section.readUInt16BE(1) & 0x0fff) - 4;
    if (end + 4 > section.length) return;
    this.#tables.set(pid, Buffer.alloc(0));
    if (pid === 0) this.takePrograms(section.subarray(8, end));
    else if (section[0] === 2) this.takeStreams(section.subarray(0, end));
  }

  private takePrograms(entries: Buffer): void {
    for (let at = 0; at + 4 <= entries.length; at += 4) {
      const table = entries.readUInt16BE(at + 2) & 0x1fff;
      const isNetwork = entries.readUInt16BE(at) === 0;
      if (!isNetwork && !this.#tables.has(table)) this.#tables.set(table, Buffer.alloc(0));
    }
  }

  private takeStreams(section: Buffer): void {
    const infoEnd = 12 + (section.readUInt16BE(10) & 0x0fff);
    for (let at = infoEnd; at + 5 <= section.length; ) {
      const end = at + 5 + (section.readUInt16BE(at + 3) & 0x0fff);
      const pid = section.readUInt16BE(at + 1) & 0x1fff;
      const descriptors = Buffer.concat([section.subarray(12, infoEnd), section.subarray(at + 5, end)]);
      const kind = readStreamKind({ type: section[at] ?? 0, descriptors });
      const stream = { kind, isKnown: false, head: [], frame: null, tally: new PacketTally(), earlierBytes: 0 };
      if (kind && !this.streams.has(pid)) this.streams.set(pid, { ...stream, kind });
      at = end;
    }
  }
}

function collect(stream: TransportStream, piece: Buffer): void {
  // The window that it lies in is used again.
  stream.head.push(Buffer.from(piece));
  if (stream.head.length * PACKET_BYTES > HEAD_BYTES) learn(stream);
}

/** Reads the headers in the first bytes of a packet. */
function learn(stream: TransportStream): void {
  const { kind, isKnown } = stream;
  const data = Buffer.concat(stream.head.splice(0));
  if (isKnown || data.length === 0) return;
  const facts = kind.pictures
    ? readPictures(kind.pictures, data)
    : kind.sound
      ? readSoundFacts(stream, data)
      : kind.facts;
  if (!facts) return;
  stream.isKnown = true;
  stream.kind = { ...kind, facts: { ...kind.facts, ...facts } };
}

function readSoundFacts(stream: TransportStream, data: Buffer): StreamKind["facts"] | null {
  const reader = stream.kind.sound?.();
  for (let at = 0; reader && at < data.length; at++) {
    const frame = reader(data, at);
    if (!frame || frame.rate === 0) continue;
    stream.frame = frame;
    return { type: "audio", codec: frame.codec, channels: frame.channels, sample_rate: frame.rate };
  }
  return null;
}

/** A packet of sound holds several frames, and the last one fewer of them: its bytes tell how many. */
function extendSound({ tally, earlierBytes, frame }: TransportStream): void {
  const spanS = tally.lastStartS - tally.firstStartS;
  if (tally.count > 1 && earlierBytes > 0) tally.extendLast(((tally.bytes - earlierBytes) * spanS) / earlierBytes);
  else if (tally.count === 1 && frame) tally.extendLast((tally.bytes / frame.bytes) * (frame.samples / frame.rate));
}

function trackOf(stream: TransportStream): CountedTrack {
  const { kind, tally } = stream;
  if (kind.facts.type === "audio" && !stream.beginning) extendSound(stream);
  return { facts: kind.facts, tally };
}

/** 33 bits, with a marker bit after each 15. */
function readTicks(payload: Buffer): number {
  const high = ((payload[9] ?? 0) >> 1) & 7;
  return high * 2 ** 30 + (payload.readUInt16BE(10) >> 1) * 2 ** 15 + (payload.readUInt16BE(12) >> 1);
}
