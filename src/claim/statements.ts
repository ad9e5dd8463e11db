// Room 2's SQL. Parameters are plain `?` in order; D1 and SQLite both understand them.
import type { CatalogueTable } from "../video.js";

export const REGISTER = `
  INSERT INTO hidb_instances (id, host, boot, pid, pid_started_at, process_id, state, started_at, lease_until)
  VALUES (?, ?, ?, ?, ?, ?, 'starting', ?, ?)`;

export const BEGIN_WORK =
  "UPDATE hidb_instances SET state = 'working', lease_until = ? WHERE id = ? AND state = 'starting'";

// Zero rows: somebody has declared this life over.
export const RENEW_LEASE = `
  UPDATE hidb_instances
     SET lease_until = ?, completed = ?, retried = ?, failed = ?, released = ?, lost = ?, busy_ms = ?, in_hand = ?, rss_bytes = ?
   WHERE id = ? AND gone_at IS NULL`;

// Live = working and within the lease; this order is the rank.
export const LIVE_POOL = `
  SELECT count(*) AS count,
         sum((host, process_id, started_at, id) < (SELECT host, process_id, started_at, id FROM hidb_instances WHERE id = ?)) AS rank
    FROM hidb_instances WHERE gone_at IS NULL AND state = 'working' AND lease_until >= ?`;

export const BEGIN_DRAIN = "UPDATE hidb_instances SET state = 'draining' WHERE id = ? AND gone_at IS NULL";

// One recycle at a time across the pool; an instance that has stopped beating does not stand in the way.
export const BEGIN_RECYCLE = `
  UPDATE hidb_instances SET state = 'draining' WHERE id = ? AND gone_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM hidb_instances WHERE gone_at IS NULL AND state = 'draining' AND lease_until >= ?)`;

export const LEAVE =
  "UPDATE hidb_instances SET state = 'gone', gone_at = ?, gone_because = ?, in_hand = 0 WHERE id = ? AND gone_at IS NULL";

export const OTHER_INSTANCES = `
  SELECT id, host, boot, pid, pid_started_at AS pidStartedAt, lease_until AS leaseUntil
    FROM hidb_instances WHERE gone_at IS NULL AND id <> ?`;

// Names the lease it has seen: a beat in the meantime keeps the instance.
export const BURY_INSTANCE = `
  UPDATE hidb_instances SET state = 'gone', gone_at = ?, gone_because = 'died', in_hand = 0
   WHERE id = ? AND gone_at IS NULL AND lease_until = ?`;

const ORPHANS = `
  finished_at IS NULL AND state = 'running'
  AND instance NOT IN (SELECT id FROM hidb_instances WHERE gone_at IS NULL)`;

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

export const FORGET_OLD_INSTANCES = "DELETE FROM hidb_instances WHERE gone_at < ?";

export const STILL_HELD = `
  SELECT video_id AS videoId FROM hidb_videos
   WHERE video_id IN (SELECT value FROM json_each(?)) AND state = 'running' AND instance = ?`;

export const INDEX_BY_PRIORITY =
  "CREATE INDEX IF NOT EXISTS hidb_longest ON hidb_videos (priority, video_id) WHERE finished_at IS NULL";

/** Which videos a claim may take: those of one's shard (by remainder or by range), anyone's, or suspects. */
export type ClaimScope = "modulo" | "ranges" | "any" | "suspects";
export type ClaimOrder = "id" | "longest";

// `n` and `r` are computed where they are used, inside the claim, so they are never stale. `r` is NULL for an instance
// that is not live, and no comparison with NULL is true: it claims nothing.
const POOL = `
  WITH pool AS MATERIALIZED (
    SELECT count(*) AS n,
           sum((host, process_id, started_at, id) < (
             SELECT host, process_id, started_at, id FROM hidb_instances
              WHERE id = ? AND state = 'working' AND lease_until >= ?)) AS r
      FROM hidb_instances WHERE gone_at IS NULL AND state = 'working' AND lease_until >= ?)`;

const N = "(SELECT n FROM pool)";
const R = "(SELECT r FROM pool)";

const LOWEST = "(SELECT min(video_id) FROM hidb_videos)";
const HIGHEST = "(SELECT max(video_id) FROM hidb_videos)";

const SCOPES: Record<ClaimScope, string> = {
  // Remainders of negative ids are negative in SQLite; adding n once brings them into 0..n-1.
  modulo: `AND (video_id % ${N} + ${N}) % ${N} = ${R}`,
  // min and max stand in queries of their own: together SQLite would read the whole table for them.
  ranges: `
      AND video_id >= ${LOWEST} + (${HIGHEST} - ${LOWEST} + 1.0) * ${R} / ${N}
      AND video_id < ${LOWEST} + (${HIGHEST} - ${LOWEST} + 1.0) * (${R} + 1) / ${N}`,
  any: `AND ${R} IS NOT NULL`,
  suspects: `AND ${R} IS NOT NULL`,
};

/**
 * One statement: two instances that believe in the same shard still cannot take the same video. Rows behind the
 * cursor are not visited, so the cost does not depend on what other shards have left there.
 * `? + 0`: SQLite prepares a statement anew each time a bare `LIMIT ?` is bound (130 us against 9), since its plan may
 * depend on it; an expression is taken as it is.
 * Parameters: id, now, now, id, now, cursor (priority and id, or id alone), now, limit.
 */
export function claimStatement(scope: ClaimScope, order: ClaimOrder, catalogue: CatalogueTable): string {
  const suspects = scope === "suspects";
  const index = suspects ? "hidb_suspects" : order === "longest" ? "hidb_longest" : "hidb_open";
  const cursor = order === "longest" ? "(priority, video_id) > (?, ?)" : "video_id > ?";
  const sorted = order === "longest" ? "priority, video_id" : "video_id";
  const column = (name: string | null) =>
    name === null ? "NULL" : `(SELECT "${name}" FROM "${catalogue.table}" WHERE "${catalogue.id}" = video_id)`;
  return `${POOL}
  UPDATE hidb_videos SET state = 'running', instance = ?, claimed_at = ?, attempt = attempt + 1
   WHERE video_id IN (
     SELECT video_id FROM hidb_videos INDEXED BY ${index}
      WHERE finished_at IS NULL AND ${cursor} ${SCOPES[scope]}
        AND state = 'pending' AND run_after <= ? AND deaths ${suspects ? ">" : "="} 0
        AND NOT EXISTS (SELECT 1 FROM hidb_pool WHERE key = 'paused')
      ORDER BY ${sorted} LIMIT ? + 0)
  RETURNING video_id AS id, attempt, deaths, priority, ${N} AS count, ${R} AS rank,
            ${column(catalogue.source)} AS source, ${column(catalogue.title)} AS title, ${column(catalogue.duration)} AS durationS`;
}
