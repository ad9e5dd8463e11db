// The boxes of an mp4 or mov, read through a file of any size: their heads, and the content of small ones.
import type { Bytes } from "./bytes.js";

export interface Box {
  type: string;
  /** Of its head. */
  at: number;
  /** Of its content. */
  start: number;
  end: number;
}

/** What is kept of one box that is read whole; those that may be larger are tables, which are read in pieces. */
const CONTENT_BYTES = 1024 * 1024;
const HEAD_BYTES = 16;

/** The box at this place, or null where there is none. It may reach beyond the end of the file. */
export async function boxAt(bytes: Bytes, at: number, end: number): Promise<Box | null> {
  const head = bytes.held(at, HEAD_BYTES) ?? (await bytes.peek(at, HEAD_BYTES));
  if (head.length < 8 || at + 8 > end) return null;
  const view = viewOf(head);
  let size = view.getUint32(0);
  let headBytes = 8;
  if (size === 1 && head.length >= HEAD_BYTES) {
    size = Number(view.getBigUint64(8));
    headBytes = HEAD_BYTES;
  }
  if (size === 0) size = end - at; // It goes to the end.
  if (size < headBytes) return null;
  return { type: fourCc(view, 4), at, start: at + headBytes, end: at + size };
}

/** The boxes side by side in this range; one that reaches beyond it ends the list. */
export async function* boxesIn(bytes: Bytes, { start, end }: Pick<Box, "start" | "end">): AsyncGenerator<Box> {
  for (let at = start; at < end; ) {
    const box = await boxAt(bytes, at, end);
    if (!box || box.end > end) return;
    yield box;
    at = box.end;
  }
}

/** A box inside of a piece that is in memory. */
export interface Inner {
  type: string;
  /** Of its content. */
  start: number;
  end: number;
}

export function* innerBoxes(view: DataView, { start, end }: Pick<Inner, "start" | "end">): Generator<Inner> {
  for (let at = start; at + 8 <= end; ) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > end) return;
    yield { type: fourCc(view, at + 4), start: at + 8, end: at + size };
    at += size;
  }
}

/** The content of a box, of a large one its beginning. */
export async function contentOf(bytes: Bytes, { start, end }: Pick<Box, "start" | "end">): Promise<DataView> {
  return viewOf(await bytes.read(start, Math.min(end, start + CONTENT_BYTES, bytes.size)));
}

export function viewOf(piece: Uint8Array): DataView {
  return new DataView(piece.buffer, piece.byteOffset, piece.length);
}

export function fourCc(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}
