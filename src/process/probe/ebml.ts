// The elements of a Matroska or WebM file, as bytes.

export interface Element {
  id: number;
  /** null: unknown. */
  size: number | null;
  /** Bytes of id and size. */
  head: number;
}

/** The element that this piece begins with, or null where there is none. */
export function readElement(piece: Uint8Array, at = 0): Element | null {
  const idLength = vintLength(piece[at]);
  if (idLength === 0 || idLength > 4) return null;
  const sizeLength = vintLength(piece[at + idLength]);
  const head = idLength + sizeLength;
  if (sizeLength === 0 || at + head > piece.length) return null;
  const id = readUnsigned(piece, at, at + idLength);
  const size = readVint(piece, at + idLength, sizeLength);
  return { id, size: size === 2 ** (7 * sizeLength) - 1 ? null : size, head };
}

export interface Inner {
  id: number;
  /** Its content. */
  value: Uint8Array;
}

/** The elements side by side in this piece; one that reaches beyond it ends the list. */
export function* elementsIn(piece: Uint8Array): Generator<Inner> {
  for (let at = 0; at < piece.length; ) {
    const element = readElement(piece, at);
    if (!element || element.size === null || at + element.head + element.size > piece.length) return;
    const start = at + element.head;
    at = start + element.size;
    yield { id: element.id, value: piece.subarray(start, at) };
  }
}

/** How many bytes a number takes, by its first one; 0 for none that is allowed. */
export function vintLength(first: number | undefined): number {
  return first ? Math.clz32(first) - 23 : 0;
}

/** The marker of the length is taken off first: eight bytes with it on are more than a number can hold exactly. */
export function readVint(piece: Uint8Array, at: number, length: number): number {
  let value = (piece[at] ?? 0) & (0xff >> length);
  for (let index = 1; index < length; index++) value = value * 256 + (piece[at + index] ?? 0);
  return value;
}

export function readUnsigned(piece: Uint8Array, start = 0, end = piece.length): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 256 + (piece[at] ?? 0);
  return value;
}

export function readFloat(piece: Uint8Array): number | null {
  const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
  if (piece.length === 4) return view.getFloat32(0);
  return piece.length === 8 ? view.getFloat64(0) : null;
}

export function readText(piece: Uint8Array): string {
  return Buffer.from(piece).toString("utf8").replace(/\0.*$/s, "");
}
