// Where the pool stands: counts, instances, rate and the time that is left.
import type { Database } from "../database/database.js";
import { type Millis, STATES, type State } from "../video.js";
import * as sql from "./statements.js";
import { isStopped, readSwitches, type Switches } from "./switches.js";

export type StateCounts = { total: number } & Record<State, number>;

/** One live instance. */
export interface InstanceStatus {
  id: string;
  /** Null while it does not claim: starting, draining, or silent. */
  rank: number | null;
  processId: number;
  pid: number;
  host: string;
  state: "starting" | "working" | "draining";
  inHand: number;
  completed: number;
  failed: number;
  rssBytes: number;
  startedAt: Millis;
  leaseUntil: Millis;
  /** Why memory keeps it from claiming: admission, high, room or pressure; null when it does not. */
  heldBack: string | null;
}

export interface Status {
  counts: StateCounts;
  instances: InstanceStatus[];
  /** Videos that came to an end per second over the last minute; null when nobody works or none has. */
  rate: number | null;
  /** Seconds until the backlog is empty at this rate; null when that cannot be told. */
  eta: number | null;
  paused: boolean;
  /** Of the pause, and when it ends by itself. */
  reason: string | null;
  until: Millis | null;
  hold: Switches["hold"];
  draining: boolean;
  /** The pause is HIDB_HALT's. */
  halted: boolean;
}

/** An instance as its row has it, with what tells whether its process still lives. */
export interface InstanceRow extends InstanceStatus {
  boot: string;
  pidStartedAt: string;
  leaseMs: Millis | null;
}

/** Whether an instance that has not left is known to be dead. */
export type IsDead = (instance: InstanceRow) => boolean;

const RATE_WINDOW_MS = 60_000;

export async function readStatus(
  database: Database,
  { now, isDead }: { now: Millis; isDead: IsDead },
): Promise<Status> {
  // Together where the one needs nothing of the other: on D1 each question by itself is a request.
  const [{ live }, switches] = await Promise.all([
    readInstances(database, { now, isDead }),
    readSwitches(database, now),
  ]);
  const started = live.reduce((earliest, { startedAt }) => Math.min(earliest, startedAt), now);
  const since = Math.max(now - RATE_WINDOW_MS, started);
  const { counts, recent } = await countStates(database, since);
  const rate = live.length > 0 && recent > 0 && now > since ? recent / ((now - since) / 1000) : null;
  const open = counts.pending + counts.running;
  const eta = open === 0 ? 0 : rate === null || isStopped(switches) ? null : open / rate;
  const { paused, ...others } = switches;
  const reason = paused?.reason ?? null;
  const until = paused?.until ?? null;
  return { counts, instances: live.map(toStatus), rate, eta, paused: paused !== null, reason, until, ...others };
}

/** One row read, however many there are. */
export async function hasOpenVideos(database: Database): Promise<boolean> {
  return (await database.prepare(sql.HAS_OPEN).first()) !== null;
}

/** Reads the open videos only. */
export async function countRunning(database: Database): Promise<number> {
  return (await database.prepare(sql.COUNT_RUNNING).first<number>("running")) ?? 0;
}

export async function countStates(database: Database, since: Millis): Promise<{ counts: StateCounts; recent: number }> {
  const { results } = await database
    .prepare(sql.COUNT_STATES)
    .bind(since)
    .all<{ state: State; count: number; recent: number | null }>();
  const counts = Object.fromEntries([["total", 0], ...STATES.map((state) => [state, 0])]) as StateCounts;
  let recent = 0;
  for (const row of results) {
    counts[row.state] = row.count;
    counts.total += row.count;
    recent += row.recent ?? 0;
  }
  return { counts, recent };
}

/** Instances that have not left: the live ones, and the dead ones that have not been reclaimed yet. */
export async function readInstances(
  database: Database,
  { now, isDead }: { now: Millis; isDead: IsDead },
): Promise<{ live: InstanceRow[]; dead: InstanceRow[] }> {
  const { results } = await database.prepare(sql.INSTANCES).bind(now).all<InstanceRow>();
  const sorted = Map.groupBy(results, (row) => (isDead(row) ? "dead" : "live"));
  return { live: sorted.get("live") ?? [], dead: sorted.get("dead") ?? [] };
}

export interface FailureGroup {
  reason: string;
  state: State;
  count: number;
}

/** Of videos that have ended since then; the most frequent reasons first. */
export async function readFailures(database: Database, limit: number, since: Millis = 0): Promise<FailureGroup[]> {
  const { results } = await database.prepare(sql.FAILURES).bind(since, limit).all<FailureGroup>();
  return results;
}

/** Without what only the question whether it lives needs. */
export function toStatus(row: InstanceRow): InstanceStatus {
  const { id, rank, processId, pid, host, state, inHand, completed, failed, rssBytes, startedAt, leaseUntil } = row;
  const { heldBack } = row;
  return {
    id,
    rank,
    processId,
    pid,
    host,
    state,
    inHand,
    completed,
    failed,
    rssBytes,
    startedAt,
    leaseUntil,
    heldBack,
  };
}
