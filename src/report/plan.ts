// What any number of instances would mean: when it is done, whether it fits, what D1 would count.
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import { readBudget } from "./box/box.js";
import { type PoolCosts, readCosts } from "./costs.js";
import { type EtaFacts, estimate } from "./eta.js";
import { type Look, lookAtVideos } from "./eta-facts.js";
import { type RunSoFar, readRunSoFar } from "./lives.js";
import { estimateD1 } from "./plan-d1.js";
import { readInstances } from "./status.js";

export interface PlanRow {
  instances: number;
  /** Seconds from now on: with even odds it is over by then, in nine of ten cases by `p90S`. */
  p50S: number;
  p90S: number;
  /** How many times as fast as one instance. */
  speedUp: number;
  memoryBytes: number;
  fits: boolean;
  d1Requests: number;
  /** US dollars beyond what the Workers Paid plan includes. */
  dollars: number;
}

export interface PoolPlan {
  videos: number;
  /** Null when nothing is known of how long a video takes: then there are no rows. */
  secondsPerVideo: number | null;
  basis: "given" | "measured" | "unknown";
  /** Videos that `basis` goes by. */
  measured: number;
  memoryPerInstanceBytes: number;
  /** What a live instance takes on average, its children included; null when none lives. */
  measuredInstanceBytes: number | null;
  budgetBytes: number;
  budgetFrom: string;
  rows: PlanRow[];
}

type PlanConfig = Pick<Config, "concurrency" | "instanceMemoryMb" | "memoryMb" | "order" | "sharding" | "maxAttempts">;

export interface PlanOptions {
  config: PlanConfig;
  now: Millis;
  /** 1 to 8 without. */
  counts?: readonly number[] | undefined;
  secondsPerVideo?: number | undefined;
  videos?: number | undefined;
  memoryPerInstanceMb?: number | undefined;
  budgetMb?: number | undefined;
}

export const COUNTS = [1, 2, 3, 4, 5, 6, 7, 8] as const;
const MB = 1048576;

/** Plans what is left, from what this database has seen or from what was given in its place. */
export async function readPlan(database: Database, options: PlanOptions): Promise<PoolPlan> {
  const { now, config } = options;
  const run = await readRunSoFar(database, now);
  const [look, { live }, costs] = await Promise.all([
    lookAtVideos(database, { now, run, order: config.order }),
    readInstances(database, { now, isDead: () => false }),
    database.pacing.chargesRows ? readCosts(database) : undefined,
  ]);
  const beating = live.filter(({ leaseUntil, rssBytes }) => leaseUntil >= now && rssBytes > 0);
  const measuredInstanceBytes =
    beating.length === 0 ? null : beating.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / beating.length;
  const videos = options.videos ?? look.counts.pending + look.counts.running;
  if (options.secondsPerVideo !== undefined) return { ...planGiven(videos, options), measuredInstanceBytes };
  const facts = factsOf(look, { run, config, now, videos });
  const costsPerVideo = costs === undefined ? undefined : { costs, completed: run.completed };
  const rows = planRows(videos, options, (count) => finish(facts, count), costsPerVideo);
  const meanMs = facts.done.reduce((sum, { workMs }) => sum + workMs, 0) / Math.max(1, facts.done.length);
  const known = facts.done.length > 0;
  return {
    videos,
    secondsPerVideo: known ? meanMs / 1000 : null,
    basis: known ? "measured" : "unknown",
    measured: facts.done.length,
    measuredInstanceBytes,
    ...boxOf(options),
    rows,
  };
}

/** Plans videos that each take exactly so long; no database has to know of them. */
export function planGiven(videos: number, options: PlanOptions): PoolPlan {
  const seconds = options.secondsPerVideo ?? 0;
  const { concurrency } = options.config;
  const takes = (count: number) => {
    const rounds = Math.ceil(videos / (count * concurrency));
    return { p50S: rounds * seconds, p90S: rounds * seconds };
  };
  return {
    videos,
    secondsPerVideo: seconds,
    basis: "given",
    measured: 0,
    measuredInstanceBytes: null,
    ...boxOf(options),
    rows: planRows(videos, options, takes),
  };
}

