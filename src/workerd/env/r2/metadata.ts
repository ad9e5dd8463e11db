// What is said about an object: HTTP metadata and the person's own.
import { wrongField } from "../../globals/refusals.js";
import { isHeaders, isObject, text } from "../state-arguments.js";
import { dateOf } from "./conditions.js";

export interface HttpMetadata {
  contentType: string | undefined;
  contentLanguage: string | undefined;
  contentDisposition: string | undefined;
  contentEncoding: string | undefined;
  cacheControl: string | undefined;
  cacheExpiry: Date | undefined;
}

/** In the order in which workerd writes them. */
const HEADER_OF = {
  contentType: "content-type",
  contentLanguage: "content-language",
  contentDisposition: "content-disposition",
  contentEncoding: "content-encoding",
  cacheControl: "cache-control",
} as const;

const NAMES = Object.keys(HEADER_OF) as (keyof typeof HEADER_OF)[];

export function httpMetadataOf(given: unknown, of: string): HttpMetadata {
  if (given === undefined) return emptyHttp();
  if (!isObject(given)) throw wrongField("httpMetadata", of, "HttpMetadata or Headers");
  const metadata = emptyHttp();
  if (isHeaders(given)) {
    for (const name of NAMES) {
      const value = given.get(HEADER_OF[name]);
      if (value !== null) metadata[name] = value;
    }
    const expires = given.get("expires");
    if (expires !== null) metadata.cacheExpiry = new Date(expires);
    return metadata;
  }
  for (const name of NAMES) if (given[name] !== undefined) metadata[name] = text(given[name]);
  if (given.cacheExpiry !== undefined) {
    metadata.cacheExpiry = new Date(dateOf(given.cacheExpiry, "cacheExpiry", "HttpMetadata"));
  }
  return metadata;
}

export function writeHttpMetadata(metadata: HttpMetadata, headers: Headers): void {
  for (const name of NAMES) {
    const value = metadata[name];
    if (value !== undefined) headers.set(HEADER_OF[name], value);
  }
  if (metadata.cacheExpiry !== undefined) headers.set("expires", metadata.cacheExpiry.toUTCString());
}

export function customMetadataOf(given: unknown, of: string): Record<string, string> {
  if (given === undefined) return {};
  if (!isObject(given)) throw wrongField("customMetadata", of, "object");
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [text(key), text(value)]));
}

/** A character beyond Latin-1 makes all of its string twice as large. */
export function sizeOfCustom(metadata: Record<string, string>): number {
  const isWide = (value: string) => Array.from(value).some((letter) => letter > "\u00ff");
  const sizeOf = (value: string) => (isWide(value) ? value.length * 2 : value.length);
  return Object.entries(metadata).reduce((sum, [key, value]) => sum + sizeOf(key) + sizeOf(value), 0);
}

export function httpFromJson(json: string): HttpMetadata {
  const { cacheExpiry, ...rest } = JSON.parse(json) as Omit<HttpMetadata, "cacheExpiry"> & { cacheExpiry?: string };
  return { ...emptyHttp(), ...rest, cacheExpiry: cacheExpiry === undefined ? undefined : new Date(cacheExpiry) };
}

/** Every name is there, as in workerd's own struct. */
export function emptyHttp(): HttpMetadata {
  return {
    contentType: undefined,
    contentLanguage: undefined,
    contentDisposition: undefined,
    contentEncoding: undefined,
    cacheControl: undefined,
    cacheExpiry: undefined,
  };
}
