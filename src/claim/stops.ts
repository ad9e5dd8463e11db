// Part of room 2: an instance holds the whole pool when somebody outside has said to come back later.
import type { Millis } from "../video.js";
import type { Instance } from "./membership.js";
import * as sql from "./statements.js";

/** The longest of several holds counts. */
export async function holdPool(instance: Instance, hold: { reason: string; until: Millis }): Promise<void> {
  await instance.database.prepare(sql.HOLD_POOL).bind(JSON.stringify(hold), hold.until).run();
}
