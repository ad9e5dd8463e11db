// SQL of the exports: everything in pages by key, so that a million rows need little memory.
import type { CatalogueTable } from "../../video.js";

function column(name: string | null): string {
  return name === null ? "NULL" : `c."${name}"`;
}

/** Parameters: the last id seen, limit. */
export const VIDEO_ENDS = `
  SELECT video_id AS id, state, attempt, instance, claimed_at AS claimedAt, finished_at AS finishedAt,
         CASE WHEN state IN ('failed', 'quarantined') THEN substr(error, 1, 1000) END AS error
    FROM hidb_videos WHERE video_id > ? ORDER BY video_id LIMIT ?`;

/** Parameters: the last id seen, limit. */
export const ATTEMPT_ENDS = `
  SELECT attempt_id AS id, video_id AS video, attempt, instance, outcome, substr(reason, 1, 1000) AS reason,
         claimed_at AS claimedAt, ended_at AS endedAt
    FROM hidb_attempts WHERE attempt_id > ? ORDER BY attempt_id LIMIT ?`;

export const LIFE_SPANS = `
  SELECT id, host, process_id AS processId, started_at AS startedAt, coalesce(gone_at, lease_until) AS endedAt,
         completed, retried, failed, busy_ms AS busyMs
    FROM hidb_instances ORDER BY host, process_id, started_at`;

/** The parameter: ids as a JSON array. */
export function nameVideos({ table, id, source, title }: CatalogueTable): string {
  const columns = `c."${id}" AS id, ${column(source)} AS source, ${column(title)} AS title`;
  return `SELECT ${columns} FROM "${table}" c WHERE c."${id}" IN (SELECT value FROM json_each(?))`;
}

/** Parameters: the last id seen, limit. */
export function sourcedVideos({ table, id, source }: CatalogueTable): string {
  return `
  SELECT h.video_id AS id, ${column(source)} AS source, h.state, h.attempt, h.instance, h.claimed_at AS claimedAt,
         h.finished_at AS finishedAt
    FROM hidb_videos h LEFT JOIN "${table}" c ON c."${id}" = h.video_id
   WHERE h.video_id > ? ORDER BY h.video_id LIMIT ?`;
}

/** Parameters: the ids between which the videos lie, the first of them not included. */
export const ATTEMPTS_BETWEEN = `
  SELECT attempt_id AS id, video_id AS video, attempt, instance, outcome, substr(reason, 1, 1000) AS reason,
         claimed_at AS claimedAt, ended_at AS endedAt
    FROM hidb_attempts WHERE video_id > ? AND video_id <= ? ORDER BY video_id, attempt_id`;
