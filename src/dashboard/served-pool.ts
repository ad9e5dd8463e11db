// What the page and the API are told of the instance that serves them.
import type { Instance } from "../claim/membership.js";
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import type { PoolEvent } from "../report/event.js";
import type { Store } from "../store/store.js";
import type { CatalogueTable, Millis } from "../video.js";

export interface ServedPool {
  config: Config;
  database: Database;
  catalogue: CatalogueTable;
  clock: Clock;
  /** How the pool's database is claimed from and settled to. */
  store: Pick<Store, "claimStyle" | "settleStyle">;
  instance: Pick<Instance, "id" | "processId" | "startedAt" | "identity">;
  /** As of its last heartbeat. */
  rank: () => number;
  report: (event: PoolEvent) => void;
}

/** The page asks out of its instance's share of the requests: so many times as seldom as a command. */
const PAGE_LOOKS = 3;

/** How long what was read for the page is shown again, for `leastMs` at least. */
export function pageMs({ database }: Pick<ServedPool, "database">, leastMs: Millis): Millis {
  return Math.max(leastMs, PAGE_LOOKS * database.pacing.lookEveryMs);
}

/** Of the two ports of an instance: the one it shares with the pool, or the one that is its own. */
export type Door = "shared" | "own";
