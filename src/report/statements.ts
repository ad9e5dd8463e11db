// SQL of the reports: reads for people. Table and column names come from settings that were checked to be plain identifiers.
import { STOP_KEYS, STOPS_IN_FORCE } from "../database/statements.js";
import type { CatalogueTable } from "../video.js";

export const COUNT_STATES = `
  SELECT state, count(*) AS count, sum(finished_at > ? AND state <> 'cancelled') AS recent FROM hidb_videos GROUP BY state`;

export const HAS_OPEN = "SELECT 1 AS yes FROM hidb_videos INDEXED BY hidb_open WHERE finished_at IS NULL LIMIT 1";

export const COUNT_RUNNING = `
  SELECT count(*) AS running FROM hidb_videos INDEXED BY hidb_open WHERE finished_at IS NULL AND state = 'running'`;

/** What keeps the pool from claiming. The parameter: now. */
export const SWITCHES = `SELECT key, value ->> '$.reason' AS reason, value ->> '$.until' AS until ${STOPS_IN_FORCE}`;

// Runs, in which HIDB_HALT counts and whose ends HIDB_NOTIFY tells.

const LAST_RUN = "(SELECT max(run_id) FROM hidb_runs)";

/** Whether anything is open, whether a halt stands, and the last run if there has been one. */
export const LOOK_AT_RUN = `
  SELECT o.open, o.halted, r.run_id AS id, r.started_at AS startedAt, r.completed, r.failed, r.halted_at AS haltedAt,
         r.ended_at AS endedAt, r.notice_until AS noticeUntil, r.noticed_at AS noticedAt
    FROM (SELECT EXISTS (SELECT 1 FROM hidb_videos INDEXED BY hidb_open WHERE finished_at IS NULL) AS open,
                 (SELECT value ->> '$.reason' FROM hidb_pool WHERE key = '${STOP_KEYS.halt}') AS halted) o
         LEFT JOIN hidb_runs r ON r.run_id = ${LAST_RUN}`;

/** What has ended since a moment counts for a run that was not over then. Parameters: completed, failed, that moment, twice. */
export const COUNT_ENDED = `
  UPDATE hidb_runs SET completed = completed + ?, failed = failed + ?
   WHERE run_id = ${LAST_RUN} AND coalesce(ended_at, ?) >= ?`;

/** By one only, of all that have seen the same last run. Parameters: its id or 0, now, its id or 0. */
export const BEGIN_RUN = `
  INSERT INTO hidb_runs (run_id, started_at) SELECT CAST(? AS INTEGER) + 1, ? WHERE coalesce(${LAST_RUN}, 0) = ?`;

export const END_RUN = "UPDATE hidb_runs SET ended_at = ? WHERE run_id = ? AND ended_at IS NULL";

export const HALT_RUN = "UPDATE hidb_runs SET halted_at = ? WHERE run_id = ? AND halted_at IS NULL";

/** The parameter: a JSON object with the reason. */
export const HALT_POOL = `INSERT OR IGNORE INTO hidb_pool (key, value) VALUES ('${STOP_KEYS.halt}', ?)`;

/** By one only, until a moment. Parameters: that moment, the run, now. */
export const CLAIM_NOTICE = `
  UPDATE hidb_runs SET notice_until = ? WHERE run_id = ? AND noticed_at IS NULL AND coalesce(notice_until, 0) <= ?`;

export const NOTE_NOTICE = "UPDATE hidb_runs SET noticed_at = ? WHERE run_id = ?";

