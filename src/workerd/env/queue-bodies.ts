// The bodies of messages at the moment they are sent: what happens to the object afterwards does not change them.
import { isArrayBufferView } from "node:util/types";
import { serialize } from "node:v8";
import type { OutgoingMessage } from "../host/protocol.js";
import { native } from "../native.js";
import { text } from "./state-arguments.js";

export type ContentType = OutgoingMessage["contentType"];

export interface Packed {
  body: unknown;
  contentType: ContentType;
  /** As it counts towards the limits. */
  bytes: number;
}

const TYPES: ReadonlySet<string> = new Set<ContentType>(["json", "text", "bytes", "v8"]);

export function contentTypeOf(given: unknown): ContentType | undefined {
  if (given === undefined) return undefined;
  const type = text(given).toLowerCase();
  if (!TYPES.has(type)) throw new TypeError(`Unsupported queue message content type: ${text(given)}`);
  return type as ContentType;
}

export function pack(body: unknown, contentType: ContentType): Packed {
  if (body === undefined) throw new TypeError("Message body cannot be undefined");
  switch (contentType) {
    case "json": {
      // What JSON has no word for, a function for one, is sent as nothing.
      const json = JSON.stringify(body) ?? "null";
      return { body: JSON.parse(json), contentType, bytes: native.Buffer.byteLength(json) };
    }
    case "text":
      if (typeof body !== "string") throw wrongBody("text", "string", body);
      return { body: body.toWellFormed(), contentType, bytes: native.Buffer.byteLength(body) };
    case "bytes": {
      if (!isArrayBufferView(body)) throw wrongBody("bytes", "ArrayBufferView", body);
      const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
      return { body: bytes, contentType, bytes: bytes.byteLength };
    }
    case "v8": {
      const copy = structuredClone(body);
      return { body: copy, contentType, bytes: serialize(copy).byteLength };
    }
    default:
      return contentType satisfies never;
  }
}

function wrongBody(contentType: string, expected: string, body: unknown): TypeError {
  return new TypeError(
    `Content Type "${contentType}" requires a value of type ${expected}, but received: ${typeof body}`,
  );
}