function boxOf({ config, memoryPerInstanceMb, budgetMb }: PlanOptions) {
  const budget = readBudget(config);
  return {
    memoryPerInstanceBytes: (memoryPerInstanceMb ?? config.instanceMemoryMb) * MB,
    budgetBytes: budgetMb === undefined ? budget.bytes : budgetMb * MB,
    budgetFrom: budgetMb === undefined ? budget.from : "given",
  };
}

interface Finish {
  p50S: number;
  p90S: number;
}

interface MeasuredCosts {
  costs: PoolCosts;
  completed: number;
}

function planRows(
  videos: number,
  options: PlanOptions,
  takes: (count: number) => Finish | null,
  measured?: MeasuredCosts,
): PlanRow[] {
  const alone = videos === 0 ? null : takes(1);
  if (alone === null) return [];
  const { memoryPerInstanceBytes, budgetBytes } = boxOf(options);
  return (options.counts ?? COUNTS).flatMap((instances) => {
    const finished = takes(instances);
    if (finished === null) return [];
    const memoryBytes = instances * memoryPerInstanceBytes;
    const seconds = finished.p50S;
    return [
      {
        instances,
        ...finished,
        speedUp: seconds > 0 ? alone.p50S / seconds : 1,
        memoryBytes,
        fits: memoryBytes <= budgetBytes,
        ...estimateD1({ videos, instances, seconds, perVideoS: alone.p50S / videos, measured }),
      },
    ];
  });
}

function finish(facts: EtaFacts, count: number): Finish | null {
  const eta = estimate({ ...facts, count });
  return eta === null ? null : { p50S: (eta.p50 - facts.now) / 1000, p90S: (eta.p90 - facts.now) / 1000 };
}

/** With fewer of this run, those of earlier runs are heard as well. */
const ENOUGH = 30;

interface Known {
  run: RunSoFar;
  config: PlanConfig;
  now: Millis;
  videos: number;
}

/** As if all that is open began now: whoever changes the number of instances begins anew. */
function factsOf(look: Look, { run, config, now, videos }: Known): EtaFacts {
  const own = look.done.filter(({ claimedAt }) => claimedAt >= run.since);
  const chosen = own.length >= ENOUGH ? own : look.done;
  const share = shareOfWork(chosen, run);
  const done = chosen.map(({ workMs, durationS }) => ({ workMs: workMs * share, durationS }));
  const attempts = run.completed + run.retried + run.failed;
  return {
    now,
    done,
    running: [],
    backlog: backlogOf(look, videos),
    count: 1,
    concurrency: config.concurrency,
    sharding: config.sharding,
    retrying: {
      again: attempts === 0 ? 0 : Math.min(0.9, run.retried / attempts),
      failed: attempts === 0 ? 0 : run.failed / attempts,
      length: 1,
      maxAttempts: config.maxAttempts,
    },
  };
}

function backlogOf({ backlog, held }: Look, videos: number): EtaFacts["backlog"] {
  const open = backlog.count + held.length;
  const known = held.filter(({ durationS }) => durationS > 0);
  const whole = {
    count: open,
    known: {
      count: backlog.known.count + known.length,
      sumS: backlog.known.sumS + known.reduce((sum, { durationS }) => sum + durationS, 0),
      squareS: backlog.known.squareS + known.reduce((sum, { durationS }) => sum + durationS ** 2, 0),
    },
    last: backlog.last.length === backlog.count ? [...held, ...backlog.last] : backlog.last,
    backoffMs: backlog.backoffMs,
  };
  // Another number of videos was given: of these nobody knows anything but how many they are.
  return videos === open ? whole : { count: videos, known: { count: 0, sumS: 0, squareS: 0 }, last: [], backoffMs: 0 };
}

/** Videos claimed ahead wait between claim and settlement; instances know how long they have worked. */
function shareOfWork(done: { workMs: Millis }[], run: RunSoFar): number {
  const attempts = run.completed + run.retried + run.failed;
  const spanMs = done.reduce((sum, { workMs }) => sum + workMs, 0) / Math.max(1, done.length);
  return attempts < ENOUGH || spanMs <= 0 ? 1 : Math.min(1, run.busyMs / attempts / spanMs);
}
