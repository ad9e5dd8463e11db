// Walks the packets of a Matroska or WebM file. mediabunny reads whole clusters into memory, gives up a cut one and
// passes over subtitles; this walk reads headers only, and counts every block that is really there.
import type { Bytes } from "./bytes.js";
import { PacketTally } from "./description.js";

export interface MatroskaTrack {
  number: number;
  subtitle: boolean;
  codecId: string;
  language: string | null;
  tally: PacketTally;
}

export interface MatroskaFacts {
  headerDurationS: number | null;
  /** As they stand in the file. */
  tracks: MatroskaTrack[];
}

const ID = {
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  tracks: 0x1654ae6b,
  track: 0xae,
  trackNumber: 0xd7,
  trackType: 0x83,
  codecId: 0x86,
  language: 0x22b59c,
  languageTag: 0x22b59d,
  defaultDuration: 0x23e383,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  blockDuration: 0x9b,
} as const;

/** Entered rather than skipped: their children follow, so that sizes nobody knew while writing need not be known. */
const ENTERED = new Set<number>([ID.segment, ID.info, ID.tracks, ID.track, ID.cluster, ID.blockGroup]);
const SUBTITLE = 17;
const LONGEST_VALUE_BYTES = 64;
/** An id (4), a size (8) and the value or the head of a block. */
const PEEK_BYTES = 12 + LONGEST_VALUE_BYTES;
const NS_PER_S = 1e9;

export async function readMatroska(bytes: Bytes): Promise<MatroskaFacts> {
  const walk = new Walk();
  for (let at = 0; at < bytes.size; ) {
    const piece = await bytes.peek(at, PEEK_BYTES);
    const element = readElement(piece);
    if (!element) {
      at = await findCluster(bytes, at + 1);
      continue;
    }
    const { id, size, head } = element;
    if (ENTERED.has(id)) {
      walk.enter(id);
      at += head;
      continue;
    }
    // A block that was cut off, and elements of unknown size, which only the entered ones may have.
    if (size === null || at + head + size > bytes.size) break;
    walk.take(id, size, piece.subarray(head, Math.min(piece.length, head + size)));
    at += head + size;
  }
  return walk.finish();
}

/** Where the next cluster begins after a damaged stretch, or the end of the file. */
async function findCluster(bytes: Bytes, from: number): Promise<number> {
  const cluster = Buffer.from([0x1f, 0x43, 0xb6, 0x75]);
  const step = 64 * 1024;
  for (let at = from; at < bytes.size; at += step) {
    const found = Buffer.from(await bytes.read(at, Math.min(at + step + 3, bytes.size))).indexOf(cluster);
    if (found >= 0) return at + found;
  }
  return bytes.size;
}

interface Element {
  id: number;
  /** null: unknown. */
  size: number | null;
  /** Bytes of id and size. */
  head: number;
}

function readElement(piece: Uint8Array): Element | null {
  const idLength = vintLength(piece[0]);
  if (idLength === 0 || idLength > 4) return null;
  const sizeLength = vintLength(piece[idLength]);
  const head = idLength + sizeLength;
  if (sizeLength === 0 || piece.length < head) return null;
  const id = readUnsigned(piece.subarray(0, idLength));
  const size = readVint(piece.subarray(idLength, head));
  return { id, size: size === 2 ** (7 * sizeLength) - 1 ? null : size, head };
}

class Walk {
  private readonly tracks: MatroskaTrack[] = [];
  private readonly byNumber = new Map<number, MatroskaTrack>();
  private readonly defaultDurationNs = new Map<MatroskaTrack, number>();
  private track: MatroskaTrack | null = null;
  private scaleNs = 1_000_000;
  private headerTicks: number | null = null;
  private clusterTicks = 0;
  /** A block waits for the duration that may follow it in its group. */
  private waiting: { track: MatroskaTrack; ticks: number; bytes: number; frames: number } | null = null;

  enter(id: number): void {
    this.settleBlock(null);
    if (id !== ID.track) return;
    this.track = { number: 0, subtitle: false, codecId: "", language: "eng", tally: new PacketTally() };
    this.tracks.push(this.track);
  }

  /** `value` holds the first bytes of the element, all of them if it is short. */
  take(id: number, size: number, value: Uint8Array): void {
    if (id === ID.blockDuration) this.settleBlock(readUnsigned(value));
    if (id === ID.simpleBlock || id === ID.block) this.takeBlock(size, value);
    if (id === ID.timestamp) this.clusterTicks = readUnsigned(value);
    if (id === ID.timestampScale) this.scaleNs = readUnsigned(value) || this.scaleNs;
    if (id === ID.duration) this.headerTicks = readFloat(value);
    if (this.track) this.takeTrackValue(this.track, id, value);
  }

  finish(): MatroskaFacts {
    this.settleBlock(null);
    const headerDurationS = this.headerTicks ? (this.headerTicks * this.scaleNs) / NS_PER_S : null;
    return { headerDurationS, tracks: this.tracks };
  }

  private takeTrackValue(track: MatroskaTrack, id: number, value: Uint8Array): void {
    if (id === ID.trackNumber) {
      track.number = readUnsigned(value);
      this.byNumber.set(track.number, track);
    }
    if (id === ID.trackType) track.subtitle = readUnsigned(value) === SUBTITLE;
    if (id === ID.codecId) track.codecId = readText(value);
    if (id === ID.language || id === ID.languageTag) track.language = readText(value);
    if (id === ID.defaultDuration) this.defaultDurationNs.set(track, readUnsigned(value));
  }

  private takeBlock(size: number, value: Uint8Array): void {
    this.settleBlock(null);
    const numberLength = vintLength(value[0]);
    const head = numberLength + 3;
    if (numberLength === 0 || value.length < head) return;
    const track = this.byNumber.get(readVint(value.subarray(0, numberLength)));
    if (!track) return;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    const laced = (value[head - 1] ?? 0) & 0x06;
    const frames = laced ? (value[head] ?? 0) + 1 : 1;
    this.waiting = { track, ticks: this.clusterTicks + view.getInt16(numberLength), bytes: size - head, frames };
  }

  private settleBlock(durationTicks: number | null): void {
    if (!this.waiting) return;
    const { track, ticks, bytes, frames } = this.waiting;
    this.waiting = null;
    const durationNs =
      durationTicks === null ? (this.defaultDurationNs.get(track) ?? 0) * frames : durationTicks * this.scaleNs;
    const frameS = durationNs / frames / NS_PER_S;
    const startS = (ticks * this.scaleNs) / NS_PER_S;
    for (let n = 0; n < frames; n++) track.tally.add(startS + n * frameS, frameS, bytes / frames);
  }
}

/** How many bytes a number takes, by its first one; 0 for none that is allowed. */
function vintLength(first: number | undefined): number {
  return first ? Math.clz32(first) - 23 : 0;
}

/** The marker of the length is taken off first: eight bytes with it on are more than a number can hold exactly. */
function readVint(bytes: Uint8Array): number {
  const [first = 0, ...rest] = bytes;
  return rest.reduce((value, byte) => value * 256 + byte, first & (0xff >> bytes.length));
}

function readUnsigned(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function readFloat(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length === 4) return view.getFloat32(0);
  return bytes.length === 8 ? view.getFloat64(0) : null;
}

function readText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8").replace(/\0.*$/s, "");
}
