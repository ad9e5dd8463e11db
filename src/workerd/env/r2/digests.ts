// The digests of a value: the MD5 that every object has, and the one that its sender may name, which has to be right.

import { createHash, type Hash } from "node:crypto";
import { wrongField } from "../../globals/refusals.js";
import { bytesOf, type Given } from "../state-arguments.js";
import { badDigest } from "./errors.js";

export type DigestName = "md5" | "sha1" | "sha256" | "sha384" | "sha512";

/** As hex. */
export type Digests = Partial<Record<DigestName, string>>;

const ALGORITHMS: Record<DigestName, { title: string; bytes: number }> = {
  md5: { title: "MD5", bytes: 16 },
  sha1: { title: "SHA-1", bytes: 20 },
  sha256: { title: "SHA-256", bytes: 32 },
  sha384: { title: "SHA-384", bytes: 48 },
  sha512: { title: "SHA-512", bytes: 64 },
};

export const DIGEST_NAMES = Object.keys(ALGORITHMS) as DigestName[];

/** What the options of a put say about the value. */
export function digestsOf(options: Given): Digests {
  const digests: Digests = {};
  for (const name of DIGEST_NAMES) {
    const given = options[name];
    if (given === undefined) continue;
    if (Object.keys(digests).length > 0) throw new TypeError("You cannot specify multiple hashing algorithms.");
    digests[name] = digestOf(given, name);
  }
  return digests;
}

function digestOf(given: unknown, name: DigestName): string {
  const { title, bytes } = ALGORITHMS[name];
  if (typeof given === "string") {
    if (given.length !== bytes * 2) throw new TypeError(`${title} is ${bytes * 2} hex characters, not ${given.length}`);
    if (!/^[0-9a-f]*$/i.test(given)) throw new TypeError(`Provided ${title} wasn't a valid hex string`);
    return given.toLowerCase();
  }
  const raw = bytesOf(given);
  if (raw === undefined) throw wrongField(name, "PutOptions", "JsBufferSource or string");
  if (raw.byteLength !== bytes) throw new TypeError(`${title} is ${bytes} bytes, not ${raw.byteLength}`);
  return hex(raw);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads along while a value is written, and counts. */
export class Digester {
  readonly #expected: Digests;
  readonly #hashes: [DigestName, Hash][];
  size = 0;

  constructor(expected: Digests = {}) {
    this.#expected = expected;
    const names = DIGEST_NAMES.filter((name) => name === "md5" || name in expected);
    this.#hashes = names.map((name) => [name, createHash(name)]);
  }

  async *through(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      for (const [, hash] of this.#hashes) hash.update(chunk);
      this.size += chunk.byteLength;
      yield chunk;
    }
  }

  /** At the end; throws where one is not as its sender said. */
  end(): Digests & { md5: string } {
    const digests: Digests & { md5: string } = { md5: "" };
    for (const [name, hash] of this.#hashes) {
      const actual = hash.digest("hex");
      const given = this.#expected[name];
      if (given !== undefined && given !== actual) throw badDigest(ALGORITHMS[name].title, { given, actual });
      digests[name] = actual;
    }
    return digests;
  }
}
