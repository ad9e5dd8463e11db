// Takes videos back from instances that are proven dead (same host) or silent past their lease (another host).
import type { Millis, State } from "../video.js";
import { isAlive } from "./liveness.js";
import type { Instance } from "./membership.js";
import * as sql from "./statements.js";

export interface Reclaimed {
  videoId: number;
  /** The attempt that the death spent. */
  attempt: number;
  state: State;
  /** After the death was seen and before the transaction, so that a claim that follows has a later time. */
  at: Millis;
}

interface OtherInstance {
  id: string;
  host: string;
  boot: string;
  pid: number;
  pidStartedAt: string;
  leaseUntil: number;
}

/**
 * Buries dead instances and takes their videos back, in one transaction. `thorough` looks for orphans even when
 * nobody has died just now, as an instance does once at its start.
 */
export async function reclaimVideos(
  instance: Instance,
  { maxAttempts, thorough }: { maxAttempts: number; thorough: boolean },
): Promise<Reclaimed[]> {
  const { database, clock, id, identity } = instance;
  const { results } = await database.prepare(sql.OTHER_INSTANCES).bind(id).all<OtherInstance>();
  const now = clock.now();
  const dead = results.filter((other) => (other.boot === identity.boot ? !isAlive(other) : other.leaseUntil < now));
  if (dead.length === 0 && !thorough) return [];
  const reason = "its instance died";
  const at = clock.nowFine();
  const answers = await database.batch<Omit<Reclaimed, "at">>([
    ...dead.map((other) => database.prepare(sql.BURY_INSTANCE).bind(now, other.id, other.leaseUntil)),
    database.prepare(sql.RECORD_DEATHS).bind(reason, now),
    database.prepare(sql.RECLAIM).bind(reason, maxAttempts, maxAttempts, now, maxAttempts),
  ]);
  return (answers.at(-1)?.results ?? []).map((row) => ({ ...row, at }));
}

/** Which of the videos in hand this instance no longer holds: cancelled, deleted or reclaimed meanwhile. */
export async function findLostClaims(instance: Instance, videoIds: number[]): Promise<number[]> {
  if (videoIds.length === 0) return [];
  const { results } = await instance.database
    .prepare(sql.STILL_HELD)
    .bind(JSON.stringify(videoIds), instance.id)
    .all<{ videoId: number }>();
  const held = new Set(results.map((row) => row.videoId));
  return videoIds.filter((videoId) => !held.has(videoId));
}
