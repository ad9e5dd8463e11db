// What a Worker is given of an upload in parts.
import { int, isObject, text, wrongParameter } from "../state-arguments.js";
import { HeadResult } from "./object.js";
import type { NamedUpload, Uploads } from "./uploads.js";
import { chunksOfValue } from "./values.js";

const MOST_PARTS = 10_000;

export class R2MultipartUpload {
  readonly #uploads: Uploads;
  readonly #count: () => void;
  readonly uploadId: string;
  readonly key: string;

  constructor(uploads: Uploads, { key, uploadId, count }: NamedUpload & { count: () => void }) {
    this.#uploads = uploads;
    this.#count = count;
    this.uploadId = uploadId;
    this.key = key;
  }

  async uploadPart(...args: unknown[]): Promise<{ partNumber: number; etag: string }> {
    const of = "R2MultipartUpload.uploadPart";
    if (args.length === 0) throw wrongParameter({ of, index: 1, type: "integer" });
    const partNumber = int(args[0]);
    const value = chunksOfValue(args, { of, index: 2, mayBeNothing: false });
    checkNumber(partNumber);
    this.#count();
    return { partNumber, etag: await this.#uploads.upload(this, { number: partNumber, value }) };
  }

  async complete(...args: unknown[]): Promise<HeadResult> {
    const [parts] = args;
    if (!Array.isArray(parts)) {
      throw wrongParameter({ of: "R2MultipartUpload.complete", index: 1, type: "Array" });
    }
    const named = parts.map((part, at) => {
      if (!isObject(part)) {
        throw new TypeError(
          `Incorrect type for array element ${at}: the provided value is not of type 'UploadedPart'.`,
        );
      }
      return { number: checkNumber(int(part.partNumber)), etag: text(part.etag) };
    });
    this.#count();
    return new HeadResult(this.#uploads.complete(this, named));
  }

  async abort(): Promise<void> {
    this.#count();
    this.#uploads.abort(this);
  }

  get [Symbol.toStringTag](): string {
    return "R2MultipartUpload";
  }
}

function checkNumber(number: number): number {
  if (number >= 1 && number <= MOST_PARTS) return number;
  throw new TypeError(`Part number must be between 1 and ${MOST_PARTS} (inclusive). Actual value was: ${number}`);
}
