// The pool's members: an instance registers its life, renews its lease, and leaves.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import { retryIdempotent } from "../database/retry-idempotent.js";
import type { Millis } from "../video.js";
import { type IsAlive, isAlive, type ProcessIdentity } from "./liveness.js";
import * as sql from "./statements/membership.js";
import type { PoolStop } from "./stops.js";

/** One life of one PM2 process, as its own code sees it. */
export interface Instance {
  id: string;
  identity: ProcessIdentity;
  /** Whether a process of this host still lives. */
  isAlive: IsAlive;
  /** PM2's NODE_APP_INSTANCE: a label with gaps and twins. */
  processId: number;
  startedAt: Millis;
  leaseMs: Millis;
  database: Database;
  clock: Clock;
  /** Where requests are counted: the pool shares them out by its members' rows. */
  budget?: RequestShare;
  /** Which of this life's claims are still good: one that got no answer ends an epoch. */
  epoch: number;
  /** The other instances of this host, as last read: their processes can be watched without asking the database. */
  neighbours: Pick<ProcessIdentity, "pid" | "pidStartedAt">[];
  /** Leases of others that no clock of today has written. */
  farLeases: Map<string, FarLease>;
  /** What stops the whole pool from claiming, as last read. */
  stops: PoolStop[];
}

/** This instance's part of the requests that the whole pool may make in five minutes. */
export interface RequestShare {
  /** What there is to share out. */
  readonly shared: number;
  grant(share: number): void;
  /** Makes room for the last requests of this life. */
  useReserve(): void;
  readonly costs: { requests: number; requestsRecent: number; rowsRead: number; rowsWritten: number };
}

/** Since when a lease far ahead has not been renewed, on the monotonic clock. */
export interface FarLease {
  leaseUntil: Millis;
  since: Millis;
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
  /** All that it takes of the box, its children included. */
  rssBytes: number;
  /** By how much an attempt makes it grow, at most. */
  riseBytes?: number;
  /** By how much it may grow yet with what it has in hand. */
  expectedBytes?: number;
  heldBack?: HeldBack | null;
  /** It has something to do, or is about to. */
  busy?: boolean;
}

/**
 * Why an instance claims nothing: it has not begun, since the pool would not fit with it; it is above its own limit; what
 * its next video will take is not there; the box is nearly full or the kernel is short of memory.
 */
export type HeldBack = "admission" | "high" | "room" | "pressure";

/** What an instance may take, and what there is for all. */
export interface Admission {
  footprintBytes: number;
  shareBytes: number;
  budgetBytes: number;
  /** What the box has left, besides what this instance takes already. */
  freeBytes: number;
  staggerMs: Millis;
}

/** The memory of the others in the same box, as they have told it with their last heartbeats. */
export interface MemoryHere {
  otherBytes: number;
  largestOther: number;
  rise: number;
  /** What the others may take yet. */
  expected: number;
  others: number;
  /** Those with videos in hand that come before this one when there is not enough for all. */
  busyBefore: number;
}

export interface PoolView {
  rank: number;
  count: number;
}

const FORGET_AFTER_MS = 14 * 86_400_000;

export async function register(
  parts: Omit<Instance, "id" | "startedAt" | "epoch" | "neighbours" | "farLeases" | "stops" | "isAlive"> & {
    isAlive?: IsAlive;
  },
): Promise<Instance> {
  const { database, clock, identity, processId, leaseMs, budget } = parts;
  const startedAt = clock.now();
  const fresh = {
    id: clock.uniqueId(),
    startedAt,
    epoch: 0,
    neighbours: [],
    farLeases: new Map<string, FarLease>(),
    stops: [],
  };
  const instance: Instance = { isAlive, ...parts, ...fresh };
  const statements = [
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
        leaseMs,
      ),
  ];
  if (budget !== undefined) {
    const { id } = instance;
    statements.push(database.prepare(sql.TAKE_FIRST_SHARE).bind(budget.shared, budget.shared, id, id));
  }
  const results = await retryIdempotent(() => database.batch<{ share: number }>(statements));
  budget?.grant(results.at(-1)?.results[0]?.share ?? 0);
  return instance;
}

/** False when the memory does not allow it yet; without an admission it always does. */
export async function beginWork(instance: Instance, admission?: Admission): Promise<boolean> {
  const { database, id } = instance;
  const beginning = () =>
    admission === undefined
      ? database.prepare(sql.BEGIN_WORK).bind(leaseEnd(instance), id)
      : admittedStatement(instance, admission);
  // Asked for, not counted: after a lost answer the first try may have done it.
  const results = await retryIdempotent(() =>
    database.batch<{ works: number }>([beginning(), database.prepare(sql.WORKS).bind(id)]),
  );
  return results[1]?.results[0]?.works === 1;
}