// Parameters: since when videos count as recent, twice, and now.
export const BATCH_PROGRESS = `
  SELECT b.batch_id AS id, b.from_id AS first, b.to_id AS last, count(h.video_id) AS total,
         coalesce(sum(h.state = 'pending'), 0) AS pending, coalesce(sum(h.state = 'running'), 0) AS running,
         coalesce(sum(h.state = 'completed'), 0) AS completed, coalesce(sum(h.state = 'failed'), 0) AS failed,
         coalesce(sum(h.state = 'quarantined'), 0) AS quarantined, coalesce(sum(h.state = 'cancelled'), 0) AS cancelled,
         coalesce(sum(h.finished_at > ? AND h.state <> 'cancelled'), 0) AS recent,
         min(CASE WHEN h.finished_at > ? AND h.state <> 'cancelled' THEN h.claimed_at END) AS since,
         (SELECT count(*) FROM hidb_instances
           WHERE gone_at IS NULL AND state = 'working' AND lease_until >= ?) AS claiming
    FROM hidb_batches b LEFT JOIN hidb_videos h ON h.video_id BETWEEN b.from_id AND b.to_id
   GROUP BY b.batch_id ORDER BY b.batch_id`;

// The rank is the one that a claim computes: the place among those that work and beat.
export const INSTANCES = `
  SELECT id, CASE WHEN works THEN row_number() OVER (PARTITION BY works ORDER BY host, processId, startedAt, id) - 1 END AS rank,
         processId, pid, pidStartedAt, host, boot, state, inHand, completed, retried, failed, rssBytes, startedAt, leaseUntil,
         leaseMs, heldBack
    FROM (SELECT id, state = 'working' AND lease_until >= ? AS works, process_id AS processId, pid,
                 pid_started_at AS pidStartedAt, host, boot, state, in_hand AS inHand, completed, retried, failed,
                 rss_bytes AS rssBytes, started_at AS startedAt, lease_until AS leaseUntil,
                 lease_ms AS leaseMs, held_back AS heldBack
            FROM hidb_instances WHERE gone_at IS NULL)
   ORDER BY host, processId, startedAt, id`;

export const COSTS = `
  SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(rows_read), 0) AS rowsRead,
         coalesce(sum(rows_written), 0) AS rowsWritten,
         coalesce(sum(requests_recent) FILTER (WHERE gone_at IS NULL), 0) AS requestsRecent
    FROM hidb_instances`;

export const FAILURES = `
  SELECT coalesce(error, '') AS reason, state, count(*) AS count FROM hidb_videos
   WHERE state IN ('failed', 'quarantined') AND finished_at >= ? GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT ?`;

export const ATTEMPTS_OF = `
  SELECT attempt, instance, outcome, reason, claimed_at AS claimedAt, ended_at AS endedAt
    FROM hidb_attempts WHERE video_id = ? ORDER BY attempt_id`;

function column(name: string | null): string {
  return name === null ? "NULL" : `c."${name}"`;
}

function join({ table, id }: CatalogueTable): string {
  return `hidb_videos h LEFT JOIN "${table}" c ON c."${id}" = h.video_id`;
}

/** An attempt's usage counts until the video has another attempt behind it. */
const USAGE = "u.plan, u.over_limits AS overLimits, u.figures";
const IS_CURRENT = "u.video_id = h.video_id AND u.attempt = h.attempt";

/** Without usage, with what there is of it, or only videos that went over a limit: a search of the few that have a row. */
export type UsageChoice = "none" | "all" | "over";

const SOURCES: Record<UsageChoice, (catalogue: CatalogueTable) => string> = {
  none: join,
  all: (catalogue) => `${join(catalogue)} LEFT JOIN hidb_usage u ON ${IS_CURRENT}`,
  over: ({ table, id }) => `
    hidb_usage u CROSS JOIN hidb_videos h ON ${IS_CURRENT} LEFT JOIN "${table}" c ON c."${id}" = h.video_id`,
};

/**
 * One page, by id. Parameters: the last id seen, whether all states are meant, states as JSON, with `over` also limits as
 * JSON, then limit, offset.
 */
