// What a Worker is given of an object: workerd's HeadResult and GetResult, with everything as own properties in its order.
import { Blob } from "node:buffer";
import { Readable } from "node:stream";
import { readAll } from "../state-blobs.js";
import type { DigestName, Digests } from "./digests.js";
import { type HttpMetadata, writeHttpMetadata } from "./metadata.js";
import type { Range } from "./ranges.js";
import type { StoredObject } from "./stored.js";

export class HeadResult {
  readonly ssecKeyMd5: string | undefined;
  readonly storageClass: string;
  readonly range: Range | undefined;
  readonly customMetadata: Record<string, string>;
  readonly httpMetadata: HttpMetadata;
  readonly uploaded: Date;
  readonly checksums: Checksums;
  readonly httpEtag: string;
  readonly etag: string;
  readonly size: number;
  readonly version: string;
  readonly key: string;

  constructor(object: StoredObject, { range }: { range?: Range } = {}) {
    this.ssecKeyMd5 = undefined;
    this.storageClass = object.storageClass;
    this.range = range;
    this.customMetadata = object.custom;
    this.httpMetadata = object.http;
    this.uploaded = new Date(object.uploaded);
    this.checksums = new Checksums(object.checksums);
    this.httpEtag = `"${object.etag}"`;
    this.etag = object.etag;
    this.size = object.size;
    this.version = object.version;
    this.key = object.key;
  }

  writeHttpMetadata(headers: Headers): void {
    writeHttpMetadata(this.httpMetadata, headers);
  }

  get [Symbol.toStringTag](): string {
    return "HeadResult";
  }
}

const USED = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";

export class GetResult extends HeadResult {
  readonly #body: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(object: StoredObject, { range, body }: { range: Range; body: ReadableStream<Uint8Array<ArrayBuffer>> }) {
    super(object, { range });
    this.#body = body;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#body;
  }

  get bodyUsed(): boolean {
    return isDisturbed(this.#body);
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.bodyUsed) throw new TypeError(USED);
    if (this.#body.locked) throw new TypeError("This ReadableStream is currently locked to a reader.");
    return readAll(this.#body);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.bytes()], { type: this.httpMetadata.contentType ?? "" });
  }

  override get [Symbol.toStringTag](): string {
    return "GetResult";
  }
}

/** Node's types know only its own streams here, the function knows both. */
function isDisturbed(stream: unknown): boolean {
  return Readable.isDisturbed(stream as Readable);
}

/** Own properties as buffers, JSON as hex. */
class Checksums {
  readonly sha512: ArrayBuffer | undefined;
  readonly sha384: ArrayBuffer | undefined;
  readonly sha256: ArrayBuffer | undefined;
  readonly sha1: ArrayBuffer | undefined;
  readonly md5: ArrayBuffer | undefined;
  readonly #hex: Digests;

  constructor(digests: Digests) {
    this.#hex = digests;
    this.sha512 = fromHex(digests.sha512);
    this.sha384 = fromHex(digests.sha384);
    this.sha256 = fromHex(digests.sha256);
    this.sha1 = fromHex(digests.sha1);
    this.md5 = fromHex(digests.md5);
  }

  toJSON(): Record<DigestName, string | undefined> {
    const { md5, sha1, sha256, sha384, sha512 } = this.#hex;
    return { md5, sha1, sha256, sha384, sha512 };
  }

  get [Symbol.toStringTag](): string {
    return "Checksums";
  }
}

function fromHex(hex: string | undefined): ArrayBuffer | undefined {
  if (hex === undefined) return undefined;
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)).buffer;
}
