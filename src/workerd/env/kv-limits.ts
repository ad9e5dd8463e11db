// What Workers KV refuses, in the words that reach a Worker: some of workerd itself, some of the service behind it.

const KEY_BYTES = 512;
const METADATA_BYTES = 1024;
export const VALUE_BYTES = 25 * 1024 * 1024;
const TTL_S = 60;
const CACHE_TTL_S = 30;
const LISTED = 1000;
const BULK = 100;

export type Method = "GET" | "PUT" | "DELETE" | "GET_BULK";

/** What the service refuses: its status and words behind workerd's. */
export function failed(method: Method, words: string): Error {
  return new Error(`KV ${method} failed: ${words}`);
}

export function checkKey(key: string, method: Method): void {
  if (key === "") throw new TypeError("Key name cannot be empty.");
  if (key === "." || key === "..") throw new TypeError(`"${key}" is not allowed as a key name.`);
  checkKeyLength(key, method);
}

/** A bulk read's keys are seen by the service only. */
export function checkBulkKey(key: string): void {
  if (key === "") throw failed("GET_BULK", "400 Key names must not be empty");
  if (key === "." || key === "..") {
    throw failed("GET_BULK", `400 Illegal key name "${key}". Please use a different name.`);
  }
  checkKeyLength(key, "GET_BULK");
}

function checkKeyLength(key: string, method: Method): void {
  const bytes = byteLength(key);
  if (bytes > KEY_BYTES) {
    throw failed(method, `414 UTF-8 encoded length of ${bytes} exceeds key length limit of ${KEY_BYTES}.`);
  }
}

export function checkCacheTtl(cacheTtl: number | undefined, method: Method): void {
  if (cacheTtl === undefined || cacheTtl >= CACHE_TTL_S) return;
  throw failed(method, `400 Invalid cache_ttl of ${cacheTtl}. Cache TTL must be at least ${CACHE_TTL_S}.`);
}

export interface When {
  /** Seconds since 1970. */
  expiration: number | undefined;
  /** Seconds from now; the one that counts if both are given. */
  expirationTtl: number | undefined;
}

/** When the entry expires, in seconds since 1970; null for never. */
export function checkExpiry({ expiration, expirationTtl }: When, nowS: number): number | null {
  if (expirationTtl !== undefined) {
    const invalid = `400 Invalid expiration_ttl of ${expirationTtl}.`;
    if (expirationTtl <= 0) throw failed("PUT", `${invalid} Please specify integer greater than 0.`);
    if (expirationTtl < TTL_S) throw failed("PUT", `${invalid} Expiration TTL must be at least ${TTL_S}.`);
    return nowS + expirationTtl;
  }
  if (expiration === undefined) return null;
  const invalid = `400 Invalid expiration of ${expiration}.`;
  if (expiration <= nowS) {
    const expected = "Please specify integer greater than the current number of seconds since the UNIX epoch.";
    throw failed("PUT", `${invalid} ${expected}`);
  }
  if (expiration < nowS + TTL_S) {
    throw failed("PUT", `${invalid} Expiration times must be at least ${TTL_S} seconds in the future.`);
  }
  return expiration;
}

export function checkMetadata(json: string | undefined): void {
  const bytes = json === undefined ? 0 : byteLength(json);
  if (bytes > METADATA_BYTES) {
    throw failed("PUT", `413 Metadata length of ${bytes} exceeds limit of ${METADATA_BYTES}.`);
  }
}

export function tooLarge(bytes: number): Error {
  return failed("PUT", `413 Value length of ${bytes} exceeds limit of ${VALUE_BYTES}.`);
}

/** How many keys a page has; 0 and less stand for the most there may be. */
export function checkListLimit(limit: number): number {
  if (limit > LISTED) {
    throw failed("GET", `400 Invalid key_count_limit of ${limit}. Please specify an integer less than ${LISTED}.`);
  }
  return limit > 0 ? limit : LISTED;
}

export function checkPrefix(prefix: string): string {
  checkKeyLength(prefix, "GET");
  return prefix;
}

export function checkBulk(keys: string[], type: string | undefined): string[] {
  if (type !== undefined && type !== "" && type !== "text" && type !== "json") {
    throw failed("GET_BULK", `400 "${type}" is not a valid type. Use "json" or "text"`);
  }
  if (keys.length > BULK) throw failed("GET_BULK", `400 You can request a maximum of ${BULK} keys`);
  if (keys.length === 0) throw failed("GET_BULK", "400 You must request a minimum of 1 key");
  return keys;
}

function byteLength(value: string): number {
  return new TextEncoder().encode(value).byteLength;
}
