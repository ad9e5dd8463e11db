// The one door for SQL: everything above speaks D1's contract and cannot tell which database answers.
import type { D1Database } from "@cloudflare/workers-types";
import type { Pacing } from "./pacing.js";

/** D1's database with an end to it. */
export type Database = D1Database & {
  close(): Promise<void>;
  /** Has what was committed put on the disk within a second: until then a power cut may undo it. A local file's alone. */
  syncSoon?(): void;
  /** How fast it may be asked. */
  readonly pacing: Pacing;
};
