// The rows of workers outside: an instance each, whose state lives in the database alone, since any instance of the pool may
// be asked next. `in_hand` is 1 while a video is in its hands.

/** Takes the row of a worker that has nothing in hand, if there is one. Parameters: lease end, host, worker, now. */
export const TAKE_FREE = `
  UPDATE hidb_instances SET in_hand = 1, lease_until = ?
   WHERE id = (SELECT id FROM hidb_instances
                WHERE gone_at IS NULL AND state = 'working' AND host = ? AND process_id = ? AND in_hand = 0
                  AND lease_until >= ? ORDER BY started_at LIMIT 1)
  RETURNING id, started_at AS startedAt`;

/** Parameters: id. */
export const FILL_HAND = "UPDATE hidb_instances SET in_hand = 1 WHERE id = ? AND gone_at IS NULL";

/** Whether a claim holds. Parameters: video, instance, attempt, claimed_at. */
export const IS_HELD = `
  SELECT 1 AS yes FROM hidb_videos
   WHERE video_id = ? AND instance = ? AND attempt = ? AND claimed_at = ? AND state = 'running'`;

/** Parameters: lease end, id. */
export const RENEW_OUTSIDE = "UPDATE hidb_instances SET lease_until = ? WHERE id = ? AND gone_at IS NULL";

/**
 * One thing more that the worker has done; an outcome that comes twice finds the hand empty. Parameters: lease end, then 1
 * or 0 for completed, retried, failed, released and lost, its milliseconds, and id.
 */
export const COUNT_OUTCOME = `
  UPDATE hidb_instances
     SET in_hand = 0, lease_until = ?, completed = completed + ?, retried = retried + ?, failed = failed + ?,
         released = released + ?, lost = lost + ?, busy_ms = busy_ms + ?
   WHERE id = ? AND gone_at IS NULL AND in_hand > 0`;

/** Its hands are empty, and it does not wait for its lease to run out. Parameters: now, why, id. */
export const LEAVE_OUTSIDE = `
  UPDATE hidb_instances SET state = 'gone', gone_at = ?, gone_because = ?, in_hand = 0 WHERE id = ? AND gone_at IS NULL`;
