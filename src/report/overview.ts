// All that a screen shows of the pool, in one value: for `hidb watch`, the dashboard and its event stream.
import { hostname } from "node:os";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import { readBudget } from "./box/box.js";
import { type PoolCosts, readCosts } from "./costs.js";
import type { Eta } from "./eta.js";
import {
  estimateEnd,
  type HeldRow,
  type LastFailure,
  type Look,
  lookAtVideos,
  medianWork,
  type Pool,
} from "./eta-facts.js";
import { countRestarts, type RunSoFar, readRunSoFar } from "./lives.js";
import { NO_RATES, type Rates, ratesOf } from "./rates.js";
import {
  type FailureGroup,
  type InstanceRow,
  type InstanceStatus,
  type IsDead,
  readInstances,
  type StateCounts,
  toStatus,
} from "./status.js";
import { readSwitches, type Switches } from "./switches.js";
import type { OverCount } from "./usage.js";

/** With what keeps the pool from claiming: `paused`, `hold`, `draining`, `halted`. */
export interface Overview extends Switches {
  at: Millis;
  /** When the videos were counted: where rows cost money that is not done each time. */
  countedAt: Millis;
  counts: StateCounts;
  rates: Rates;
  /** Null when that cannot be told: nobody works, or the pool is paused for no known time. */
  eta: Eta | null;
  /** Half of this run's completed attempts took longer. */
  medianMs: Millis | null;
  memory: { usedBytes: number; budgetBytes: number | null };
  d1: PoolCosts | null;
  instances: InstanceView[];
  /** Instances that have died without anybody having noticed yet, and the videos in their hands. */
  dead: { instances: number; inHand: number };
  failures: FailureGroup[];
  /** The newest first. */
  lastFailures: LastFailure[];
  over: OverCount[];
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
  /** What the whole pool may use; without it that of this host, if the pool is here. */
  budgetBytes?: number | null;
  /** Counts anew, however lately that was done: after a change of one's own. */
  fresh?: boolean;
}

export async function readOverview(database: Database, options: OverviewOptions): Promise<Overview> {
  const { now, isDead, config } = options;
  const [{ live, dead }, run, switches, d1] = await Promise.all([
    readInstances(database, { now, isDead }),
    readRunSoFar(database, now),
    readSwitches(database, now),
    config?.database === "d1" ? readCosts(database) : null,
  ]);
  const { look, counts } = await takeLook(database, { ...options, run });
  const own = look.done.filter(({ claimedAt }) => claimedAt >= run.since);
  return {
    at: now,
    countedAt: look.at,
    counts,
    ...switches,
    rates: live.length > 0 ? ratesOf(look.ended, { now: look.at, runSince: run.since }) : NO_RATES,
    eta: keepEstimate(database, look, { now, live, run, switches, config, claimAheadMs: database.pacing.claimAheadMs }),
    medianMs: own.length === 0 ? null : medianWork(own),
    memory: { usedBytes: live.reduce((sum, { rssBytes }) => sum + rssBytes, 0), budgetBytes: budgetOf(live, options) },
    d1,
    instances: live.map((row) => toView(row, { run, held: look.held, config })),
    dead: { instances: dead.length, inHand: dead.reduce((sum, { inHand }) => sum + inHand, 0) },
    failures: look.failures,
    lastFailures: look.lastFailures,
    over: look.over,
  };
}

interface Kept {
  look: Look;
  run: RunSoFar;
}

const LOOKS = new WeakMap<Database, Kept>();

/** The last look, if it is not too old: instances tell what they have done since. */
async function takeLook(
  database: Database,
  { now, run, config, fresh = false }: OverviewOptions & { run: RunSoFar },
): Promise<{ look: Look; counts: StateCounts }> {
  const kept = LOOKS.get(database);
  if (kept !== undefined && !fresh && kept.run.since === run.since && now >= kept.look.at) {
    if (now - kept.look.at < database.pacing.keepMs(kept.look.counts.total)) {
      return { look: kept.look, counts: addSince(kept, run) };
    }
  }
  const look = await lookAtVideos(database, { now, run, order: config?.order ?? "id" });
  LOOKS.set(database, { look, run });
  return { look, counts: look.counts };
}

function addSince({ look: { counts }, run: before }: Kept, run: RunSoFar): StateCounts {
  const open = counts.pending + counts.running;
  const completed = Math.max(0, Math.min(open, run.completed - before.completed));
  const failed = Math.max(0, Math.min(open - completed, run.failed - before.failed));
  const running = Math.min(counts.running, open - completed - failed);
  return {
    ...counts,
    completed: counts.completed + completed,
    failed: counts.failed + failed,
    running,
    pending: open - completed - failed - running,
  };
}

interface KeptEstimate {
  key: string;
  look: Look;
  eta: Eta | null;
}

const ESTIMATES = new WeakMap<Database, KeptEstimate>();

/** An estimate costs 10 ms of an instance's time. */
const ESTIMATE_MS = 3000;
/** With fewer than these each one that ends is news, and an estimate is cheap. */
const FEW_OPEN = 50;

/** It is a moment, so it stays true for a while, unless the pool has changed. */
function keepEstimate(database: Database, look: Look, pool: Pool): Eta | null {
  const { paused, hold, draining } = pool.switches;
  const ranks = pool.live.filter(({ rank }) => rank !== null).map(({ id }) => id);
  const key = JSON.stringify([ranks, paused, hold, draining]);
  const kept = ESTIMATES.get(database);
  const many = look.counts.pending + look.counts.running > FEW_OPEN;
  const age = look.at - (kept?.look.at ?? 0);
  if (kept?.key === key && (kept.look === look || (many && age >= 0 && age < ESTIMATE_MS))) return kept.eta;
  const eta = estimateEnd(look, pool);
  ESTIMATES.set(database, { key, look, eta });
  return eta;
}

function budgetOf(live: InstanceRow[], { budgetBytes, config }: OverviewOptions): number | null {
  if (budgetBytes !== undefined) return budgetBytes;
  const here = hostname();
  return config !== undefined && live.every(({ host }) => host === here) ? readBudget(config).bytes : null;
}

interface Around {
  run: RunSoFar;
  held: HeldRow[];
  config: Config | undefined;
}

function toView(row: InstanceRow, { run, held, config }: Around): InstanceView {
  const own = held.filter(({ instance }) => instance === row.id);
  const step = (place: number) => (config && place >= config.concurrency ? "waiting" : (config?.processor ?? null));
  return {
    ...toStatus(row),
    restarts: countRestarts(run, row),
    held: own.map(({ videoId, attempt, claimedAt }, place) => ({ videoId, attempt, claimedAt, step: step(place) })),
  };
}