export function listVideos(catalogue: CatalogueTable, usage: UsageChoice): string {
  const id = usage === "over" ? "u.video_id" : "h.video_id";
  const isOver = "EXISTS (SELECT 1 FROM json_each(u.over_limits) WHERE value IN (SELECT value FROM json_each(?)))";
  return `
  SELECT h.video_id AS id, ${column(catalogue.source)} AS source, ${column(catalogue.title)} AS title,
         h.state, h.attempt, h.error, h.output${usage === "none" ? "" : `, ${USAGE}`}
    FROM ${SOURCES[usage](catalogue)}
   WHERE ${id} > ? AND (? OR h.state IN (SELECT value FROM json_each(?)))${usage === "over" ? ` AND ${isOver}` : ""}
   ORDER BY ${id} LIMIT ? OFFSET ?`;
}

export const COUNT_OVER = `
  SELECT u.plan, u.over_limits AS overLimits, count(*) AS videos
    FROM hidb_usage u CROSS JOIN hidb_videos h ON ${IS_CURRENT} GROUP BY 1, 2`;

export function selectVideo(catalogue: CatalogueTable): string {
  return `
  SELECT h.video_id AS id, ${column(catalogue.source)} AS source, ${column(catalogue.title)} AS title,
         ${column(catalogue.duration)} AS durationS, h.state, h.attempt, h.deaths, h.error, h.output, h.instance,
         h.run_after AS runAfter, h.claimed_at AS claimedAt, h.finished_at AS finishedAt, ${USAGE}
    FROM ${SOURCES.all(catalogue)} WHERE h.video_id = ?`;
}

// Accounting. Each statement finds the videos that break one rule; no row means that the rule holds.

export const COUNT_VIDEOS = "SELECT count(*) AS total FROM hidb_videos";

export function missingVideos({ table, id }: CatalogueTable): string {
  return `SELECT "${id}" AS video FROM "${table}"
           WHERE typeof("${id}") = 'integer' AND "${id}" NOT IN (SELECT video_id FROM hidb_videos)`;
}

export function refusedIds({ table, id }: CatalogueTable): string {
  return `SELECT quote("${id}") AS detail FROM "${table}"
           WHERE typeof("${id}") <> 'integer' OR "${id}" NOT BETWEEN -9007199254740992 AND 9007199254740992`;
}

export function surplusVideos({ table, id }: CatalogueTable): string {
  return `SELECT video_id AS video, state AS detail FROM hidb_videos
           WHERE NOT EXISTS (SELECT 1 FROM "${table}" WHERE "${id}" = video_id)`;
}

export function repeatedIds({ table, id }: CatalogueTable): string {
  return `SELECT "${id}" AS video, count(*) AS detail FROM "${table}" WHERE "${id}" IS NOT NULL GROUP BY 1 HAVING count(*) > 1`;
}

export const ILLEGAL_STATES = `
  SELECT video_id AS video, quote(state) AS detail FROM hidb_videos
   WHERE state NOT IN ('pending', 'running', 'completed', 'failed', 'quarantined', 'cancelled')
      OR attempt < 0 OR deaths < 0 OR typeof(video_id) <> 'integer'`;

export const INCOMPLETE_COMPLETIONS = `
  SELECT video_id AS video, 'attempt ' || attempt || ', finished_at ' || quote(finished_at) AS detail
    FROM hidb_videos WHERE state = 'completed' AND (attempt < 1 OR finished_at IS NULL)`;

export const UNFINISHED_ENDS = `
  SELECT video_id AS video, state AS detail FROM hidb_videos
   WHERE (finished_at IS NULL) <> (state IN ('pending', 'running'))`;

export const UNHELD_RUNNING = `
  SELECT video_id AS video, attempt AS detail FROM hidb_videos
   WHERE finished_at IS NULL AND ((state = 'running' AND (instance IS NULL OR claimed_at IS NULL OR attempt < 1))
                               OR (state = 'pending' AND instance IS NOT NULL))`;

