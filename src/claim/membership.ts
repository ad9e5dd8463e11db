// The pool's members: an instance registers its life, renews its lease, and leaves.
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import type { ProcessIdentity } from "./liveness.js";
import * as sql from "./statements.js";

/** One life of one PM2 process, as its own code sees it. */
export interface Instance {
  id: string;
  identity: ProcessIdentity;
  /** PM2's NODE_APP_INSTANCE: a label with gaps and twins. */
  processId: number;
  startedAt: Millis;
  leaseMs: Millis;
  database: Database;
  clock: Clock;
}

/** What an instance tells about itself with each heartbeat. */
export interface InstanceFigures {
  completed: number;
  retried: number;
  failed: number;
  released: number;
  lost: number;
  busyMs: Millis;
  inHand: number;
  rssBytes: number;
}

export interface PoolView {
  rank: number;
  count: number;
}

const FORGET_AFTER_MS = 14 * 86_400_000;

export async function register(parts: Omit<Instance, "id" | "startedAt">): Promise<Instance> {
  const { database, clock, identity, processId, leaseMs } = parts;
  const startedAt = clock.now();
  const instance: Instance = { ...parts, id: clock.uniqueId(), startedAt };
  await database.batch([
    database.prepare(sql.FORGET_OLD_INSTANCES).bind(startedAt - FORGET_AFTER_MS),
    database
      .prepare(sql.REGISTER)
      .bind(
        instance.id,
        identity.host,
        identity.boot,
        identity.pid,
        identity.pidStartedAt,
        processId,
        startedAt,
        startedAt + leaseMs,
      ),
  ]);
  return instance;
}

export async function beginWork(instance: Instance): Promise<void> {
  await instance.database.prepare(sql.BEGIN_WORK).bind(leaseEnd(instance), instance.id).run();
}

/** False when this life has been declared over: its claims are no longer its own. */
export async function renewLease(instance: Instance, figures: InstanceFigures): Promise<boolean> {
  const { meta } = await figuresStatement(instance, figures).run();
  return meta.changes > 0;
}

export async function viewPool(instance: Instance): Promise<PoolView> {
  const row = await instance.database
    .prepare(sql.LIVE_POOL)
    .bind(instance.id, instance.clock.now())
    .first<{ rank: number | null; count: number }>();
  return { rank: row?.rank ?? 0, count: row?.count ?? 0 };
}

export async function beginDrain(instance: Instance): Promise<void> {
  await instance.database.prepare(sql.BEGIN_DRAIN).bind(instance.id).run();
}

/** True when no other instance is draining: recycles go through the pool one at a time. */
export async function beginRecycle(instance: Instance): Promise<boolean> {
  const { meta } = await instance.database.prepare(sql.BEGIN_RECYCLE).bind(instance.id, instance.clock.now()).run();
  return meta.changes > 0;
}

export async function leave(instance: Instance, figures: InstanceFigures, because: string): Promise<void> {
  const { database, clock, id } = instance;
  await database.batch([
    figuresStatement(instance, { ...figures, inHand: 0 }),
    database.prepare(sql.LEAVE).bind(clock.now(), because, id),
  ]);
}

function figuresStatement(instance: Instance, figures: InstanceFigures) {
  return instance.database
    .prepare(sql.RENEW_LEASE)
    .bind(
      leaseEnd(instance),
      figures.completed,
      figures.retried,
      figures.failed,
      figures.released,
      figures.lost,
      Math.round(figures.busyMs),
      figures.inHand,
      figures.rssBytes,
      instance.id,
    );
}

function leaseEnd(instance: Instance): Millis {
  return instance.clock.now() + instance.leaseMs;
}