function admittedStatement(instance: Instance, admission: Admission) {
  const { database, clock, id, identity } = instance;
  const { footprintBytes, shareBytes, budgetBytes, freeBytes, staggerMs } = admission;
  const now = clock.now();
  const others = [identity.boot, id, now];
  const own = Math.max(footprintBytes, shareBytes);
  return database
    .prepare(sql.BEGIN_WORK_IF_IT_FITS)
    .bind(
      ...[leaseEnd(instance), now, footprintBytes, id, ...others],
      ...[shareBytes, own, budgetBytes, freeBytes + footprintBytes, ...others],
      ...[...others, now - staggerMs, ...others, own, budgetBytes],
    );
}

export async function viewMemory({ database, clock, id, identity }: Instance): Promise<MemoryHere> {
  const row = await database.prepare(sql.MEMORY_HERE).bind(id, identity.boot, id, clock.now()).first<MemoryHere>();
  return row ?? { otherBytes: 0, largestOther: 0, rise: 0, expected: 0, others: 0, busyBefore: 0 };
}

/** Keeps `bytes` of what is free for this instance's next claim; false when others have been promised too much of it. */
export async function reserveMemory(
  instance: Instance,
  { bytes, free }: { bytes: number; free: number },
): Promise<boolean> {
  const { database, clock, id, identity } = instance;
  const wanted = Math.round(bytes);
  const parameters = [wanted, id, identity.boot, id, clock.now(), wanted, Math.round(free)];
  const { meta } = await database
    .prepare(sql.RESERVE_MEMORY)
    .bind(...parameters)
    .run();
  return meta.changes > 0;
}

/** False when this life has been declared over: its claims are no longer its own. */
export async function renewLease(instance: Instance, figures: InstanceFigures): Promise<boolean> {
  const { meta, results } = await figuresStatement(instance, figures).run<{ share: number }>();
  const [row] = results;
  if (row !== undefined) instance.budget?.grant(row.share);
  return meta.changes > 0;
}

export async function viewPool(instance: Instance): Promise<PoolView> {
  const now = instance.clock.now();
  const row = await instance.database
    .prepare(sql.LIVE_POOL)
    .bind(now, instance.id, now)
    .first<{ rank: number | null; count: number; stops: string }>();
  instance.stops = JSON.parse(row?.stops ?? "[]") as PoolStop[];
  return { rank: row?.rank ?? 0, count: row?.count ?? 0 };
}

export async function beginDrain(instance: Instance): Promise<void> {
  await retryIdempotent(() => instance.database.prepare(sql.BEGIN_DRAIN).bind(instance.id).run());
}

/** True when no other instance is draining: recycles go through the pool one at a time. */
export async function beginRecycle(instance: Instance): Promise<boolean> {
  const { database, clock, id } = instance;
  const { meta } = await database.prepare(sql.BEGIN_RECYCLE).bind(id, clock.now(), id).run();
  return meta.changes > 0;
}

export async function leave(instance: Instance, figures: InstanceFigures, because: string): Promise<void> {
  const { database, clock, id } = instance;
  await retryIdempotent(() =>
    database.batch([
      figuresStatement(instance, { ...figures, inHand: 0 }),
      database.prepare(sql.LEAVE).bind(clock.now(), because, id),
    ]),
  );
}

function figuresStatement(instance: Instance, figures: InstanceFigures): D1PreparedStatement {
  const { database, budget, id } = instance;
  const renewed = [
    leaseEnd(instance),
    figures.completed,
    figures.retried,
    figures.failed,
    figures.released,
    figures.lost,
    Math.round(figures.busyMs),
    figures.inHand,
    Math.round(figures.rssBytes),
    Math.round(figures.riseBytes ?? 0),
    Math.round(figures.expectedBytes ?? 0),
    figures.heldBack ?? null,
    id,
  ];
  if (budget === undefined) return database.prepare(sql.RENEW_LEASE).bind(...renewed);
  const { shared, costs } = budget;
  const spent = [costs.requests, costs.requestsRecent, costs.rowsRead, costs.rowsWritten];
  const busy = figures.busy ?? figures.inHand > 0;
  return database.prepare(sql.RENEW_LEASE_AND_SHARE).bind(...spent, busy, shared, id, id, shared, id, ...renewed);
}

function leaseEnd(instance: Instance): Millis {
  return instance.clock.now() + instance.leaseMs;
}
