// SQL of this folder, and what several folders share: the keys of hidb_pool that keep the pool from claiming.
import { LONGEST_HOLD_MS } from "../video.js";

/** A pause, HIDB_HALT's pause, a drain of the pool, an outside quota, and the start of a pool. */
export const STOP_KEYS = {
  pause: "paused",
  halt: "paused.halt",
  drain: "paused.drain",
  hold: "paused.hold",
  start: "paused.start",
} as const;

export const IS_STOP = `key BETWEEN '${STOP_KEYS.pause}' AND '${STOP_KEYS.pause}.~'`;

/**
 * Each until the moment in its value, or else until it is deleted; the value 1 has neither moment nor reason. A hold that
 * would last longer than a hold may is over: the clock has been set back since. The parameter: now.
 */
export const STOPS_IN_FORCE = `FROM hidb_pool WHERE ${IS_STOP}
   AND coalesce(value ->> '$.until', 9e15) - ? BETWEEN 1 AND iif(key = '${STOP_KEYS.hold}', ${LONGEST_HOLD_MS}, 9e15)`;

export const DATABASE_TIME = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now";

export const TABLE_NAMES = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
export const COLUMNS_OF_TABLE = "SELECT name, type, pk FROM pragma_table_info(?)";
