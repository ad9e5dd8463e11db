// The interface of every database: D1's contract, whichever kind of database it is.
import type { D1Database } from "@cloudflare/workers-types";
import type { Pacing } from "./pacing.js";

/** Cloudflare's interface, and a way to close it. */
export type Database = D1Database & {
  close(): Promise<void>;
  /** Has what was committed written to the disk within a second: until then a power cut may undo it. Local files only. */
  syncSoon?(): void;
  /** How fast it may be asked. */
  readonly pacing: Pacing;
};