// Running in the hands of nobody that is still there. The parameter: instances proven dead, as a JSON array.
export const ORPHANED_VIDEOS = `
  SELECT video_id AS video, instance AS detail FROM hidb_videos
   WHERE finished_at IS NULL AND state = 'running'
     AND instance NOT IN (SELECT id FROM hidb_instances
                           WHERE gone_at IS NULL AND id NOT IN (SELECT value FROM json_each(?)))`;

// Since its last retry each of a video's attempts but a running, a completed or a cancelled one has left a row, so the
// newest rows must be exactly the attempts n, n-1 .. 1, and the deaths among them those that the video counts.
export const UNACCOUNTED_ATTEMPTS = `
  WITH expected AS (
    SELECT video_id, deaths,
           attempt - (state IN ('running', 'completed') OR (state = 'cancelled' AND instance IS NOT NULL)) AS n
      FROM hidb_videos WHERE attempt > 0 OR deaths > 0),
  found AS (
    SELECT video_id, attempt, outcome, row_number() OVER (PARTITION BY video_id ORDER BY attempt_id DESC) - 1 AS back
      FROM hidb_attempts)
  SELECT e.video_id AS video,
         'attempts ' || e.n || ', deaths ' || e.deaths || ', but rows of ' || count(f.attempt) || ' and '
           || coalesce(sum(f.outcome = 'died'), 0) || ' deaths' AS detail
    FROM expected e LEFT JOIN found f ON f.video_id = e.video_id AND f.back < e.n
   WHERE e.n > 0 OR e.deaths > 0
   GROUP BY e.video_id
  HAVING coalesce(sum(f.attempt = e.n - f.back), 0) <> e.n OR coalesce(sum(f.outcome = 'died'), 0) <> e.deaths`;

export const STRAY_ATTEMPTS = `
  SELECT video_id AS video, count(*) AS detail FROM hidb_attempts
   WHERE video_id NOT IN (SELECT video_id FROM hidb_videos) GROUP BY video_id`;

export const QUICK_CHECK = "PRAGMA quick_check";

// What a journal is compared with.

/** Parameters: the last id seen, and how many. */
export const JOURNAL_ROWS = `
  SELECT video_id AS video, state, attempt, instance, finished_at AS finishedAt FROM hidb_videos
   WHERE video_id > ? ORDER BY video_id LIMIT ? + 0`;

export const JOURNAL_SPENT = `
  SELECT video_id AS video, attempt, instance, outcome, claimed_at AS claimedAt FROM hidb_attempts
   WHERE video_id IN (SELECT value FROM json_each(?))`;

// A run, from a moment on.

export const RUN_INSTANCES = `
  SELECT process_id AS processId, count(*) AS lives, sum(completed) AS completed, sum(retried) AS retried,
         sum(failed) AS failed, sum(busy_ms) AS busyMs
    FROM hidb_instances WHERE started_at >= ? GROUP BY process_id ORDER BY process_id`;

export const RUN_SPAN = "SELECT max(finished_at) - min(claimed_at) AS spanMs FROM hidb_videos WHERE finished_at >= ?";

// The overview. Parameters: since when videos count as ended in the last minute, the last quarter of an hour, the run.
// In one pass, and without GROUP BY, which would sort all rows first.
export const COUNT_ALL = `
  SELECT count(*) AS total, sum(state = 'pending') AS pending, sum(state = 'running') AS running,
         sum(state = 'completed') AS completed, sum(state = 'failed') AS failed,
         sum(state = 'quarantined') AS quarantined, sum(state = 'cancelled') AS cancelled,
         sum(finished_at > ? AND state <> 'cancelled') AS minute, sum(finished_at > ? AND state <> 'cancelled') AS quarter,
         sum(finished_at > ? AND state <> 'cancelled') AS run,
         sum(state = 'pending' AND priority < 0) AS knownCount,
         sum(CASE WHEN state = 'pending' THEN -priority ELSE 0 END) AS knownSumS,
         sum(CASE WHEN state = 'pending' THEN priority * priority ELSE 0 END) AS knownSquareS,
         max(CASE WHEN state = 'pending' THEN run_after ELSE 0 END) AS runAfter
    FROM hidb_videos`;

