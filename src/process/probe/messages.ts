// What the instance and its probing thread say to one another.
import type { Millis } from "../../video.js";
import type { Description } from "./description.js";
import type { ForeignFormat } from "./sniff.js";

export type SourceAddress =
  | { kind: "file"; path: string }
  /** `allowed`: what may be asked though it is private. */
  | { kind: "url"; url: string; allowed: readonly string[] };

export interface ProbeRequest {
  kind: "probe";
  address: SourceAddress;
  /** The largest piece of a file that is taken into memory at once, such as the index of an mp4. */
  pieceBytes: number;
  /** Every packet is counted, whatever has to be read for that. */
  full: boolean;
  /** The bytes of a remote file are asked for as well, only to hash them. */
  hashRemote: boolean;
  /** `media` for the readers of this thread, `none` to take no more than size and hash. */
  reader: "media" | "none" | { mediaInfo: string };
  /** For a temporary file. */
  uniqueName: string;
}

/** A file that the thread's readers do not read, for the next reader; the thread has hashed it already. */
export interface UnreadFormat extends ForeignFormat {
  kind: "unread";
  size: number;
  sha256: string | null;
}

export type ProbeAnswer =
  | { kind: "described"; description: Description }
  | UnreadFormat
  | { kind: "refused"; reason: string }
  | { kind: "unreachable"; reason: string; afterMs: Millis | null }
  /** This machine has too little of something for any file. */
  | { kind: "trouble"; reason: string };

/**
 * `alive`: bytes have come, so that it is no longer waiting for them. `progress`: the work goes on towards its end, as
 * one piece of a file less is to be read. `collected`: the answer to a CollectRequest.
 */
export type ThreadMessage = { kind: "alive" } | { kind: "progress" } | { kind: "collected" } | ProbeAnswer;

/** Throw away what is no longer used: what counts is the memory that is left then. */
export interface CollectRequest {
  kind: "collect";
}
