// Takes videos back from instances that are proven dead (same host) or silent past their lease (another host).
import type { Millis, State } from "../video.js";
import { isGone } from "./liveness.js";
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
 * nobody has died just now: an instance may have left without being able to write.
 */
export async function reclaimVideos(
  instance: Instance,
  { maxAttempts, thorough }: { maxAttempts: number; thorough: boolean },
): Promise<Reclaimed[]> {
  const { database, clock, id, identity } = instance;
  const { results } = await database.prepare(sql.OTHER_INSTANCES).bind(id).all<OtherInstance>();
  const now = clock.now();
  const dead = results.filter((other) => isGone(other, { boot: identity.boot, now }));
  // Reading first: a search that finds nothing need not hold the write lock.
  if (dead.length === 0 && !(thorough && (await hasOrphans(instance)))) return [];
  const reason = "its instance died";
  const at = clock.nowFine();
  const answers = await database.batch<Omit<Reclaimed, "at">>([
    ...dead.map((other) => database.prepare(sql.BURY_INSTANCE).bind(now, other.id, other.leaseUntil)),
    database.prepare(sql.RECORD_DEATHS).bind(reason, now),
    database.prepare(sql.RECLAIM).bind(reason, maxAttempts, maxAttempts, now, maxAttempts),
  ]);
  return (answers.at(-1)?.results ?? []).map((row) => ({ ...row, at }));
}

async function hasOrphans({ database }: Instance): Promise<boolean> {
  return (await database.prepare(sql.HAS_ORPHANS).first()) !== null;
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
