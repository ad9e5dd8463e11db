// Counts the blocks of a Matroska or WebM file by their heads. mediabunny reads whole clusters into memory and gives up a
// cut one; this walk counts every block that is really there.
import type { Bytes } from "./bytes.js";
import type { PacketTally } from "./description.js";
import { readElement, readUnsigned, readVint, vintLength } from "./ebml.js";

export interface BlockTrack {
  number: number;
  defaultDurationNs: number;
  tally: PacketTally;
}

export const CLUSTER = 0x1f43b675;
const CLUSTER_MARK = Buffer.from([0x1f, 0x43, 0xb6, 0x75]);
const TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;
const BLOCK_DURATION = 0x9b;

/** Entered rather than skipped: their children follow, so that sizes nobody knew while writing need not be known. */
const ENTERED = new Set([0x18538067, CLUSTER, BLOCK_GROUP]);
/** An id (4), a size (8) and a number, or the head of a block. */
const PEEK_BYTES = 24;
const NS_PER_S = 1e9;

interface WalkParts {
  from: number;
  scaleNs: number;
  tracks: BlockTrack[];
  /** Asked before each cluster. */
  mayStop: () => boolean;
}

/** null at the end of the blocks, otherwise where it has stopped. */
export async function walkBlocks(bytes: Bytes, { from, scaleNs, tracks, mayStop }: WalkParts): Promise<number | null> {
  const walk = new Walk(scaleNs, tracks);
  for (let at = from; at < bytes.size; ) {
    const piece = bytes.held(at, PEEK_BYTES) ?? (await bytes.peek(at, PEEK_BYTES));
    const element = readElement(piece);
    if (!element) {
      if (mayStop()) break;
      at = (await findCluster(bytes, at + 1)) ?? bytes.size;
      continue;
    }
    const { id, size, head } = element;
    if (id === CLUSTER && mayStop()) {
      walk.finish();
      return at;
    }
    if (ENTERED.has(id)) {
      walk.finish();
      at += head;
      continue;
    }
    // A block that was cut off, and elements of unknown size, which only the entered ones may have.
    if (size === null || at + head + size > bytes.size) break;
    walk.take(id, size, piece.subarray(head, head + size));
    at += head + size;
  }
  walk.finish();
  return null;
}

/** Where the next cluster begins, behind a damaged stretch or near the end. */
export function findCluster(bytes: Bytes, from: number): Promise<number | null> {
  return bytes.find(CLUSTER_MARK, from);
}

class Walk {
  readonly #scaleNs: number;
  readonly #tracks: Map<number, BlockTrack>;
  #clusterTicks = 0;
  /** A block waits for the duration that may follow it in its group. */
  #waiting: { track: BlockTrack; ticks: number; bytes: number; frames: number } | null = null;

  constructor(scaleNs: number, tracks: BlockTrack[]) {
    this.#scaleNs = scaleNs;
    this.#tracks = new Map(tracks.map((track) => [track.number, track]));
  }

  /** `value` holds the first bytes of the element, all of them if it is short. */
  take(id: number, size: number, value: Uint8Array): void {
    if (id === BLOCK_DURATION) this.#settle(readUnsigned(value));
    if (id === SIMPLE_BLOCK || id === BLOCK) this.#takeBlock(size, value);
    if (id === TIMESTAMP) this.#clusterTicks = readUnsigned(value);
  }

  finish(): void {
    this.#settle(null);
  }

  #takeBlock(size: number, value: Uint8Array): void {
    this.#settle(null);
    const numberLength = vintLength(value[0]);
    const head = numberLength + 3;
    if (numberLength === 0 || value.length < head) return;
    const track = this.#tracks.get(readVint(value, 0, numberLength));
    if (!track) return;
    const offset = (((value[numberLength] ?? 0) << 24) >> 16) | (value[numberLength + 1] ?? 0);
    const laced = (value[head - 1] ?? 0) & 0x06;
    const frames = laced ? (value[head] ?? 0) + 1 : 1;
    this.#waiting = { track, ticks: this.#clusterTicks + offset, bytes: size - head, frames };
  }

  #settle(durationTicks: number | null): void {
    if (!this.#waiting) return;
    const { track, ticks, bytes, frames } = this.#waiting;
    this.#waiting = null;
    const durationNs = durationTicks === null ? track.defaultDurationNs : (durationTicks * this.#scaleNs) / frames;
    const startS = (ticks * this.#scaleNs) / NS_PER_S;
    track.tally.addRun({ count: frames, startS, stepS: durationNs / NS_PER_S, bytes });
  }
}
