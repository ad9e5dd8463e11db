// The SQL of the claim and of its undoing.
import { STOPS_IN_FORCE } from "../../database/statements.js";
import type { CatalogueTable } from "../../video.js";
import { LIVE, ranksBefore, WITHIN_LEASE } from "../rank.js";

export const INDEX_BY_PRIORITY =
  "CREATE INDEX IF NOT EXISTS hidb_longest ON hidb_videos (priority, video_id) WHERE finished_at IS NULL";

/** Which videos a claim may take: those of one's shard (by remainder, by range or by batch), anyone's, or suspects. */
export type ClaimScope = "modulo" | "ranges" | "batch" | "any" | "suspects";
export type ClaimOrder = "id" | "longest";

/** `r` is NULL for an instance that is not live, or of an epoch that is over. */
const POOL = `
  WITH pool AS MATERIALIZED (
    SELECT count(*) AS n,
           sum(${ranksBefore(`id = ? AND ${WITHIN_LEASE} AND epoch = ?`)}) AS r
      FROM hidb_instances WHERE ${LIVE})`;

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

/** Whether there is anything to claim at all. Parameters: now, now. */
export const WORK_WAITS = `
  SELECT 1 AS yes FROM hidb_videos INDEXED BY hidb_open
   WHERE finished_at IS NULL AND state = 'pending' AND run_after <= ?
     AND NOT EXISTS (SELECT 1 ${STOPS_IN_FORCE}) LIMIT 1`;

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
