// KV's values: what may be put, and how it comes back.
import { tooLarge, VALUE_BYTES } from "./kv-limits.js";
import { bytesOf, chunksOf, int, isObject, isStream, text, wrongParameter } from "./state-arguments.js";
import { type Bytes, concat, readAll, streamOf } from "./state-blobs.js";

export interface Entry {
  /** As JSON. */
  metadata: string | null;
  bytes(): Promise<Bytes>;
  stream(): ReadableStream<Bytes>;
}

export type KvType = "text" | "json" | "arrayBuffer" | "stream";

const UNKNOWN_TYPE = 'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".';
const REFUSED = "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.";

/** The second argument of a read: a type, or options. */
export function readOptions(given: unknown, of: string): { type: string | undefined; cacheTtl: number | undefined } {
  if (given === undefined || given === null) return { type: undefined, cacheTtl: undefined };
  if (!isObject(given)) return { type: text(given), cacheTtl: undefined };
  if (typeof given === "function") throw wrongParameter({ of, index: 2, type: "string or GetOptions" });
  const { type, cacheTtl } = given;
  return {
    type: type === undefined ? undefined : text(type),
    cacheTtl: cacheTtl === undefined ? undefined : int(cacheTtl),
  };
}

/** Anything that is no object is made a string. */
export async function bytesOfValue(value: unknown): Promise<Uint8Array> {
  const bytes = isObject(value) ? bytesOf(value) : bytesOf(text(value));
  if (bytes !== undefined) {
    if (bytes.byteLength > VALUE_BYTES) throw tooLarge(bytes.byteLength);
    return bytes;
  }
  if (!isStream(value)) throw new TypeError(REFUSED);
  return limited(chunksOf(value));
}

/** Reads on past the limit, since the message says how long it would have been. */
async function limited(chunks: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size <= VALUE_BYTES) kept.push(chunk.slice());
  }
  if (size > VALUE_BYTES) throw tooLarge(size);
  return concat(kept);
}

export async function typed(entry: Entry, type: string): Promise<unknown> {
  switch (type) {
    case "stream":
      return entry.stream();
    case "text":
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await entry.bytes());
    case "json":
      return JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(await entry.bytes()));
    case "arrayBuffer": {
      const bytes = await entry.bytes();
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    }
    default:
      throw new TypeError(UNKNOWN_TYPE);
  }
}

/** An entry's value where it is at hand, and where it is a stream. */
export function heldBytes(bytes: Bytes): Pick<Entry, "bytes" | "stream"> {
  return { bytes: async () => bytes, stream: () => streamOf(bytes.slice()) };
}

export function heldStream(open: () => ReadableStream<Bytes>): Pick<Entry, "bytes" | "stream"> {
  return { bytes: () => readAll(open()), stream: open };
}
