// One simulation of the rest of a run. What is claimed soon is a sum, given by its mean and variance; the end of the
// backlog is simulated video by video, since the order matters there.
import type { Millis } from "../video.js";
import { type DurationLine, expectedOf, type WorkModel } from "./eta-model.js";
import { shardOf, type Waiting } from "./eta-order.js";
import type { Random } from "./eta-random.js";

export interface RunningVideo {
  ageMs: Millis;
  /** 0 when it is not known. */
  durationS: number;
}

/** Videos that have not started. */
export interface Backlog {
  count: number;
  /** Of those with a known duration: how many, and the sums of their seconds and of the squares of these. */
  known: { count: number; sumS: number; squareS: number };
  /** Those that will be claimed last, in that order; all of them when they are few. */
  last: Waiting[];
  /** The last moment at which a video comes back from its backoff, from now on. */
  backoffMs: Millis;
}

/** How attempts end that do not complete: shares of all attempts, and what such an attempt lasts against another. */
export interface Retrying {
  again: number;
  failed: number;
  length: number;
  maxAttempts: number;
}

/**
 * More instances on the same cores may make each of them slower. With this probability a simulation assumes that the gain
 * of their number is lost in part or in whole.
 */
export interface Crowding {
  /** Instances now over those that the known durations are of. */
  ratio: number;
  chance: number;
}

export interface Play {
  model: WorkModel;
  running: RunningVideo[];
  backlog: Backlog;
  retrying: Retrying;
  timeoutMs: Millis;
  /** So long nothing is claimed. */
  idleMs: Millis;
  slots: number;
  /** Parts of the pool that do not steal from one another. */
  shards: number;
  crowding: Crowding;
}

/** Milliseconds until the last video has ended. */
export function play(what: Play, random: Random): Millis {
  const { running, backlog, slots, shards, idleMs } = what;
  const draw = new Draw(what, drawLine(what, random), random);
  const free = running.map((one) => draw.remaining(one));
  let end = Math.max(0, ...free);
  if (backlog.count === 0) return end;
  // Attempts beyond the slots of the claiming instances belong to instances that leave.
  free.sort((a, b) => a - b);
  free.length = Math.min(free.length, slots);
  while (free.length < slots) free.unshift(0);
  const ready = free.map((at) => Math.max(at, idleMs));
  for (let shard = 0; shard < shards; shard++) {
    const own = Float64Array.from(ready.filter((_, slot) => slot % shards === shard)).sort();
    level(own, draw.bulk(backlog, shards));
    for (const { videoId, durationS } of backlog.last) {
      if (shards > 1 && shardOf(videoId, shards) !== shard) continue;
      const finish = (own[0] as number) + draw.work(durationS);
      end = Math.max(end, finish);
      replaceFirst(own, finish);
    }
    end = Math.max(end, own[0] as number);
  }
  return backlog.backoffMs > 0 ? Math.max(end, backlog.backoffMs + draw.work(0)) : end;
}

function drawLine({ model, backlog, running, crowding }: Play, random: Random): DurationLine {
  const line = model.draw(random, backlog.count + running.length);
  if (random.uniform() >= crowding.chance) return line;
  const pace = 1 + Math.sqrt(random.uniform()) * (crowding.ratio - 1);
  return { base: line.base * pace, perSecond: line.perSecond * pace, blind: line.blind * pace };
}

class Draw {
  readonly #what: Play;
  readonly #line: DurationLine;
  readonly #random: Random;

  constructor(what: Play, line: DurationLine, random: Random) {
    this.#what = what;
    this.#line = line;
    this.#random = random;
  }

  /** All attempts at one video. */
  work(durationS: number): Millis {
    const { retrying } = this.#what;
    const expected = expectedOf(this.#line, durationS);
    let sum = 0;
    for (let attempt = 1; ; attempt++) {
      const one = this.#bounded(expected * this.#ratioFrom(0));
      const odds = this.#random.uniform();
      if (odds < retrying.again && attempt < retrying.maxAttempts) sum += one * retrying.length;
      else return sum + (odds < retrying.again + retrying.failed ? one * retrying.length : one);
    }
  }

  /** What is left of an attempt that has lasted so long already. */
  remaining({ ageMs, durationS }: RunningVideo): Millis {
    const { ratios } = this.#what.model;
    const expected = expectedOf(this.#line, durationS);
    const above = firstAbove(ratios, ageMs / expected);
    // Older than any that has ended: the longer it has lasted, the longer it may last.
    const whole =
      above < ratios.length
        ? expected * this.#ratioFrom(above)
        : ageMs * (1 - OLDER * Math.log(1 - this.#random.uniform()));
    return Math.max(0, this.#bounded(whole) - ageMs);
  }

  /** The work of all that is claimed before the last ones. */
  bulk({ count, known, last }: Backlog, shards: number): Millis {
    const many = count - last.length;
    if (many <= 0) return 0;
    const { model, retrying } = this.#what;
    let [knownCount, sumS, squareS] = [known.count, known.sumS, known.squareS];
    for (const { durationS } of last) {
      if (durationS <= 0) continue;
      knownCount--;
      sumS -= durationS;
      squareS -= durationS * durationS;
    }
    const blindCount = Math.max(0, many - knownCount);
    const { base, perSecond, blind } = this.#line;
    const mean = blindCount * blind + knownCount * base + perSecond * sumS;
    const squares =
      blindCount * blind ** 2 + knownCount * base ** 2 + 2 * base * perSecond * sumS + perSecond ** 2 * squareS;
    const more = 1 + (retrying.length * retrying.again) / Math.max(0.1, 1 - retrying.again);
    const factor = more + retrying.failed * (retrying.length - 1);
    const deviation = Math.sqrt(Math.max(0, squares * (model.square - 1)) / shards) * factor;
    return Math.max(0, (mean * factor) / shards + deviation * this.#random.normal());
  }

  #ratioFrom(first: number): number {
    const { ratios } = this.#what.model;
    return ratios[first + Math.floor(this.#random.uniform() * (ratios.length - first))] as number;
  }

  #bounded(workMs: Millis): Millis {
    const { timeoutMs } = this.#what;
    return timeoutMs > 0 ? Math.min(workMs, timeoutMs) : workMs;
  }
}

const OLDER = 0.5;

/** Fills slots up to one level, as much as the work fills. `free` ascends. */
function level(free: Float64Array, work: Millis): void {
  if (work <= 0) return;
  let height = free[0] as number;
  let left = work;
  let wide = 1;
  for (; wide < free.length; wide++) {
    const step = (free[wide] as number) - height;
    if (step * wide >= left) break;
    left -= step * wide;
    height = free[wide] as number;
  }
  free.fill(height + left / wide, 0, wide);
}

/** The first of an ascending list gives way to a later one. */
function replaceFirst(list: Float64Array, later: number): void {
  let at = 0;
  // A pool is small as a rule, and a call costs more than some steps.
  if (list.length > 64) {
    at = Math.max(0, firstAbove(list, later) - 1);
    list.copyWithin(0, 1, at + 1);
  } else {
    for (; at + 1 < list.length && (list[at + 1] as number) < later; at++) list[at] = list[at + 1] as number;
  }
  list[at] = later;
}

function firstAbove(ascending: Float64Array, bound: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}
