// The SQL of membership and of the pool. Parameters are plain `?` in order; D1 and SQLite both understand them.
import { STOP_KEYS, STOPS_IN_FORCE } from "../../database/statements.js";
import { LONGEST_HOLD_MS } from "../../video.js";
import { LIVE, ranksBefore } from "../rank.js";

export const REGISTER = `
  INSERT OR IGNORE INTO hidb_instances (id, host, boot, pid, pid_started_at, process_id, state, started_at, lease_until, lease_ms)
  VALUES (?, ?, ?, ?, ?, ?, 'starting', ?, ?, ?)`;

export const BEGIN_WORK =
  "UPDATE hidb_instances SET state = 'working', lease_until = ? WHERE id = ? AND state = 'starting'";

/** Others under the same kernel and in the same container: those that memory is shared with. Parameters: boot, id, now. */
const OTHERS_HERE = "gone_at IS NULL AND boot = ? AND id <> ? AND lease_until >= ?";

/**
 * Only as far as the memory goes; the first of a box always begins. All begin together where the box holds every instance here
 * at its limit, otherwise one after the other. `free` is what the box has left, this instance's own footprint included.
 * Parameters: lease, now, footprint, id, boot, id, now, share, own, budget, free, boot, id, now, boot, id, now, now - stagger,
 * boot, id, now, own, budget; `own` is the larger one of footprint and share.
 */
export const BEGIN_WORK_IF_IT_FITS = `
  UPDATE hidb_instances SET state = 'working', lease_until = ?, began_at = ?, rss_bytes = ?
   WHERE id = ? AND state = 'starting'
     AND (NOT EXISTS (SELECT 1 FROM hidb_instances WHERE ${OTHERS_HERE} AND state = 'working')
          OR ((SELECT coalesce(sum(max(rss_bytes, ?)), 0) + ? <= min(?, ? + coalesce(sum(rss_bytes), 0))
                 FROM hidb_instances WHERE ${OTHERS_HERE})
              OR NOT EXISTS (SELECT 1 FROM hidb_instances WHERE ${OTHERS_HERE} AND state = 'working' AND began_at > ?))
             AND (SELECT coalesce(sum(rss_bytes), 0) FROM hidb_instances WHERE ${OTHERS_HERE}) + ? <= ?)`;

export const WORKS = "SELECT state = 'working' AS works FROM hidb_instances WHERE id = ?";

/** Parameters: id, boot, id, now. */
export const MEMORY_HERE = `
  SELECT coalesce(sum(rss_bytes), 0) AS otherBytes, coalesce(max(rss_bytes), 0) AS largestOther,
         coalesce(max(rise_bytes), 0) AS rise, coalesce(sum(expected_bytes), 0) AS expected, count(*) AS others,
         coalesce(sum(state = 'working' AND in_hand > 0 AND ${ranksBefore("id = ?")}), 0) AS busyBefore
    FROM hidb_instances WHERE ${OTHERS_HERE}`;

/** Keeps memory for a claim, if it is there. Parameters: bytes, id, boot, id, now, bytes, all that is free. */
export const RESERVE_MEMORY = `
  UPDATE hidb_instances SET expected_bytes = ?
   WHERE id = ? AND (SELECT coalesce(sum(expected_bytes), 0) FROM hidb_instances WHERE ${OTHERS_HERE}) + ? <= ?`;

const RENEWED =
  "lease_until = ?, completed = ?, retried = ?, failed = ?, released = ?, lost = ?, busy_ms = ?, in_hand = ?, rss_bytes = ?, rise_bytes = ?, expected_bytes = ?, held_back = ?";

// Zero rows: another instance has marked this one dead.
export const RENEW_LEASE = `UPDATE hidb_instances SET ${RENEWED} WHERE id = ? AND gone_at IS NULL`;

/** What an instance with nothing in hand keeps of the requests; the rest is there for those that work. */
const IDLE_SHARE = 60;

/** The requests that no other instance has a share in: all shares together stay within the sum. */
const NOBODYS_REQUESTS =
  "? - (SELECT coalesce(sum(request_share), 0) FROM hidb_instances WHERE gone_at IS NULL AND id <> ?)";

/**
 * The same where requests are shared out: equal parts for those with videos in hand, of what the idle ones leave.
 * Parameters: those of the costs (requests, recent ones, rows read and written), whether busy, all requests, id, id,
 * all requests, id, and then those of RENEW_LEASE.
 */
export const RENEW_LEASE_AND_SHARE = `
  UPDATE hidb_instances
     SET requests = ?, requests_recent = ?, rows_read = ?, rows_written = ?,
         request_share = max(0, CAST(min(
           CASE WHEN ? THEN (? * 7 / 8 - (SELECT coalesce(sum(request_share), 0) FROM hidb_instances
                                   WHERE gone_at IS NULL AND in_hand = 0 AND id <> ?))
                          / (1 + (SELECT count(*) FROM hidb_instances WHERE gone_at IS NULL AND in_hand > 0 AND id <> ?))
                ELSE ${IDLE_SHARE} END,
           max(request_share, ? * 7 / 8
             - (SELECT coalesce(sum(request_share), 0) FROM hidb_instances WHERE gone_at IS NULL AND id <> ?))) AS INTEGER)),
         ${RENEWED}
   WHERE id = ? AND gone_at IS NULL
  RETURNING request_share AS share`;

/** A first share, from what is left. Parameters: all requests, id, all requests, id. */
export const TAKE_FIRST_SHARE = `
  UPDATE hidb_instances SET request_share = max(0, CAST(min(? / 4, (${NOBODYS_REQUESTS}) / 2) AS INTEGER)) WHERE id = ?
  RETURNING request_share AS share`;

/** Rank and count, and what stops the pool: one request for both. Parameters: now, id, now. */
export const LIVE_POOL = `
  SELECT (SELECT json_group_array(json_object('key', key, 'reason', value ->> '$.reason', 'until', value ->> '$.until'))
            ${STOPS_IN_FORCE}) AS stops,
         count(*) AS count,
         sum(${ranksBefore("id = ?")}) AS rank
    FROM hidb_instances WHERE ${LIVE}`;

export const BEGIN_DRAIN = "UPDATE hidb_instances SET state = 'draining' WHERE id = ? AND gone_at IS NULL";

// One recycle at a time across the pool; one whose lease has run out does not count.
export const BEGIN_RECYCLE = `
  UPDATE hidb_instances SET state = 'draining' WHERE id = ? AND gone_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM hidb_instances
                      WHERE gone_at IS NULL AND state = 'draining' AND lease_until >= ? AND id <> ?)`;

export const LEAVE =
  "UPDATE hidb_instances SET state = 'gone', gone_at = ?, gone_because = ?, in_hand = 0 WHERE id = ? AND gone_at IS NULL";

export const FORGET_OLD_INSTANCES = "DELETE FROM hidb_instances WHERE gone_at < ?";

/** Holds the pool until a moment, or longer where that has been said already and can be meant. Parameters: value, until. */
export const HOLD_POOL = `
  INSERT INTO hidb_pool (key, value) VALUES ('${STOP_KEYS.hold}', ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value
   WHERE coalesce(value ->> '$.until', 0) - ? NOT BETWEEN 0 AND ${LONGEST_HOLD_MS}`;
