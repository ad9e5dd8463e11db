// The sha256 of a file, streamed.
import { createHash } from "node:crypto";
import type { ByteSource } from "./bytes.js";

/** `progress` is called for every piece that came, so that a long file is not taken for a stalled one. */
export async function digest(source: ByteSource, whole: Uint8Array | null, progress: () => void): Promise<string> {
  const hash = createHash("sha256");
  if (whole) return hash.update(whole).digest("hex");
  for await (const piece of source.stream()) {
    hash.update(piece);
    progress();
  }
  return hash.digest("hex");
}
