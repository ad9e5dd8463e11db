// The one door for SQL: everything above speaks D1's contract and cannot tell which database answers.
import type { D1Database } from "@cloudflare/workers-types";

/** D1's database with an end to it. */
export type Database = D1Database & {
  close(): Promise<void>;
  /** Has what was committed put on the disk within a second: until then a power cut may undo it. A local file's alone. */
  syncSoon?(): void;
  /** Each call is a journey that costs: whoever asks several things asks them at once, and asks seldom. */
  readonly distant?: boolean;
};
