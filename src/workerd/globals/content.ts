// What is in a body: known beforehand or a stream, read once, and shared by whoever was made of the same stream.
import * as nodeStream from "node:stream";
import { native } from "../native.js";

/** What a body can be made of without being a stream. Such bodies need none until somebody asks for it. */
export type Known = string | Uint8Array | Blob;

export const BODY_USED =
  "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const LOCKED = "This ReadableStream is currently locked to a reader.";
const LOCKED_WHILE_TEE = "This ReadableStream is currently locked to a reader,";
const LOCKED_ELSEWHERE = "The ReadableStream has been locked to a reader.";
const DISTURBED = "This ReadableStream is disturbed (has already been read from), and cannot be used as a body.";
const NO_BYTES = "This ReadableStream did not return bytes.";

/** Older than its type: whether a stream was ever read or cancelled, which nothing of the platform tells. */
const { isDisturbed } = nodeStream as typeof nodeStream & { isDisturbed(stream: ReadableStream): boolean };

const encoder = new TextEncoder();

/** Which streams show something known: a body made of such a stream is as good as one made of what it shows. */
const shownBy = new WeakMap<ReadableStream, Content>();
/** Streams that give nothing but Uint8Arrays, and how many bytes in all if that is known. */
const byteStreams = new WeakMap<ReadableStream, number | null>();

export function promiseBytes(stream: ReadableStream, length: number | null): void {
  byteStreams.set(stream, length);
}

/** The content of one body, or of several that were made of the same stream. */
export class Content {
  readonly #known: Known | null;
  #stream: ReadableStream | null;
  #isTaken = false;

  constructor(made: Known | ReadableStream) {
    this.#known = made instanceof ReadableStream ? null : made;
    this.#stream = made instanceof ReadableStream ? made : null;
  }

  static of(stream: ReadableStream): Content {
    const shown = shownBy.get(stream) ?? new Content(stream);
    if (shown.isUsed) throw new TypeError(DISTURBED);
    return shown;
  }

  get isUsed(): boolean {
    return this.#isTaken || (this.#stream !== null && isDisturbed(this.#stream));
  }

  get isLocked(): boolean {
    return this.#isTaken || this.#stream?.locked === true;
  }

  /** Bytes, if that is known. */
  get length(): number | null {
    if (typeof this.#known === "string") return native.Buffer.byteLength(this.#known);
    if (this.#known instanceof Blob) return this.#known.size;
    return this.#known?.byteLength ?? (this.#stream && byteStreams.get(this.#stream)) ?? null;
  }

  get isEmpty(): boolean {
    return this.#known !== null && this.length === 0;
  }

  get stream(): ReadableStream {
    if (this.#stream === null) {
      this.#stream = this.#known === null || this.#isTaken ? spentStream() : streamOf(this.#known);
      shownBy.set(this.#stream, this);
    }
    return this.#stream;
  }

  /** For whoever reads it all; nobody else can afterwards. */
  take(whenLocked = LOCKED): Known | ReadableStream {
    if (this.isUsed) throw new TypeError(BODY_USED);
    if (this.isLocked) throw new TypeError(whenLocked);
    if (this.#known === null) return this.stream;
    this.#isTaken = true;
    // Whoever holds the stream that shows it sees it locked and read.
    if (this.#stream !== null) void this.#stream.getReader().cancel();
    return this.#known;
  }

  /** As it goes over the network, where strings in streams are UTF-8 though nobody inside may read them so. */
  send(): Uint8Array | Blob | ReadableStream<Uint8Array> {
    const taken = this.take(LOCKED_ELSEWHERE);
    if (typeof taken === "string") return encoder.encode(taken);
    return taken instanceof ReadableStream && !byteStreams.has(taken) ? encoded(taken) : taken;
  }

  tee(): [Content, Content] {
    if (this.isUsed || this.isLocked) throw new TypeError(LOCKED_WHILE_TEE);
    if (this.#known !== null) return [new Content(this.take() as Known), new Content(this.#known)];
    const length = byteStreams.get(this.stream);
    const branches = this.stream.tee();
    if (length !== undefined) for (const branch of branches) promiseBytes(branch, length);
    return [new Content(branches[0]), new Content(branches[1])];
  }

  /** Goes over to another body, and this one counts as used. */
  move(): Content {
    if (this.isLocked) throw new TypeError(LOCKED_ELSEWHERE);
    return this.#known === null ? new Content(this.stream) : new Content(this.take() as Known);
  }
}

export async function allBytes(taken: Known | ReadableStream): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof taken === "string") return encoder.encode(taken);
  if (taken instanceof Uint8Array) return taken as Uint8Array<ArrayBuffer>;
  if (taken instanceof Blob) return new Uint8Array(await taken.arrayBuffer());
  return readAll(taken);
}

async function readAll(stream: ReadableStream): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const chunk: unknown = read.value;
    if (typeof chunk === "string" || !isBytes(chunk)) {
      const error = new TypeError(NO_BYTES);
      void reader.cancel(error).catch(() => undefined);
      throw error;
    }
    const bytes = asBytes(chunk);
    chunks.push(bytes);
    size += bytes.byteLength;
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

export function asBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return encoder.encode(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk)) return copyBytes(chunk);
  throw new TypeError(NO_BYTES);
}

function streamOf(known: Known): ReadableStream {
  if (known instanceof Blob) return known.stream();
  const bytes = typeof known === "string" ? encoder.encode(known) : known;
  const stream = new native.ReadableStream({
    type: "bytes",
    pull: (controller) => {
      // A byte stream takes the buffer away from whoever enqueues it, and clones may share this one.
      if (bytes.byteLength > 0) controller.enqueue(bytes.slice());
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
  promiseBytes(stream, bytes.byteLength);
  return stream;
}

function encoded(stream: ReadableStream): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new native.ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(asBytes(value));
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function spentStream(): ReadableStream {
  const stream = new native.ReadableStream();
  void stream.getReader().cancel();
  return stream;
}

export function copyBytes(bytes: ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes.slice(0));
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return copy;
}

function isBytes(chunk: unknown): boolean {
  return chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk);
}
