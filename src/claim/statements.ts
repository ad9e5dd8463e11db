// Room 2's SQL. Parameters are plain `?` in order; D1 and SQLite both understand them.
import { STOP_KEYS, STOPS_IN_FORCE } from "../database/statements.js";
import { type CatalogueTable, LONGEST_HOLD_MS } from "../video.js";

export const REGISTER = `
  INSERT OR IGNORE INTO hidb_instances (id, host, boot, pid, pid_started_at, process_id, state, started_at, lease_until, lease_ms)
  VALUES (?, ?, ?, ?, ?, ?, 'starting', ?, ?, ?)`;

export const BEGIN_WORK =
  "UPDATE hidb_instances SET state = 'working', lease_until = ? WHERE id = ? AND state = 'starting'";

/** Others under the same kernel and in the same container: those that memory is shared with. Parameters: boot, id, now. */
const OTHERS_HERE = "gone_at IS NULL AND boot = ? AND id <> ? AND lease_until >= ?";

/**
 * Only as far as the memory goes; the first of a box is always let in. All begin together where the box holds everyone here
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
         coalesce(sum(state = 'working' AND in_hand > 0 AND (host, process_id, started_at, id) < (
           SELECT host, process_id, started_at, id FROM hidb_instances WHERE id = ?)), 0) AS busyBefore
    FROM hidb_instances WHERE ${OTHERS_HERE}`;

/** Keeps memory for a claim, if it is there. Parameters: bytes, id, boot, id, now, bytes, all that is free. */
export const RESERVE_MEMORY = `
  UPDATE hidb_instances SET expected_bytes = ?
   WHERE id = ? AND (SELECT coalesce(sum(expected_bytes), 0) FROM hidb_instances WHERE ${OTHERS_HERE}) + ? <= ?`;

const RENEWED =
  "lease_until = ?, completed = ?, retried = ?, failed = ?, released = ?, lost = ?, busy_ms = ?, in_hand = ?, rss_bytes = ?, rise_bytes = ?, expected_bytes = ?, held_back = ?";

// Zero rows: somebody has declared this life over.
export const RENEW_LEASE = `UPDATE hidb_instances SET ${RENEWED} WHERE id = ? AND gone_at IS NULL`;

/** What an instance with nothing in hand keeps of the requests; the rest is there for those that work. */
const IDLE_SHARE = 60;

/** The requests that no other instance has a share in: whatever anybody believes, all shares together stay within the sum. */
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

// Live = working and within the lease; this order is the rank. What stops the pool is asked along, so that nobody has to
// ask for it on its own. Parameters: now, id, now.
export const LIVE_POOL = `
  SELECT (SELECT json_group_array(json_object('key', key, 'reason', value ->> '$.reason', 'until', value ->> '$.until'))
            ${STOPS_IN_FORCE}) AS stops,
         count(*) AS count,
         sum((host, process_id, started_at, id) < (SELECT host, process_id, started_at, id FROM hidb_instances WHERE id = ?)) AS rank
    FROM hidb_instances WHERE gone_at IS NULL AND state = 'working' AND lease_until >= ?`;

export const BEGIN_DRAIN = "UPDATE hidb_instances SET state = 'draining' WHERE id = ? AND gone_at IS NULL";

// One recycle at a time across the pool; an instance that has stopped beating does not stand in the way.
export const BEGIN_RECYCLE = `
  UPDATE hidb_instances SET state = 'draining' WHERE id = ? AND gone_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM hidb_instances
                      WHERE gone_at IS NULL AND state = 'draining' AND lease_until >= ? AND id <> ?)`;

export const LEAVE =
  "UPDATE hidb_instances SET state = 'gone', gone_at = ?, gone_because = ?, in_hand = 0 WHERE id = ? AND gone_at IS NULL";

export const OTHER_INSTANCES = `
  SELECT id, host, boot, pid, pid_started_at AS pidStartedAt, lease_until AS leaseUntil, lease_ms AS leaseMs
    FROM hidb_instances WHERE gone_at IS NULL AND id <> ?`;

// Names the lease it has seen: a beat in the meantime keeps the instance.
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

/** What the reclaim of this moment has done, if its answer was lost; a later death of the same video is another's to tell. */
export const RECLAIMED_AT = `
  SELECT a.video_id AS videoId, a.attempt,
         CASE WHEN v.attempt = a.attempt AND v.state IN ('failed', 'quarantined') THEN v.state ELSE 'pending' END AS state
    FROM hidb_attempts a JOIN hidb_videos v USING (video_id)
   WHERE a.outcome = 'died' AND a.ended_at = ?`;

export const FORGET_OLD_INSTANCES = "DELETE FROM hidb_instances WHERE gone_at < ?";

