// Takes videos back from instances that are proven dead (same host) or silent past their lease (another host).
import { retryIdempotent } from "../database/retry-idempotent.js";
import { isOutcomeUnknown } from "../errors.js";
import type { Millis, State } from "../video.js";
import { isStalled } from "./ahead.js";
import { isGone } from "./liveness.js";
import type { Instance } from "./membership.js";
import * as sql from "./statements/reclaim.js";

export interface Reclaimed {
  videoId: number;
  /** The attempt that the death spent. */
  attempt: number;
  state: State;
  /** After the death was seen and before the transaction, so that a claim that follows has a later time. */
  at: Millis;
}

/** The heartbeat may be at most a minute apart. */
const LONGEST_EXCUSE_MS = 90_000;

interface OtherInstance {
  id: string;
  host: string;
  boot: string;
  pid: number;
  pidStartedAt: string;
  leaseUntil: number;
  leaseMs: number | null;
}

export interface ReclaimOptions {
  maxAttempts: number;
  /** Looks for orphans even when nobody has died just now: an instance may have left without being able to write. */
  thorough: boolean;
  /** Since when the database has answered this instance without a break, on the monotonic clock. */
  inTouchSince?: Millis;
  /** When this machine's clock was put forward, on the monotonic one; leases of other pools may be longer than one's own. */
  steppedAt?: Millis | undefined;
  /** Called before the dead are marked, while their claims still hold: what they had finished is settled. */
  recover?: ((dead: string[]) => Promise<void>) | undefined;
}

/** Marks dead instances and takes their videos back, in one transaction. */
export async function reclaimVideos(instance: Instance, options: ReclaimOptions): Promise<Reclaimed[]> {
  const { database, clock, id, identity, isAlive } = instance;
  // On D1 it may travel with somebody's write, whose lost answer leaves both in doubt.
  const { results } = await retryIdempotent(() => database.prepare(sql.OTHER_INSTANCES).bind(id).all<OtherInstance>());
  instance.neighbours = results.filter((other) => other.boot === identity.boot);
  const now = clock.now();
  const dead = results.filter(
    (other) =>
      (isGone(other, { boot: identity.boot, now, isAlive }) && !isExcused(other, instance, options)) ||
      (other.boot !== identity.boot && isStalled(other, instance)),
  );
  // Reading first: a search that finds nothing need not hold the write lock.
  if (dead.length === 0 && !(options.thorough && (await hasOrphans(instance)))) return [];
  if (dead.length > 0) await options.recover?.(dead.map((other) => other.id));
  return takeBack(instance, { dead, now, maxAttempts: options.maxAttempts });
}

/**
 * After an outage every lease has run out, and whoever comes back first must not mark the others dead: somebody on another
 * host has as long as his lease to be heard of, from the moment that we can hear again.
 */
function isExcused(
  other: OtherInstance,
  { identity, clock, leaseMs }: Instance,
  { inTouchSince, steppedAt }: ReclaimOptions,
): boolean {
  if (other.boot === identity.boot) return false;
  if (steppedAt !== undefined && clock.monotonic() - steppedAt < LONGEST_EXCUSE_MS) return true;
  if (inTouchSince === undefined) return false;
  return clock.monotonic() - inTouchSince < Math.min(leaseMs, LONGEST_EXCUSE_MS);
}

interface TakingBack {
  dead: OtherInstance[];
  now: Millis;
  maxAttempts: number;
}

async function takeBack(instance: Instance, { dead, now, maxAttempts }: TakingBack): Promise<Reclaimed[]> {
  const { database, clock } = instance;
  const reason = "its instance died";
  const at = clock.nowFine();
  const statements = [
    ...dead.map((other) => database.prepare(sql.MARK_DEAD).bind(now, other.id, other.leaseUntil)),
    database.prepare(sql.RECORD_DEATHS).bind(reason, now),
    database.prepare(sql.RECLAIM).bind(reason, maxAttempts, maxAttempts, now, maxAttempts),
  ];
  const answers = await database.batch<Omit<Reclaimed, "at">>(statements).catch(async (error: unknown) => {
    if (!isOutcomeUnknown(error)) throw error;
    // Once more does no harm: no instance is marked twice, and an orphan that was taken back is none any more.
    return database.batch<Omit<Reclaimed, "at">>([...statements, database.prepare(sql.RECLAIMED_AT).bind(now)]);
  });
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
