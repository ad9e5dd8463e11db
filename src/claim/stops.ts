// What stops the whole pool from claiming: the keys of hidb_pool that begin with `paused`.
import type { Database } from "../database/database.js";
import { STOP_KEYS } from "../database/statements.js";
import type { Millis } from "../video.js";
import * as sql from "./statements/membership.js";

/** A key of the family `paused`: a pause, a halt, a drain or a hold. */
export interface PoolStop {
  key: string;
  reason: string | null;
  /** Null: until `hidb resume`. */
  until: Millis | null;
}

export function kindOfStop({ key }: PoolStop): "pause" | "drain" | "halt" | "hold" {
  switch (key) {
    case STOP_KEYS.halt:
      return "halt";
    case STOP_KEYS.drain:
      return "drain";
    case STOP_KEYS.hold:
      return "hold";
    default:
      return "pause";
  }
}

/** An instance holds the whole pool when somebody outside has said to come back later; the longest of several holds counts. */
export async function holdPool(database: Database, hold: { reason: string; until: Millis }): Promise<void> {
  await database.prepare(sql.HOLD_POOL).bind(JSON.stringify(hold), hold.until).run();
}