export const STILL_HELD = `
  SELECT video_id AS videoId FROM hidb_videos
   WHERE video_id IN (SELECT value FROM json_each(?)) AND state = 'running' AND instance = ?`;

export const INDEX_BY_PRIORITY =
  "CREATE INDEX IF NOT EXISTS hidb_longest ON hidb_videos (priority, video_id) WHERE finished_at IS NULL";

/** Which videos a claim may take: those of one's shard (by remainder, by range or by batch), anyone's, or suspects. */
export type ClaimScope = "modulo" | "ranges" | "batch" | "any" | "suspects";
export type ClaimOrder = "id" | "longest";

/** Live = working and within the lease. `r` is NULL for an instance that is not live, or of an epoch that is over. */
const POOL = `
  WITH pool AS MATERIALIZED (
    SELECT count(*) AS n,
           sum((host, process_id, started_at, id) < (
             SELECT host, process_id, started_at, id FROM hidb_instances
              WHERE id = ? AND state = 'working' AND lease_until >= ? AND epoch = ?)) AS r
      FROM hidb_instances WHERE gone_at IS NULL AND state = 'working' AND lease_until >= ?)`;

const BEHIND_ALL = "1.7976931348623157e308";

const BEGINNING = `(SELECT CASE WHEN n = ? AND r = ? AND NOT EXISTS (SELECT 1 ${STOPS_IN_FORCE})
                            THEN ? ELSE ${BEHIND_ALL} END FROM pool)`;

// Whom a claim takes from; each is a test of the video's id alone, so that the index answers it. `? - n` is what the
// remainder of a negative id looks like.
const SCOPES: Record<ClaimScope, string> = {
  modulo: "AND video_id % ? IN (?, ?)",
  // min and max stand in queries of their own: together SQLite would read the whole table for them.
  ranges: `
      AND video_id >= (SELECT min(video_id) FROM hidb_videos) + ${rangeWidth()} * ?
      AND video_id < (SELECT min(video_id) FROM hidb_videos) + ${rangeWidth()} * ?`,
  // The lower end is the cursor's to seek: were it the index's, a claim that may take nothing would read the batch.
  batch: "AND +video_id >= ? AND video_id <= ?",
  any: "",
  suspects: "",
};

function rangeWidth(): string {
  return "((SELECT max(video_id) FROM hidb_videos) - (SELECT min(video_id) FROM hidb_videos) + 1.0)";
}

export interface Place {
  rank: number;
  count: number;
  /** Of the scope `batch`. */
  batch?: { from: number; to: number } | undefined;
}

/** The parameters of a scope, for an instance of this rank among so many. */
export function scopeParameters(scope: ClaimScope, { rank, count, batch }: Place): number[] {
  switch (scope) {
    case "modulo":
      return [count, rank, rank - count];
    case "ranges":
      return [rank / count, (rank + 1) / count];
    case "batch":
      // Without one nothing lies between its ends.
      return batch === undefined ? [1, 0] : [batch.from, batch.to];
    case "any":
    case "suspects":
      return [];
  }
}

/**
 * One statement: two instances that believe in the same shard still cannot take the same video. The rank that its
 * parameters were made for is compared with the rank at this very moment, so a stale one claims nothing.
 * The search begins behind the cursor, so its cost does not depend on what other shards have left there; and where
 * nothing may be claimed it begins behind everything, since SQLite would test a condition of its own on every row.
 * `? + 0`: SQLite prepares a statement anew each time a bare `LIMIT ?` is bound (130 us against 9), since its plan may
 * depend on it; an expression is taken as it is.
 * Parameters: id, now, epoch, now, id, now, count, rank, now, cursor (priority and id, or id alone), those of the scope,
 * now, limit. With a `catalogue` each row brings along what it says of the video.
 */
export function claimStatement(scope: ClaimScope, order: ClaimOrder, catalogue?: CatalogueTable): string {
  const suspects = scope === "suspects";
  const index = suspects ? "hidb_suspects" : order === "longest" ? "hidb_longest" : "hidb_open";
  const cursor = order === "longest" ? `(priority, video_id) > (${BEGINNING}, ?)` : `video_id > ${BEGINNING}`;
  const sorted = order === "longest" ? "priority, video_id" : "video_id";
  return `${POOL}
  UPDATE hidb_videos SET state = 'running', instance = ?, claimed_at = ?, attempt = attempt + 1
   WHERE video_id IN (
     SELECT video_id FROM hidb_videos INDEXED BY ${index}
      WHERE finished_at IS NULL AND ${cursor} ${SCOPES[scope]}
        AND state = 'pending' AND run_after <= ? AND deaths ${suspects ? ">" : "="} 0
      ORDER BY ${sorted} LIMIT ? + 0)
  RETURNING video_id AS id, attempt${suspects ? ", deaths" : ""}${order === "longest" ? ", priority" : ""}${catalogue === undefined ? "" : `, ${described(catalogue)}`}`;
}

