// All that a screen shows of the pool, in one value: for `hidb watch`, the dashboard and its event stream.
import type { Config } from "../config.js";
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import { type Costs, readCosts } from "./costs.js";
import type { Eta } from "./eta.js";
import { type Ended, MINUTE_MS, QUARTER_MS, type Rates, ratesOf } from "./rates.js";
import * as sql from "./statements.js";
import {
  type Counts,
  type FailureGroup,
  type InstanceRow,
  type InstanceStatus,
  type IsDead,
  isPaused,
  readFailures,
  readInstances,
} from "./status.js";
import { type OverCount, readOver } from "./usage.js";

export interface Overview {
  at: Millis;
  /** When the videos were counted: a distant database is not asked for that each time. */
  countedAt: Millis;
  counts: Counts;
  paused: Stop | null;
  /** The whole pool waits for somebody else, as for a quota. */
  hold: Stop | null;
  rates: Rates;
  /** Null when that cannot be told: nobody works, or the pool is paused for no known time. */
  eta: Eta | null;
  /** Half of this run's completed attempts took longer. */
  medianMs: Millis | null;
  memory: { usedBytes: number; budgetBytes: number | null };
  d1: Costs | null;
  instances: InstanceView[];
  failures: FailureGroup[];
  over: OverCount[];
}

export interface Stop {
  reason: string | null;
  until: Millis | null;
}

export interface InstanceView extends InstanceStatus {
  /** Earlier lives of the same process id in this run. */
  restarts: number;
  held: HeldVideo[];
}

export interface HeldVideo {
  videoId: number;
  attempt: number;
  claimedAt: Millis;
  /** What is being done with it; `waiting` when it was claimed ahead and has not begun. */
  step: string | null;
}

export interface OverviewOptions {
  now: Millis;
  isDead: IsDead;
  config?: Config | undefined;
  /** What the whole pool may use; null or missing when that is not known. */
  budgetBytes?: number | null;
}

const REASONS_SHOWN = 5;

export async function readOverview(database: Database, options: OverviewOptions): Promise<Overview> {
  const { now, isDead, config, budgetBytes = null } = options;
  const [{ live }, lives, held, paused, failures, over, d1] = await Promise.all([
    readInstances(database, { now, isDead }),
    readLives(database),
    readHeld(database),
    isPaused(database),
    readFailures(database, REASONS_SHOWN),
    readOver(database),
    config?.database === "d1" ? readCosts(database) : null,
  ]);
  const runSince = runStart(lives, { now });
  const { counts, ended } = await countAll(database, { now, runSince });
  return {
    at: now,
    countedAt: now,
    counts,
    paused: paused ? { reason: null, until: null } : null,
    hold: null,
    rates: live.length > 0 ? ratesOf(ended, { now, runSince }) : { minute: null, quarter: null, run: null },
    eta: null,
    medianMs: null,
    memory: { usedBytes: live.reduce((sum, { rssBytes }) => sum + rssBytes, 0), budgetBytes },
    d1,
    instances: live.map((row) => toView(row, { lives, held, runSince, config })),
    failures,
    over,
  };
}

interface Life {
  id: string;
  host: string;
  processId: number;
  startedAt: Millis;
  goneAt: Millis | null;
  leaseUntil: Millis;
  completed: number;
  retried: number;
  failed: number;
  busyMs: Millis;
}

async function readLives(database: Database): Promise<Life[]> {
  return (await database.prepare(sql.LIVES).all<Life>()).results;
}

/** So long nobody may have been there within one run. */
const RUN_GAP_MS = 60_000;

/** A run is a chain of lives without a gap between them; the last one counts. */
function runStart(lives: Life[], { now }: { now: Millis }): Millis {
  let since = now;
  for (const { startedAt, goneAt, leaseUntil } of lives) {
    const until = goneAt ?? leaseUntil;
    if (since === now || until >= since - RUN_GAP_MS) since = Math.min(since, startedAt);
  }
  return since;
}

interface HeldRow {
  videoId: number;
  attempt: number;
  instance: string;
  claimedAt: Millis;
  durationS: number;
}

async function readHeld(database: Database): Promise<HeldRow[]> {
  return (await database.prepare(sql.HELD_VIDEOS).all<HeldRow>()).results;
}

async function countAll(database: Database, { now, runSince }: { now: Millis; runSince: Millis }) {
  const row = await database
    .prepare(sql.COUNT_ALL)
    .bind(now - MINUTE_MS, now - QUARTER_MS, runSince)
    .first<{ [name in keyof Counts | keyof Ended]: number | null }>();
  const { total, pending, running, completed, failed, quarantined, cancelled, minute, quarter, run } = row ?? {};
  return {
    counts: {
      total: total ?? 0,
      pending: pending ?? 0,
      running: running ?? 0,
      completed: completed ?? 0,
      failed: failed ?? 0,
      quarantined: quarantined ?? 0,
      cancelled: cancelled ?? 0,
    } satisfies Counts,
    ended: { minute: minute ?? 0, quarter: quarter ?? 0, run: run ?? 0 } satisfies Ended,
  };
}

interface Around {
  lives: Life[];
  held: HeldRow[];
  runSince: Millis;
  config: Config | undefined;
}

function toView(row: InstanceRow, { lives, held, runSince, config }: Around): InstanceView {
  const { id, rank, processId, pid, host, state, inHand, completed, failed, rssBytes, startedAt, leaseUntil } = row;
  const status = { id, rank, processId, pid, host, state, inHand, completed, failed, rssBytes, startedAt, leaseUntil };
  const isEarlier = (life: Life) =>
    life.host === host && life.processId === processId && life.startedAt < startedAt && life.startedAt >= runSince;
  const own = held.filter(({ instance }) => instance === id);
  return {
    ...status,
    restarts: lives.filter(isEarlier).length,
    held: own.map(({ videoId, attempt, claimedAt }, place) => ({
      videoId,
      attempt,
      claimedAt,
      step: config === undefined ? null : place < config.concurrency ? config.processor : "waiting",
    })),
  };
}
