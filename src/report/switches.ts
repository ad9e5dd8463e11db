// What keeps the whole pool from claiming: a pause, a halt, a drain, or an outside quota. All of it in one question.
import type { Database } from "../database/database.js";
import { STOP_KEYS } from "../database/statements.js";
import type { Millis } from "../video.js";
import * as sql from "./statements.js";

/** Until when: null means until `hidb resume`. */
export interface Stop {
  reason: string | null;
  until: Millis | null;
}

export interface Switches {
  /** By a person, or by HIDB_HALT. */
  paused: Stop | null;
  /** Somebody outside has told us to come back later. */
  hold: Stop | null;
  /** What has not started is given back as well. */
  draining: boolean;
  /** Too many videos have failed: the pause is HIDB_HALT's. */
  halted: boolean;
}

interface SwitchRow extends Stop {
  key: string;
}

export async function readSwitches(database: Database, now: Millis): Promise<Switches> {
  const { results } = await database.prepare(sql.SWITCHES).bind(now).all<SwitchRow>();
  return toSwitches(results);
}

/** Nothing keeps the pool from claiming. */
export const CLAIMING: Switches = { paused: null, hold: null, draining: false, halted: false };

export function isStopped({ paused, hold, draining }: Switches): boolean {
  return paused !== null || hold !== null || draining;
}

function toSwitches(rows: SwitchRow[]): Switches {
  const find = (key: string): Stop | null => {
    const row = rows.find((one) => one.key === key);
    return row === undefined ? null : { reason: row.reason, until: row.until };
  };
  const halt = find(STOP_KEYS.halt);
  return {
    paused: halt ?? find(STOP_KEYS.pause),
    hold: find(STOP_KEYS.hold),
    draining: find(STOP_KEYS.drain) !== null,
    halted: halt !== null,
  };
}