function described({ table, id, source, title, duration }: CatalogueTable): string {
  const parts = [source, title, duration].map((name) => (name === null ? "NULL" : `"${name}"`));
  return `(SELECT json_array(${parts.join(", ")}) FROM "${table}" WHERE "${id}" = hidb_videos.video_id) AS described`;
}

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

/** Whether there is anything to claim at all. Parameters: now, now. */
export const WORK_WAITS = `
  SELECT 1 AS yes FROM hidb_videos INDEXED BY hidb_open
   WHERE finished_at IS NULL AND state = 'pending' AND run_after <= ?
     AND NOT EXISTS (SELECT 1 ${STOPS_IN_FORCE}) LIMIT 1`;

/** All batches in order, and which of them have videos left. */
export const BATCHES = `
  SELECT batch_id AS id, from_id AS "from", to_id AS "to",
         EXISTS (SELECT 1 FROM hidb_videos INDEXED BY hidb_open
                  WHERE finished_at IS NULL AND video_id BETWEEN from_id AND to_id) AS open
    FROM hidb_batches ORDER BY batch_id`;

export const DELETE_BATCHES = "DELETE FROM hidb_batches";

// Ends meet, so that a video that is added between two others belongs to one of them.
const CREATE_BATCHES = (place: string) => `
  INSERT INTO hidb_batches (batch_id, from_id, to_id)
  SELECT batch, lowest, coalesce(lead(lowest) OVER (ORDER BY batch) - 1, highest)
    FROM (SELECT batch, min(video_id) AS lowest, max(video_id) AS highest
            FROM (SELECT video_id, ${place} AS batch FROM hidb_videos) GROUP BY batch)`;

/** So many batches, of equally many videos. The parameter: how many. */
export const CREATE_BATCHES_BY_COUNT = CREATE_BATCHES("ntile(CAST(? AS INTEGER)) OVER (ORDER BY video_id)");

/** Batches of so many videos. The parameter: how many. */
export const CREATE_BATCHES_BY_SIZE = CREATE_BATCHES(
  "(row_number() OVER (ORDER BY video_id) - 1) / CAST(? AS INTEGER) + 1",
);

/** Holds the pool until a moment, or longer where that has been said already and can be meant. Parameters: value, until. */
export const HOLD_POOL = `
  INSERT INTO hidb_pool (key, value) VALUES ('${STOP_KEYS.hold}', ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value
   WHERE coalesce(value ->> '$.until', 0) - ? NOT BETWEEN 0 AND ${LONGEST_HOLD_MS}`;

/** From here on a claim of an earlier epoch takes nothing. Parameters: epoch, id, epoch. */
export const BEGIN_EPOCH = "UPDATE hidb_instances SET epoch = ? WHERE id = ? AND epoch < ?";

/** Undoes whatever a claim of this moment has taken. Parameters: id, claimed_at. */
export const UNDO_CLAIM = `
  UPDATE hidb_videos SET state = 'pending', instance = NULL, claimed_at = NULL, attempt = attempt - 1
   WHERE video_id IN (SELECT video_id FROM hidb_videos INDEXED BY hidb_open
                       WHERE finished_at IS NULL AND state = 'running' AND instance = ? AND claimed_at = ?)`;

/** Parameters: those of the scope `modulo`, and now. */
export const SUSPECT_WAITS = `
  SELECT max(video_id % ? IN (?, ?)) AS mine FROM hidb_videos INDEXED BY hidb_suspects
   WHERE finished_at IS NULL AND deaths > 0 AND state = 'pending' AND run_after <= ?`;

/** For a claim that could not be completed: as if it had never been. Parameters: ids as a JSON array, id, claimed_at. */
export const GIVE_BACK = `
  UPDATE hidb_videos SET state = 'pending', instance = NULL, claimed_at = NULL, attempt = attempt - 1
   WHERE video_id IN (SELECT value FROM json_each(?)) AND +instance = ? AND claimed_at = ? AND state = 'running'`;

/**
 * What the catalogue says of the videos just claimed. A statement of its own: looked up inside the claim it costs three
 * times as much, and all of that while the write lock is held. The parameter: ids as a JSON array.
 */
export function describeVideos({ table, id, source, title, duration }: CatalogueTable): string {
  const column = (name: string | null) => (name === null ? "NULL" : `"${name}"`);
  return `
  SELECT "${id}" AS id, "${source}" AS source, ${column(title)} AS title, ${column(duration)} AS durationS
    FROM "${table}" WHERE "${id}" IN (SELECT value FROM json_each(?))`;
}
