// What the state keeps of an object, as values that the store and the uploads exchange.
import type { Digests } from "./digests.js";
import type { HttpMetadata } from "./metadata.js";

/** An object without its bytes. */
export interface StoredObject {
  key: string;
  version: string;
  size: number;
  etag: string;
  /** Milliseconds since 1970. */
  uploaded: number;
  checksums: Digests;
  http: HttpMetadata;
  custom: Record<string, string>;
  storageClass: string;
}

/** What is said about an object when it is put. */
export interface About {
  http: HttpMetadata;
  custom: Record<string, string>;
  storageClass: string;
}

/** A file of an object. */
export type Part = [blob: string, size: number];

/** An object as it was put, and the files that nothing refers to any more. */
export interface Kept {
  object: StoredObject;
  idle: string[];
}

export interface NewObject {
  about: About;
  etag: string;
  checksums: Digests;
  parts: Part[];
}
