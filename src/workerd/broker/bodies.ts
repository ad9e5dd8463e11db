// Bodies of messages as text, so that any database keeps them: JSON where they are JSON or text, else base64.
import { deserialize, serialize } from "node:v8";
import type { OutgoingMessage } from "../host/protocol.js";
import { native } from "../native.js";

export type ContentType = OutgoingMessage["contentType"];

const { Buffer } = native;

export function encodeBody(body: unknown, contentType: ContentType): string {
  switch (contentType) {
    case "json":
    case "text":
      return JSON.stringify(body) ?? "null";
    case "bytes":
      return Buffer.from(body as Uint8Array).toString("base64");
    case "v8":
      return serialize(body).toString("base64");
    default:
      return contentType satisfies never;
  }
}

/** Bytes come back as an ArrayBuffer, as on Cloudflare. */
export function decodeBody(text: string, contentType: ContentType): unknown {
  switch (contentType) {
    case "json":
    case "text":
      return JSON.parse(text);
    case "bytes":
      return new Uint8Array(Buffer.from(text, "base64")).buffer;
    case "v8":
      return deserialize(Buffer.from(text, "base64"));
    default:
      return contentType satisfies never;
  }
}
