// `crypto.DigestStream`: a writable stream whose digest is a promise. And MD5, which the platform's own crypto lacks.
import { createHash, type Hash } from "node:crypto";
import type { Realm } from "../realm.js";
import { nameInstances, refuseGlobalScope, wrongConstructorType } from "./refusals.js";

const HASHES: Readonly<Record<string, string>> = {
  MD5: "md5",
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};
const UNKNOWN = "Unrecognized or unimplemented digest algorithm requested.";
const WRONG_CHUNK =
  "DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type on its writable side.";

/** The name in Node of an algorithm as Workers give it; errors: NotSupportedError. */
export function hashOf(algorithm: unknown): string {
  const name = typeof algorithm === "object" && algorithm !== null ? (algorithm as { name?: unknown }).name : algorithm;
  const hash = HASHES[String(name).toUpperCase()];
  if (hash === undefined) throw new DOMException(UNKNOWN, "NotSupportedError");
  return hash;
}

export function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof SharedArrayBuffer;
}

export function viewOf(bytes: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}

/** An ArrayBuffer of just these bytes. */
export function bufferOf(hash: Hash): ArrayBuffer {
  const digest = hash.digest();
  return digest.buffer.slice(digest.byteOffset, digest.byteOffset + digest.byteLength) as ArrayBuffer;
}

export function makeDigestStream(realm: Realm): unknown {
  class DigestStream extends WritableStream<unknown> {
    readonly digest: Promise<ArrayBuffer>;
    readonly #written: { bytes: number };

    constructor(algorithm?: unknown) {
      if (algorithm === undefined) throw wrongConstructorType("DigestStream", 1, "string or HashAlgorithm");
      refuseGlobalScope(realm);
      const hash = createHash(hashOf(algorithm));
      const written = { bytes: 0 };
      const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>();
      // It may be left alone: its failure is the writer's as well.
      promise.catch(() => undefined);
      super({
        write: (chunk) => {
          if (typeof chunk !== "string" && !isBytes(chunk)) throw new TypeError(WRONG_CHUNK);
          const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : viewOf(chunk);
          hash.update(bytes);
          written.bytes += bytes.byteLength;
        },
        close: () => resolve(bufferOf(hash)),
        abort: reject,
      });
      this.digest = promise;
      this.#written = written;
    }

    get bytesWritten(): bigint {
      return BigInt(this.#written.bytes);
    }
  }
  nameInstances(DigestStream, "DigestStream");
  return DigestStream;
}
