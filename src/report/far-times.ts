// Times in the database that lie further ahead than can have been meant: this machine's clock has been set back since, or
// another one's is wrong.
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import * as sql from "./statements.js";

export interface FarTimes {
  /** Videos that wait, whose last attempt ended in the future. */
  videos: number;
  /** Instances that have not left, with a lease or a beginning in the future. */
  instances: number;
  /** How far ahead the furthest of them is. */
  furthestMs: Millis;
}

export async function readFarTimes(
  database: Database,
  { now, toleranceMs }: { now: Millis; toleranceMs: Millis },
): Promise<FarTimes> {
  const future = now + toleranceMs;
  const statement = database.prepare(sql.FAR_TIMES).bind(future, now, future, future);
  const row = await statement.first<{ videos: number; instances: number; furthest: Millis | null }>();
  const { videos = 0, instances = 0, furthest } = row ?? {};
  return { videos, instances, furthestMs: Math.max(0, (furthest ?? now) - now) };
}
