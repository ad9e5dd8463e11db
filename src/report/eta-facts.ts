// What the estimate is made of, as the database has it: in one look at all videos, and some of their newest and last.
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import type { Millis, State } from "../video.js";
import { type Eta, estimate } from "./eta.js";
import type { DoneAttempt } from "./eta-model.js";
import type { Waiting } from "./eta-order.js";
import type { Backlog, Crowding } from "./eta-play.js";
import type { RunSoFar } from "./lives.js";
import { type EndedCounts, MINUTE_MS, QUARTER_MS } from "./rates.js";
import * as sql from "./statements.js";
import { type FailureGroup, type InstanceRow, readFailures, type StateCounts } from "./status.js";
import type { Switches } from "./switches.js";
import { type OverCount, readOver } from "./usage.js";

/** All videos as they stood at one moment. */
export interface Look {
  at: Millis;
  counts: StateCounts;
  ended: EndedCounts;
  backlog: Backlog;
  held: HeldRow[];
  /** Completed attempts, the oldest first: the newest thousand. */
  done: DoneRow[];
  /** What an attempt lasts on average that does not complete; null when all have. */
  uncompletedMs: Millis | null;
  failures: FailureGroup[];
  lastFailures: LastFailure[];
  over: OverCount[];
}

/** A video that has failed or was quarantined. */
export interface LastFailure {
  videoId: number;
  state: State;
  reason: string;
  at: Millis;
}

export interface HeldRow {
  videoId: number;
  attempt: number;
  instance: string;
  claimedAt: Millis;
  durationS: number;
}

interface DoneRow extends DoneAttempt {
  claimedAt: Millis;
}

/** How many of the backlog are looked at one by one: enough for the tail of a large pool. */
const LAST = 300;

export async function lookAtVideos(
  database: Database,
  { now, run, order }: { now: Millis; run: RunSoFar; order: Config["order"] },
): Promise<Look> {
  const [counted, { results: held }, { results: done }, { results: last }, ...others] = await Promise.all([
    database
      .prepare(sql.COUNT_ALL)
      .bind(now - MINUTE_MS, now - QUARTER_MS, run.since)
      .first<{ [name in keyof StateCounts | keyof EndedCounts | Known]: number | null }>(),
    database.prepare(sql.HELD_VIDEOS).all<HeldRow>(),
    database.prepare(database.pacing.chargesRows ? sql.LAST_COMPLETED_BY_ID : sql.LAST_COMPLETED).all<DoneRow>(),
    database.prepare(sql.LAST_TO_CLAIM[order]).bind(LAST).all<Waiting>(),
    database.prepare(sql.LAST_UNCOMPLETED).first<number | null>("meanMs"),
    readFailures(database, REASONS_SHOWN),
    database.prepare(sql.LAST_FAILURES).bind(FAILURES_SHOWN).all<LastFailure>(),
    readOver(database),
  ]);
  const [uncompletedMs, failures, { results: lastFailures }, over] = others;
  const of = (name: keyof StateCounts | keyof EndedCounts | Known) => counted?.[name] ?? 0;
  return {
    at: now,
    counts: {
      total: of("total"),
      pending: of("pending"),
      running: of("running"),
      completed: of("completed"),
      failed: of("failed"),
      quarantined: of("quarantined"),
      cancelled: of("cancelled"),
    },
    ended: { minute: of("minute"), quarter: of("quarter"), run: of("run") },
    backlog: {
      count: of("pending"),
      known: { count: of("knownCount"), sumS: of("knownSumS"), squareS: of("knownSquareS") },
      last: last.reverse(),
      backoffMs: Math.max(0, of("runAfter") - now),
    },
    held,
    done: done.sort((a, b) => a.claimedAt + a.workMs - b.claimedAt - b.workMs),
    uncompletedMs,
    failures,
    lastFailures,
    over,
  };
}

