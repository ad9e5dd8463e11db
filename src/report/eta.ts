// When the run will be over, as a band: the remaining work is simulated some hundred times with durations like those of
// this run, and the band is taken from the ends.
import type { Millis } from "../video.js";
import { type DoneAttempt, expectedOf, fitWork } from "./eta-model.js";
import { orderOfClaims } from "./eta-order.js";
import { type Backlog, type Crowding, play, type Retrying, type RunningVideo } from "./eta-play.js";
import { seededRandom } from "./eta-random.js";

/** Moments: in half of the cases it is over by `p50`, in nine of ten by `p90`, in nine of ten between `low` and `high`. */
export interface Eta {
  p50: Millis;
  p90: Millis;
  low: Millis;
  high: Millis;
}

export interface EtaFacts {
  now: Millis;
  /** Completed attempts, the oldest first. */
  done: DoneAttempt[];
  /** How many of them, from the newest on, show the present pace; all of them when missing. */
  newest?: number;
  /** Attempts under way, by their ages. */
  running: RunningVideo[];
  backlog: Backlog;
  /** Instances that claim, and how many videos each of them processes side by side. */
  count: number;
  concurrency: number;
  /** How videos are shared out; `modulo` when missing. */
  sharding?: "modulo" | "strict" | "ranges" | "none";
  crowding?: Crowding;
  retrying: Retrying;
  /** Nothing is claimed before then: a pause or a hold that ends by itself. */
  claimsFrom?: Millis;
  /** An attempt lasts no longer; 0 for no limit. */
  timeoutMs?: Millis;
}

/** A large pool takes longer to simulate and varies less. */
const PLAYS = 256;
const SLOTS_PLAYED = 20_000;

/** Null when no instance works, or no duration of a video is known. */
export function estimate(facts: EtaFacts): Eta | null {
  const { now, done, running, backlog, count, concurrency, sharding = "modulo", timeoutMs = 0 } = facts;
  if (running.length + backlog.count === 0) return { p50: now, p90: now, low: now, high: now };
  const model = fitWork(done, facts.newest);
  if (model === null || count < 1) return null;
  const random = seededRandom(SEED);
  const expect = (durationS: number) => expectedOf(model.line, durationS);
  const last = sharding === "modulo" ? orderOfClaims(backlog.last, { count, concurrency, expect }) : backlog.last;
  const what = {
    model,
    running,
    backlog: { ...backlog, last },
    retrying: facts.retrying,
    crowding: facts.crowding ?? { ratio: 1, chance: 0 },
    timeoutMs,
    idleMs: Math.max(0, (facts.claimsFrom ?? now) - now),
    slots: count * concurrency,
    shards: sharding === "strict" ? count : 1,
  };
  const plays = Math.max(32, Math.min(PLAYS, Math.floor(SLOTS_PLAYED / what.slots)));
  const ends = Float64Array.from({ length: plays }, () => play(what, random)).sort();
  const at = (share: number) => Math.round(now + (ends[Math.min(plays - 1, Math.floor(share * plays))] as number));
  return { p50: at(0.5), p90: at(0.9), low: at(0.05), high: at(0.95) };
}

/** A constant seed, so that the band does not change while nothing happens. */
const SEED = 2376;
