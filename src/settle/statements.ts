// Stage 4's SQL: each statement names its claim. Zero rows changed means the claim was lost.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Database } from "../database/database.js";
import type { Claim, Millis } from "../video.js";

// (video, instance, attempt) is not enough: a video cancelled and retried by a person begins with attempt 1 again, and
// may come back to the same instance before the first attempt has ended. The moment of the claim tells them apart.
const HELD = "video_id = ? AND instance = ? AND attempt = ? AND claimed_at = ? AND state = 'running'";

/** The claim that a statement is written under, and the instance that holds it. */
export interface Held {
  claim: Claim;
  instance: string;
}

/** The parameters of HELD. */
export function heldParameters(
  { video, attempt, claimedAt }: Claim,
  instance: string,
): [number, string, number, Millis] {
  return [video.id, instance, attempt, claimedAt];
}

export const COMPLETE = `UPDATE hidb_videos SET state = 'completed', finished_at = ?, error = NULL, output = ? WHERE ${HELD}`;

export function bindComplete(
  database: Database,
  to: Held & { output: string | null; finishedAt: Millis },
): D1PreparedStatement {
  const { claim, instance, output, finishedAt } = to;
  return database.prepare(COMPLETE).bind(finishedAt, output, claim.video.id, instance, claim.attempt, claim.claimedAt);
}

// All that were claimed together, as a JSON object {video: output}: a third cheaper than a statement each. Behind a `+`
// no parameter influences the plan; otherwise SQLite prepares the statement anew at each run (60 us against 10).
const HELD_GROUP = "video_id = CAST(done.key AS INTEGER) AND +instance = ? AND +attempt = ? AND +claimed_at = ?";

export const COMPLETE_GROUP = `
  UPDATE hidb_videos SET state = 'completed', finished_at = ?, error = NULL, output = done.value
    FROM json_each(?) AS done WHERE ${HELD_GROUP} AND state = 'running'`;

/** Which of a group this very settlement has completed, when fewer rows were changed than asked for. */
export const COMPLETED_OF_GROUP = `
  SELECT video_id AS videoId FROM hidb_videos, json_each(?) AS done
   WHERE ${HELD_GROUP} AND state = 'completed' AND finished_at = ?`;

export const RETRY = `
  UPDATE hidb_videos SET state = 'pending', instance = NULL, claimed_at = NULL, run_after = ?, error = ? WHERE ${HELD}`;

export function bindRetry(database: Database, to: Held & { reason: string; runAfter: Millis }): D1PreparedStatement {
  const { claim, instance, reason, runAfter } = to;
  return database.prepare(RETRY).bind(runAfter, reason, ...heldParameters(claim, instance));
}

export const FAIL = `UPDATE hidb_videos SET state = 'failed', finished_at = ?, error = ? WHERE ${HELD}`;

export function bindFail(database: Database, to: Held & { reason: string; finishedAt: Millis }): D1PreparedStatement {
  const { claim, instance, reason, finishedAt } = to;
  return database.prepare(FAIL).bind(finishedAt, reason, ...heldParameters(claim, instance));
}

// The attempt is given back: a drain is nobody's fault.
export const RELEASE = `
  UPDATE hidb_videos SET state = 'pending', instance = NULL, claimed_at = NULL, attempt = attempt - 1 WHERE ${HELD}`;

export const RECORD_ATTEMPT = `
  INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
  SELECT video_id, attempt, instance, ?, ?, claimed_at, ? FROM hidb_videos WHERE ${HELD}`;

export interface EndedAttempt extends Held {
  outcome: "retry" | "failed";
  reason: string;
  endedAt: Millis;
}

export function bindRecordAttempt(database: Database, attempt: EndedAttempt): D1PreparedStatement {
  const { claim, instance, outcome, reason, endedAt } = attempt;
  return database.prepare(RECORD_ATTEMPT).bind(outcome, reason, endedAt, ...heldParameters(claim, instance));
}

// What attempts used that went over a limit, as a JSON array of {video, attempt, claimedAt, plan, over, figures}; stands
// before the settlements themselves, which end the claims. A row of an earlier attempt gives way.
export const RECORD_USAGE = `
  INSERT INTO hidb_usage (video_id, attempt, plan, over_limits, figures)
  SELECT video_id, attempt, one.value ->> 'plan', one.value ->> 'over', one.value ->> 'figures'
    FROM json_each(?) AS one, hidb_videos
   WHERE video_id = one.value ->> 'video' AND +instance = ? AND attempt = one.value ->> 'attempt'
     AND claimed_at = one.value ->> 'claimedAt' AND state = 'running'
  ON CONFLICT (video_id) DO UPDATE
     SET attempt = excluded.attempt, plan = excluded.plan, over_limits = excluded.over_limits, figures = excluded.figures`;

// Refused by the fence's CHECK when the claim is lost, which undoes the batch it stands in.
export const FENCE = `INSERT INTO hidb_fence (held) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM hidb_videos WHERE ${HELD})`;
export const FENCE_NAME = "claim_is_held";

/** Which of the claims of a JSON array of {video, attempt, claimedAt} are still held, by their places in it. */
export const CLAIMS_HELD = `
  SELECT one.key AS place FROM json_each(?) AS one, hidb_videos
   WHERE video_id = one.value ->> 'video' AND +instance = ? AND attempt = one.value ->> 'attempt'
     AND claimed_at = one.value ->> 'claimedAt' AND state = 'running'`;

// When the answer to a settlement was lost it is written once more, which changes nothing if it had been applied; these
// tell the two apart. Parameters: those of HELD, and for the first also the moment of the settlement.

export const SETTLED_ATTEMPT = `
  SELECT 1 AS yes FROM hidb_attempts
   WHERE video_id = ? AND instance = ? AND attempt = ? AND claimed_at = ? AND outcome <> 'died' AND ended_at = ?`;

/**
 * A release leaves no record; the other ways to lose a claim do: a death one of its own, and a person who cancels leaves
 * the claim in the row. Parameters: those of HELD, twice.
 */
export const TAKEN_BACK = `
  SELECT 1 AS yes FROM hidb_attempts
   WHERE video_id = ? AND instance = ? AND attempt = ? AND claimed_at = ? AND outcome = 'died'
  UNION ALL SELECT 1 FROM hidb_videos
   WHERE video_id = ? AND instance = ? AND attempt = ? AND claimed_at = ? AND state = 'cancelled'`;

export function bindTakenBack(database: Database, { claim, instance }: Held): D1PreparedStatement {
  const held = heldParameters(claim, instance);
  return database.prepare(TAKEN_BACK).bind(...held, ...held);
}

export const COMPLETED_BY = `
  SELECT 1 AS yes FROM hidb_videos
   WHERE video_id = ? AND instance = ? AND attempt = ? AND claimed_at = ? AND state = 'completed'`;
