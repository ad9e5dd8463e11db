// What the steps of one push share.
import type { Database } from "../database.js";
import type { Conflict, Preference } from "./publish.js";
import type { MirrorTable } from "./schema.js";

export interface PushOptions {
  /** A name for this file that no other has; kept from the first push on. */
  uniqueId: () => string;
  prefer?: Preference | undefined;
  dryRun?: boolean;
  onProgress?: (progress: { rows: number; requests: number }) => void;
}

export interface Pushed {
  rows: number;
  requests: number;
  conflicts: Conflict[];
  /** Rows that D1 does not take, with its reason. */
  refused: { table: string; key: string; reason: string }[];
}

export interface PushState {
  remote: Database;
  local: Database;
  tables: MirrorTable[];
  options: PushOptions;
  pushed: Pushed;
  source: string;
  sequence: number;
}
