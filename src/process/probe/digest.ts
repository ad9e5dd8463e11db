// The sha256 of a file, streamed.
import { createHash } from "node:crypto";
import type { ByteSource } from "./bytes.js";

/** `progress` is called for every piece that came, so that a long file is not taken for a stalled one. */
export async function digest(source: ByteSource, progress: () => void): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of source.stream()) {
    hash.update(piece);
    progress();
  }
  return hash.digest("hex");
}