const REASONS_SHOWN = 5;
const FAILURES_SHOWN = 10;

type Known = "knownCount" | "knownSumS" | "knownSquareS" | "runAfter";

export interface Pool {
  now: Millis;
  live: InstanceRow[];
  run: RunSoFar;
  switches: Switches;
  config: Config | undefined;
  /** How long videos are claimed ahead of their start. */
  claimAheadMs: Millis;
}

/** Null when nobody knows: the pool is down or held for no known time, or no attempt has completed yet. */
export function estimateEnd(look: Look, pool: Pool): Eta | null {
  const { now, live, run, switches, config } = pool;
  if (switches.draining) return null;
  const stops = [switches.paused, switches.hold].filter((stop) => stop !== null);
  if (stops.some(({ until }) => until === null) && look.counts.pending > 0) return null;
  const claiming = live.filter(({ rank }) => rank !== null);
  const done = chooseDone(look.done, run);
  const ahead = claimsAhead(done, pool);
  const concurrency = seeConcurrency(look, { claiming, config, ahead });
  const { begun, waiting } = divide(look, { claiming, concurrency, ahead });
  const share = ahead ? shareOfWork(look, { done, run, slots: claiming.length * concurrency }) : 1;
  const newest = countNewest(done, run, claiming.length);
  return estimate({
    now,
    done: ahead ? done.map((one) => ({ ...one, workMs: one.workMs * share })) : done,
    newest,
    running: begun.map(({ claimedAt, durationS }) => ({ ageMs: ahead ? 0 : Math.max(0, now - claimedAt), durationS })),
    backlog: join(look.backlog, waiting),
    count: claiming.length,
    concurrency,
    sharding: config?.sharding ?? "modulo",
    crowding: seeCrowding(done.slice(-newest), run, claiming.length),
    retrying: seeRetries(look, run, config),
    claimsFrom: Math.max(now, ...stops.map(({ until }) => until ?? now)),
    timeoutMs: config?.timeoutMs ?? 0,
  });
}

/** With fewer of this run, those of earlier runs are heard as well, unless they say something else altogether. */
const ENOUGH = 30;
const FEW = 5;

function chooseDone(done: DoneRow[], run: RunSoFar): DoneRow[] {
  const own = done.filter(({ claimedAt }) => claimedAt >= run.since);
  if (own.length >= ENOUGH) return own;
  if (own.length < FEW) return done;
  const likeness = medianWork(own) / medianWork(done);
  return likeness > 0.5 && likeness < 2 ? done : own;
}

/** The pace of today is that of so many: a run may become slower or faster. */
const NEWEST = 400;

/** Of these alone, once there are enough that began since somebody has come or gone for the last time. */
function countNewest(done: DoneRow[], run: RunSoFar, count: number): number {
  const sinceChange = done.filter(({ claimedAt }) => claimedAt >= run.changedAt).length;
  return Math.min(sinceChange >= Math.max(ENOUGH, 5 * count) ? sinceChange : done.length, NEWEST);
}

const CHANCE = 0.3;

/** Whether the durations known are of a smaller pool than today's, or of a larger one. */
function seeCrowding(done: DoneRow[], run: RunSoFar, count: number): Crowding {
  let instances = 0;
  for (const { claimedAt, workMs } of done) {
    const middle = claimedAt + workMs / 2;
    const there = run.lives.filter((life) => life.startedAt <= middle && (life.goneAt ?? middle) >= middle);
    instances += Math.max(1, there.length);
  }
  const ratio = (count * done.length) / Math.max(1, instances);
  return { ratio, chance: Math.abs(ratio - 1) < 0.05 ? 0 : CHANCE };
}

/** Whether videos are claimed before they begin, so that their claims say nothing of when they began. */
function claimsAhead(done: DoneAttempt[], { config, claimAheadMs, live }: Pool): boolean {
  if (done.length === 0) return false;
  const side = config?.concurrency ?? Math.max(1, ...live.map(({ inHand }) => inHand));
  return medianWork(done) < claimAheadMs * 2 * Math.min(side, 8);
}

