// Uploads in parts: each part is a file at once, and completing only writes down which files make up the object.
import { createHash, randomBytes } from "node:crypto";
import type { State } from "../state.js";
import {
  R2_PART_GET,
  R2_PART_PUT,
  R2_PARTS,
  R2_PARTS_DELETE,
  R2_UPLOAD_CREATE,
  R2_UPLOAD_END,
  R2_UPLOAD_GET,
} from "../state-statements.js";
import { Digester } from "./digests.js";
import { codes, r2Error } from "./errors.js";
import { httpFromJson } from "./metadata.js";
import type { About, Kept, NewObject, StoredObject } from "./stored.js";
import type { Value } from "./values.js";

export interface NamedUpload {
  key: string;
  uploadId: string;
}

export interface NamedPart {
  number: number;
  etag: string;
}

interface UploadRow {
  http: string;
  custom: string;
  storageClass: string;
  isOpen: number;
}

interface PartRow {
  number: number;
  blob: string;
  size: number;
  etag: string;
  md5: string;
}

/** Every part but the last. */
const LEAST_BYTES = 5 * 1024 * 1024;

export class Uploads {
  readonly #state: State;
  readonly #bucket: string;
  readonly #keep: (key: string, object: NewObject) => Kept;

  constructor(state: State, { bucket, keep }: { bucket: string; keep: (key: string, object: NewObject) => Kept }) {
    this.#state = state;
    this.#bucket = bucket;
    this.#keep = keep;
  }

  create(key: string, { http, custom, storageClass }: About): string {
    const uploadId = randomId();
    const said = [JSON.stringify(http), JSON.stringify(custom), storageClass];
    this.#state.run(R2_UPLOAD_CREATE, uploadId, this.#bucket, key, ...said);
    return uploadId;
  }

  /** The part's etag. */
  async upload({ key, uploadId }: NamedUpload, { number, value }: { number: number; value: Value }): Promise<string> {
    const digester = new Digester();
    const blob = await this.#state.blobs.put(digester.through(value));
    const etag = randomId();
    try {
      const before = this.#state.atomically(() => {
        if (this.#find({ key, uploadId })?.isOpen !== 1) throw r2Error("uploadPart", codes.noSuchUpload);
        const row = this.#state.get<{ blob: string }>(R2_PART_GET, uploadId, number);
        this.#state.run(R2_PART_PUT, uploadId, number, blob, digester.size, etag, digester.end().md5);
        return row?.blob ?? null;
      });
      this.#state.blobs.drop([before]);
    } catch (error) {
      this.#state.blobs.drop([blob]);
      throw error;
    }
    return etag;
  }

  complete({ key, uploadId }: NamedUpload, named: readonly NamedPart[]): StoredObject {
    const refused = (refusal: (typeof codes)[keyof typeof codes]) => r2Error("completeMultipartUpload", refusal);
    const { object, idle } = this.#state.atomically(() => {
      const upload = this.#find({ key, uploadId });
      if (upload === undefined) throw refused(codes.internal);
      if (upload.isOpen !== 1) throw refused(codes.noSuchUpload);
      if (new Set(named.map(({ number }) => number)).size < named.length) throw refused(codes.internal);
      const uploaded = new Map(this.#parts(uploadId).map((part) => [part.number, part]));
      const chosen = named.map(({ number, etag }) => {
        const part = uploaded.get(number);
        if (part?.etag !== etag) throw refused(codes.invalidPart);
        return part;
      });
      if (chosen.slice(0, -1).some(({ size }) => size < LEAST_BYTES)) throw refused(codes.tooSmall);
      chosen.sort((one, other) => one.number - other.number);
      if (!areEven(chosen)) throw refused(codes.badUpload);
      const kept = this.#keep(key, {
        about: {
          http: httpFromJson(upload.http),
          custom: JSON.parse(upload.custom) as Record<string, string>,
          storageClass: upload.storageClass,
        },
        etag: etagOf(chosen),
        checksums: {},
        parts: chosen.map(({ blob, size }) => [blob, size]),
      });
      const left = [...uploaded.values()].filter((part) => !chosen.includes(part));
      this.#end(uploadId);
      return { object: kept.object, idle: [...kept.idle, ...left.map(({ blob }) => blob)] };
    });
    this.#state.blobs.drop(idle);
    return object;
  }

  abort({ key, uploadId }: NamedUpload): void {
    const idle = this.#state.atomically(() => {
      const upload = this.#find({ key, uploadId });
      if (upload === undefined) throw r2Error("abortMultipartUpload", codes.internal);
      if (upload.isOpen !== 1) return [];
      const parts = this.#parts(uploadId);
      this.#end(uploadId);
      return parts.map(({ blob }) => blob);
    });
    this.#state.blobs.drop(idle);
  }

  #find({ key, uploadId }: NamedUpload): UploadRow | undefined {
    return this.#state.get<UploadRow>(R2_UPLOAD_GET, uploadId, this.#bucket, key);
  }

  #parts(uploadId: string): PartRow[] {
    return this.#state.all<PartRow>(R2_PARTS, uploadId);
  }

  #end(uploadId: string): void {
    this.#state.run(R2_PARTS_DELETE, uploadId);
    this.#state.run(R2_UPLOAD_END, uploadId);
  }
}

/** All parts are of one size, the last one at most of it. */
function areEven(parts: readonly PartRow[]): boolean {
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined || parts.length === 1) return true;
  return parts.slice(0, -1).every(({ size }) => size >= LEAST_BYTES && size === first.size) && last.size <= first.size;
}

function etagOf(parts: readonly PartRow[]): string {
  const hash = createHash("md5");
  for (const { md5 } of parts) hash.update(md5, "hex");
  return `${hash.digest("hex")}-${parts.length}`;
}

function randomId(): string {
  return randomBytes(128).toString("base64url");
}
