// The pool's members: an instance registers its life, renews its lease, and leaves.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Clock } from "../clock.js";
import { again } from "../database/again.js";
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
  /** Where requests are counted: the pool shares them out by its members' rows. */
  budget?: RequestShare;
  /** Which of this life's claims are still good: one that got no answer ends an epoch. */
  epoch: number;
  /** Who else was there at the last look, of this host: their processes can be watched without asking the database. */
  neighbours: Pick<ProcessIdentity, "pid" | "pidStartedAt">[];
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
  /** It has something to do, or is about to. */
  busy?: boolean;
}

export interface PoolView {
  rank: number;
  count: number;
}

const FORGET_AFTER_MS = 14 * 86_400_000;

export async function register(parts: Omit<Instance, "id" | "startedAt" | "epoch" | "neighbours">): Promise<Instance> {
  const { database, clock, identity, processId, leaseMs, budget } = parts;
  const startedAt = clock.now();
  const instance: Instance = { ...parts, id: clock.uniqueId(), startedAt, epoch: 0, neighbours: [] };
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
      ),
  ];
  if (budget !== undefined) {
    const { id } = instance;
    statements.push(database.prepare(sql.TAKE_FIRST_SHARE).bind(budget.shared, budget.shared, id, id));
  }
  const results = await again(() => database.batch<{ share: number }>(statements));
  budget?.grant(results.at(-1)?.results[0]?.share ?? 0);
  return instance;
}

export async function beginWork(instance: Instance): Promise<void> {
  await again(() => instance.database.prepare(sql.BEGIN_WORK).bind(leaseEnd(instance), instance.id).run());
}

/** False when this life has been declared over: its claims are no longer its own. */
export async function renewLease(instance: Instance, figures: InstanceFigures): Promise<boolean> {
  const { meta, results } = await figuresStatement(instance, figures).run<{ share: number }>();
  const [row] = results;
  if (row !== undefined) instance.budget?.grant(row.share);
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
  await again(() => instance.database.prepare(sql.BEGIN_DRAIN).bind(instance.id).run());
}

/** True when no other instance is draining: recycles go through the pool one at a time. */
export async function beginRecycle(instance: Instance): Promise<boolean> {
  const { database, clock, id } = instance;
  const { meta } = await database.prepare(sql.BEGIN_RECYCLE).bind(id, clock.now(), id).run();
  return meta.changes > 0;
}

export async function leave(instance: Instance, figures: InstanceFigures, because: string): Promise<void> {
  const { database, clock, id } = instance;
  await again(() =>
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
    figures.rssBytes,
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