/** Every life, the newest first: restarts, what the run has done so far, and since when it has been running. */
export const LIVES = `
  SELECT id, host, process_id AS processId, started_at AS startedAt, gone_at AS goneAt, lease_until AS leaseUntil,
         completed, retried, failed, busy_ms AS busyMs
    FROM hidb_instances ORDER BY started_at DESC LIMIT 2000`;

/** `priority` is minus the known seconds. */
export const HELD_VIDEOS = `
  SELECT video_id AS videoId, attempt, instance, claimed_at AS claimedAt, -priority AS durationS
    FROM hidb_videos INDEXED BY hidb_open WHERE finished_at IS NULL AND state = 'running'
   ORDER BY claimed_at, video_id LIMIT 5000`;

/** What the next durations are judged by. */
export const LAST_COMPLETED = `
  SELECT claimed_at AS claimedAt, finished_at - claimed_at AS workMs, -priority AS durationS
    FROM hidb_videos WHERE state = 'completed' AND claimed_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1000`;

/** The same where rows cost money: those with the highest ids among the first to be claimed, with no look at the rest. */
export const LAST_COMPLETED_BY_ID = `
  SELECT claimed_at AS claimedAt, finished_at - claimed_at AS workMs, -priority AS durationS
    FROM hidb_videos WHERE state = 'completed' AND claimed_at IS NOT NULL ORDER BY video_id DESC LIMIT 400`;

// By way of the attempts: an index on failed videos would be written at each settlement.
export const LAST_FAILURES = `
  SELECT v.video_id AS videoId, v.state, coalesce(v.error, '') AS reason, v.finished_at AS at
    FROM (SELECT video_id, max(attempt_id) AS newest
            FROM (SELECT attempt_id, video_id FROM hidb_attempts ORDER BY attempt_id DESC LIMIT 200) GROUP BY video_id) a
         CROSS JOIN hidb_videos v ON v.video_id = a.video_id
   WHERE v.state IN ('failed', 'quarantined') ORDER BY a.newest DESC LIMIT ?`;

/** Those that will be claimed last, the very last first: the tail of the run. */
export const LAST_TO_CLAIM: Record<"id" | "longest", string> = {
  id: `
  SELECT video_id AS videoId, -priority AS durationS FROM hidb_videos INDEXED BY hidb_open
   WHERE finished_at IS NULL AND state = 'pending' ORDER BY video_id DESC LIMIT ?`,
  longest: `
  SELECT video_id AS videoId, -priority AS durationS FROM hidb_videos
   WHERE finished_at IS NULL AND state = 'pending' ORDER BY priority DESC, video_id DESC LIMIT ?`,
};

/** How long attempts last that do not complete. */
export const LAST_UNCOMPLETED = `
  SELECT avg(ended_at - claimed_at) AS meanMs
    FROM (SELECT ended_at, claimed_at FROM hidb_attempts WHERE outcome <> 'died' ORDER BY attempt_id DESC LIMIT 200)`;

/** Parameters: a moment in the future for everybody, now, and that moment twice. */
export const FAR_TIMES = `
  SELECT sum(what = 'video') AS videos, sum(what = 'instance') AS instances, max(at) AS furthest
    FROM (SELECT 'video' AS what, a.ended_at AS at FROM hidb_attempts a JOIN hidb_videos v USING (video_id)
           WHERE a.ended_at > ? AND v.finished_at IS NULL AND v.state = 'pending' AND v.run_after > ?
             AND a.attempt_id = (SELECT max(attempt_id) FROM hidb_attempts WHERE video_id = a.video_id)
          UNION ALL
          SELECT 'instance', max(lease_until, started_at) FROM hidb_instances
           WHERE gone_at IS NULL AND (lease_until > ? + lease_ms OR started_at > ?))`;
