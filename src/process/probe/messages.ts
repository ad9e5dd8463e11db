// What the instance and its probing thread say to one another.
import type { Millis } from "../../video.js";
import type { Description } from "./description.js";

export type SourceAddress =
  | { kind: "file"; path: string }
  /** `allowed`: what may be asked though it is private. */
  | { kind: "url"; url: string; allowed: readonly string[] };

export interface ProbeRequest {
  address: SourceAddress;
  /** The largest piece of a file that is taken into memory at once, such as the index of an mp4. */
  pieceBytes: number;
  /** For a temporary file. */
  uniqueName: string;
}

/** A format that mediabunny does not read, for ffprobe; the thread has hashed the file already. */
export interface UnreadFormat {
  kind: "unread";
  /** As a person calls it. */
  container: string;
  /** ffprobe's demuxer, named so that ffprobe need not (and cannot be led to) guess. */
  demuxer: string;
  size: number;
  sha256: string;
}

export type ProbeAnswer =
  | { kind: "described"; description: Description }
  | UnreadFormat
  | { kind: "refused"; reason: string }
  | { kind: "unreachable"; reason: string; afterMs: Millis | null };

/** Bytes have come: a long download or hash is alive. The parser itself never says this. */
export type ThreadMessage = { kind: "progress" } | ProbeAnswer;
