// Stage `process`, its contract: a processor turns one claimed video into an outcome. The kinds are beside this file.
import type { D1Database } from "@cloudflare/workers-types";
import type { Outcome, Video } from "../video.js";

/** What an attempt is given besides its video. */
export interface AttemptContext {
  /** Counted from 1. */
  attempt: number;
  /** The instance's place in the pool, 0..count-1. */
  rank: number;
  /** How many instances are live. */
  count: number;
  /** Aborted by the attempt's time-out, by a drain past its limit and by a lost claim; a processor should stop soon then. */
  signal: AbortSignal;
  /** For reads; what is to be written belongs into the outcome's `statements`. */
  database: D1Database;
}

/**
 * Processes videos one at a time, `HIDB_CONCURRENCY` of them side by side.
 * `process` reports a broken video as an outcome and never rejects for one; a rejection counts as `retry`.
 */
export interface Processor {
  process(video: Video, context: AttemptContext): Promise<Outcome>;
  /** Ends what the processor started: threads, children, connections. */
  close(): Promise<void>;
}
