// The R2 binding: a bucket of the Worker's state, with workerd's words and the limits of R2.
import { type Clock, systemClock } from "../../clock.js";
import type { Realm } from "../realm.js";
import { conditionOf } from "./r2/conditions.js";
import { digestsOf } from "./r2/digests.js";
import { codes, r2Error } from "./r2/errors.js";
import { listObjects } from "./r2/list.js";
import { customMetadataOf, httpMetadataOf, sizeOfCustom } from "./r2/metadata.js";
import { R2MultipartUpload } from "./r2/multipart.js";
import { GetResult, HeadResult } from "./r2/object.js";
import { rangeOf } from "./r2/ranges.js";
import { R2Store } from "./r2/store.js";
import { chunksOfValue } from "./r2/values.js";
import type { State } from "./state.js";
import { type Given, optionsOf, stringOf, text, wrongParameter } from "./state-arguments.js";
import { countServiceCall } from "./state-call.js";

export interface R2Parts {
  bucket: string;
  realm: Realm;
  state: State;
  clock?: Clock;
}

export function makeR2({ bucket, realm, state, clock = systemClock }: R2Parts): R2Bucket {
  return new R2Bucket(realm, new R2Store(state, { bucket, clock }));
}

/** The class has workerd's own name, which people see when they print a binding. */
class R2Bucket {
  readonly #realm: Realm;
  readonly #store: R2Store;

  constructor(realm: Realm, store: R2Store) {
    this.#realm = realm;
    this.#store = store;
  }

  async head(...args: unknown[]): Promise<HeadResult | null> {
    const key = stringOf(args, { of: "R2Bucket.head", index: 1 });
    countServiceCall(this.#realm);
    const found = this.#store.find(checkedKey(key, "head"));
    return found === undefined ? null : new HeadResult(found, { range: whole(found) });
  }

  async get(...args: unknown[]): Promise<HeadResult | GetResult | null> {
    const key = stringOf(args, { of: "R2Bucket.get", index: 1 });
    const options = optionsOf(args[1], { of: "R2Bucket.get", index: 2, type: "GetOptions" });
    const condition = conditionOf(options.onlyIf, "GetOptions");
    const spanIn = rangeOf(options.range);
    countServiceCall(this.#realm);
    const opened = this.#store.open(checkedKey(key, "get"), (object) => {
      if (condition?.holds(object) === false) return null;
      return spanIn(object.size) ?? whole(object);
    });
    if (opened === undefined) return null;
    const { object, range, body } = opened;
    return body === null ? new HeadResult(object, { range: whole(object) }) : new GetResult(object, { range, body });
  }

  async put(...args: unknown[]): Promise<HeadResult | null> {
    const key = stringOf(args, { of: "R2Bucket.put", index: 1 });
    const value = chunksOfValue(args, { of: "R2Bucket.put", index: 2, mayBeNothing: true });
    const options = optionsOf(args[2], { of: "R2Bucket.put", index: 3, type: "PutOptions" });
    const condition = conditionOf(options.onlyIf, "PutOptions");
    const about = aboutOf(options, "PutOptions");
    const digests = digestsOf(options);
    countServiceCall(this.#realm);
    checkedKey(key, "put");
    if (sizeOfCustom(about.custom) > 2048) throw r2Error("put", codes.metadataTooLarge);
    const stored = await this.#store.put(key, { value, about, digests, condition });
    return stored === null ? null : new HeadResult(stored);
  }

  async delete(...args: unknown[]): Promise<void> {
    if (args.length === 0) throw wrongParameter({ of: "R2Bucket.delete", index: 1, type: "string or Array" });
    const keys = Array.isArray(args[0]) ? args[0].map(text) : [text(args[0])];
    countServiceCall(this.#realm);
    for (const key of keys) checkedKey(key, "delete");
    this.#store.delete(keys);
  }

  async list(given?: unknown): Promise<object> {
    const options = optionsOf(given, { of: "R2Bucket.list", index: 1, type: "ListOptions" });
    const list = listObjects(options);
    countServiceCall(this.#realm);
    return list(this.#store);
  }

  async createMultipartUpload(...args: unknown[]): Promise<R2MultipartUpload> {
    const key = stringOf(args, { of: "R2Bucket.createMultipartUpload", index: 1 });
    const options = optionsOf(args[1], { of: "R2Bucket.createMultipartUpload", index: 2, type: "MultipartOptions" });
    const about = aboutOf(options, "MultipartOptions");
    countServiceCall(this.#realm);
    const uploadId = this.#store.uploads.create(checkedKey(key, "createMultipartUpload"), about);
    return new R2MultipartUpload(this.#store.uploads, { key, uploadId, count: () => countServiceCall(this.#realm) });
  }

  resumeMultipartUpload(...args: unknown[]): R2MultipartUpload {
    const key = stringOf(args, { of: "R2Bucket.resumeMultipartUpload", index: 1 });
    const uploadId = stringOf(args, { of: "R2Bucket.resumeMultipartUpload", index: 2 });
    return new R2MultipartUpload(this.#store.uploads, { key, uploadId, count: () => countServiceCall(this.#realm) });
  }

  get [Symbol.toStringTag](): string {
    return "R2Bucket";
  }
}

const KEY_BYTES = 1024;

function checkedKey(key: string, action: string): string {
  if (new TextEncoder().encode(key).byteLength > KEY_BYTES) throw r2Error(action, codes.invalidName);
  return key;
}

function aboutOf(options: Given, of: string) {
  return {
    custom: customMetadataOf(options.customMetadata, of),
    http: httpMetadataOf(options.httpMetadata, of),
    // R2 itself says "Standard" where miniflare, which has no classes, says nothing.
    storageClass: options.storageClass === undefined ? "Standard" : text(options.storageClass),
  };
}

function whole({ size }: { size: number }) {
  return { offset: 0, length: size };
}
