// Content encodings, which some servers apply though they are asked not to.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { pipeline, type Readable, type Transform } from "node:stream";
import { Refusal } from "./failure.js";

/** In the order in which they were applied. */
export function encodingsOf(headers: IncomingHttpHeaders): string[] {
  const names = (headers["content-encoding"] ?? "").toLowerCase().split(",");
  return names.map((name) => name.trim()).filter((name) => name !== "" && name !== "identity");
}

/** The body as the file is; throws a Refusal for an encoding that cannot be undone. */
export function decoded(body: IncomingMessage): Readable {
  const decoders = encodingsOf(body.headers).reverse().map(decoderOf);
  // An error on the way destroys the last of them with it, and so reaches whoever reads.
  if (decoders.length > 0) pipeline([body, ...decoders], () => undefined);
  return decoders.at(-1) ?? body;
}

function decoderOf(name: string): Transform {
  const zlib = process.getBuiltinModule("node:zlib");
  if (name === "gzip" || name === "x-gzip") return zlib.createGunzip();
  if (name === "br") return zlib.createBrotliDecompress();
  if (name === "deflate") return zlib.createInflate();
  if (name === "zstd" && "createZstdDecompress" in zlib) return zlib.createZstdDecompress();
  throw new Refusal(
    `expected a file or one in gzip, br, deflate or zstd, got the content encoding ${name.slice(0, 20)}`,
  );
}