/** Where nothing is claimed ahead, what an instance has in hand is what it works on. */
function seeConcurrency(
  { held }: Look,
  { claiming, config, ahead }: { claiming: InstanceRow[]; config: Config | undefined; ahead: boolean },
): number {
  if (ahead) return config?.concurrency ?? 1;
  const hands = claiming.map(({ id }) => held.filter(({ instance }) => instance === id).length);
  const seen = Math.max(0, ...hands);
  return seen > 0 ? seen : (config?.concurrency ?? 1);
}

/** Attempts that have begun, and those that wait: claimed ahead, or in the hands of somebody who leaves. */
function divide(
  { held }: Look,
  { claiming, concurrency, ahead }: { claiming: InstanceRow[]; concurrency: number; ahead: boolean },
): { begun: HeldRow[]; waiting: HeldRow[] } {
  const begun: HeldRow[] = [];
  const waiting: HeldRow[] = [];
  const busy = new Map(claiming.map(({ id }) => [id, 0]));
  for (const one of held) {
    const before = busy.get(one.instance);
    if (before === undefined || (ahead && before >= concurrency)) waiting.push(one);
    else {
      busy.set(one.instance, before + 1);
      begun.push(one);
    }
  }
  return { begun, waiting };
}

function join(backlog: Backlog, waiting: HeldRow[]): Backlog {
  const durations = waiting.map(({ durationS }) => durationS);
  const known = durations.filter((durationS) => durationS > 0);
  const whole = backlog.last.length === backlog.count;
  return {
    ...backlog,
    count: backlog.count + waiting.length,
    known: {
      count: backlog.known.count + known.length,
      sumS: backlog.known.sumS + known.reduce((sum, one) => sum + one, 0),
      squareS: backlog.known.squareS + known.reduce((sum, one) => sum + one * one, 0),
    },
    last: whole ? [...waiting, ...backlog.last] : backlog.last,
  };
}

/** Between two short videos something is done as well; more than this is a pause. */
const MOST_BETWEEN = 1.2;

/** From claim to settlement a video that was claimed ahead mostly waits; instances know how long they have worked. */
function shareOfWork(look: Look, { done, run, slots }: { done: DoneRow[]; run: RunSoFar; slots: number }): number {
  const attempts = run.completed + run.retried + run.failed;
  const spanMs = done.reduce((sum, { workMs }) => sum + workMs, 0) / Math.max(1, done.length);
  // They have not said so yet: on average half of what is in hand is done before.
  if (attempts < FEW || spanMs <= 0) return Math.min(1, 2 / (1 + look.held.length / Math.max(1, slots)));
  const workMs = run.busyMs / attempts;
  const windowMs = Math.min(MINUTE_MS, look.at - run.since);
  const seenMs = look.ended.minute > ENOUGH ? (slots * windowMs) / look.ended.minute : workMs;
  return Math.min(1, (workMs * Math.min(MOST_BETWEEN, Math.max(1, seenMs / workMs))) / spanMs);
}

function seeRetries({ done, uncompletedMs }: Look, run: RunSoFar, config: Config | undefined) {
  const attempts = run.completed + run.retried + run.failed;
  const meanMs = done.reduce((sum, { workMs }) => sum + workMs, 0) / Math.max(1, done.length);
  return {
    again: attempts === 0 ? 0 : Math.min(0.9, run.retried / attempts),
    failed: attempts === 0 ? 0 : run.failed / attempts,
    length: meanMs > 0 && uncompletedMs !== null ? Math.min(3, uncompletedMs / meanMs) : 1,
    maxAttempts: config?.maxAttempts ?? 3,
  };
}

export function medianWork(done: DoneAttempt[]): Millis {
  const sorted = done.map(({ workMs }) => workMs).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
