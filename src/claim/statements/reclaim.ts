// The SQL of reclaiming videos from dead instances, and of ending waits that begin in the future.

export const OTHER_INSTANCES = `
  SELECT id, host, boot, pid, pid_started_at AS pidStartedAt, lease_until AS leaseUntil, lease_ms AS leaseMs
    FROM hidb_instances WHERE gone_at IS NULL AND id <> ?`;

// Names the lease that was read: an instance that has renewed it since stays alive.
export const MARK_DEAD = `
  UPDATE hidb_instances SET state = 'gone', gone_at = ?, gone_because = 'died', in_hand = 0
   WHERE id = ? AND gone_at IS NULL AND lease_until = ?`;

const ORPHANS = `
  finished_at IS NULL AND state = 'running'
  AND instance NOT IN (SELECT id FROM hidb_instances WHERE gone_at IS NULL)`;

export const HAS_ORPHANS = `SELECT 1 AS yes FROM hidb_videos INDEXED BY hidb_open WHERE ${ORPHANS} LIMIT 1`;

export const RECORD_DEATHS = `
  INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
  SELECT video_id, attempt, instance, 'died', ?, claimed_at, ? FROM hidb_videos INDEXED BY hidb_open WHERE ${ORPHANS}`;

// A death spends the attempt and is counted apart. The second one quarantines.
export const RECLAIM = `
  UPDATE hidb_videos
     SET deaths = deaths + 1,
         error = ?,
         state = CASE WHEN deaths >= 1 THEN 'quarantined' WHEN attempt >= ? THEN 'failed' ELSE 'pending' END,
         finished_at = CASE WHEN deaths >= 1 OR attempt >= ? THEN ? END,
         instance = CASE WHEN deaths >= 1 OR attempt >= ? THEN instance END
   WHERE video_id IN (SELECT video_id FROM hidb_videos INDEXED BY hidb_open WHERE ${ORPHANS})
  RETURNING video_id AS videoId, attempt, state`;

/** What the reclaim of this moment has done, if its answer was lost; a later death of the same video is reported by another reclaim. */
export const RECLAIMED_AT = `
  SELECT a.video_id AS videoId, a.attempt,
         CASE WHEN v.attempt = a.attempt AND v.state IN ('failed', 'quarantined') THEN v.state ELSE 'pending' END AS state
    FROM hidb_attempts a JOIN hidb_videos v USING (video_id)
   WHERE a.outcome = 'died' AND a.ended_at = ?`;

export const STILL_HELD = `
  SELECT video_id AS videoId FROM hidb_videos
   WHERE video_id IN (SELECT value FROM json_each(?)) AND state = 'running' AND instance = ?`;

/** The newest of the attempts that ended in the future. The parameter: a moment that lies in the future for everybody. */
export const LAST_FAR_ATTEMPT = "SELECT max(attempt_id) AS last FROM hidb_attempts WHERE ended_at > ?";

/** Parameters: that attempt, a moment that lies in the future for everybody, now. */
export const END_FAR_WAITS = `
  UPDATE hidb_videos SET run_after = 0
   WHERE video_id IN (
     SELECT video_id FROM hidb_attempts AS last
      WHERE attempt_id <= ? AND ended_at > ?
        AND attempt_id = (SELECT max(attempt_id) FROM hidb_attempts WHERE video_id = last.video_id))
     AND finished_at IS NULL AND state = 'pending' AND run_after > ?`;
