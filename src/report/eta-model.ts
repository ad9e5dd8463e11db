// How long a video takes, estimated from those that are done: a constant part, a part for each second of the video, and how
// far single videos deviate.
import type { Millis } from "../video.js";
import type { Random } from "./eta-random.js";

export interface DoneAttempt {
  workMs: Millis;
  /** 0 when it is not known. */
  durationS: number;
}

/** How long a video takes: a constant, a factor for each of its seconds, and the time of one of unknown duration. */
export interface DurationLine {
  base: Millis;
  perSecond: number;
  blind: Millis;
}

export interface WorkModel {
  /** One of the lines that may be the true one, for the next so many videos. */
  draw(random: Random, ahead: number): DurationLine;
  /** The likeliest line. */
  line: DurationLine;
  /** Work of single videos over what is expected of them, ascending; 1 on average. */
  ratios: Float64Array;
  /** Mean of the squared ratios. */
  square: number;
}

/** Fewer attempts do not show how much they differ. */
const FEW = 20;
const LEAST_SPREAD = 0.3;
/** No run is quite steady, and a short one does not show it yet: so much, over the root of how many are known. */
const UNSTEADY = 0.4;

/** The newest are as many of `done`, its last ones, as tell the pace of today. */
export function fitWork(done: DoneAttempt[], newest = done.length): WorkModel | null {
  if (done.length === 0) return null;
  const fit = fitLine(done);
  const ratiosOf = (attempts: DoneAttempt[]) => attempts.map((one) => one.workMs / expectedOf(fit.line, one.durationS));
  const inOrder = ratiosOf(done);
  const level = meanOf(inOrder.slice(-newest));
  const ratios = Float64Array.from(inOrder.slice(-newest), (ratio) => ratio / level).sort();
  const square = meanOf(ratios.map((ratio) => ratio * ratio));
  const spread = Math.max(Math.sqrt(Math.max(0, square - 1)), newest < FEW ? LEAST_SPREAD : 0);
  const wander = wanderOf(inOrder, spread);
  return {
    draw(random, ahead) {
      const error = Math.sqrt((spread ** 2 + UNSTEADY ** 2) / newest + wander.over(newest) + wander.over(ahead));
      const pace = level * Math.exp(error * random.normal());
      const tilt = fit.tilt * random.normal();
      const { base, perSecond, blind } = fit.line;
      // What is added to the one is taken from the other, so that for the videos seen so far all stays as it is.
      const base2 = Math.max(0, base + tilt);
      const perSecond2 = Math.max(0, perSecond - (base2 - base) * fit.meanX);
      return { base: pace * base2, perSecond: pace * perSecond2, blind: pace * blind };
    },
    line: fit.line,
    ratios,
    square,
  };
}

export function expectedOf({ base, perSecond, blind }: DurationLine, durationS: number): Millis {
  return Math.max(0.001, durationS > 0 ? base + perSecond * durationS : blind);
}

interface Fit {
  line: DurationLine;
  /** Standard error of the base. */
  tilt: Millis;
  /** Mean of one over the seconds. */
  meanX: number;
}

/**
 * Least squares of work over duration, each video with the same weight however long it is: videos differ in proportion.
 * Neither part may be negative.
 */
function fitLine(done: DoneAttempt[]): Fit {
  const known = done.filter(({ durationS }) => durationS > 0);
  const unknown = done.filter(({ durationS }) => durationS <= 0);
  // Of a video without a duration the mean is expected: of its like, if there are any.
  const blind = meanOf((unknown.length >= FEW || known.length === 0 ? unknown : done).map(({ workMs }) => workMs));
  if (known.length === 0) return { line: { base: blind, perSecond: 0, blind }, tilt: 0, meanX: 0 };
  const x = known.map(({ durationS }) => 1 / durationS);
  const y = known.map(({ workMs, durationS }) => workMs / durationS);
  const [meanX, meanY] = [meanOf(x), meanOf(y)];
  const proportional = { base: 0, perSecond: meanY, blind };
  const spreadX = meanOf(x.map((one) => (one - meanX) ** 2));
  if (known.length < FEW || spreadX === 0) return { line: proportional, tilt: 0, meanX };
  const slope = meanOf(x.map((one, at) => (one - meanX) * ((y[at] as number) - meanY))) / spreadX;
  const base = Math.min(Math.max(0, slope), meanY / meanX);
  const perSecond = Math.max(0, meanY - base * meanX);
  const left = meanOf(x.map((one, at) => ((y[at] as number) - perSecond - base * one) ** 2));
  return { line: { base, perSecond, blind }, tilt: Math.sqrt(left / spreadX / known.length), meanX };
}

interface Wander {
  /** Variance of the mean pace over so many videos, beyond what single videos differ by. */
  over(count: number): number;
}

const BATCHES = 10;

/** Neighbouring attempts resemble one another, as in slow hours: they then carry less information than their number. */
function wanderOf(inOrder: number[], spread: number): Wander {
  const size = Math.floor(inOrder.length / BATCHES);
  if (size < 5) return { over: () => 0 };
  const first = inOrder.length - size * BATCHES;
  const means = Array.from({ length: BATCHES }, (_, at) =>
    meanOf(inOrder.slice(first + at * size, first + (at + 1) * size)),
  );
  const level = meanOf(means);
  const variance = means.reduce((sum, one) => sum + (one / level - 1) ** 2, 0) / (BATCHES - 1);
  const beyond = Math.max(0, variance - spread ** 2 / size);
  return { over: (count) => beyond * Math.min(2, Math.sqrt(size / Math.max(1, count))) };
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] as number;
  return sum / Math.max(1, values.length);
}
