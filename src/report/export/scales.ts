// Where the bars of a chart begin and end.
import type { Millis } from "../../video.js";

const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const STEPS: Millis[] = [
  ...[1, 2, 5, 10, 15, 20, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 20, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
];

/** The smallest step of a clock or a calendar that covers the span in at most so many. */
export function timeStep(span: Millis, most: number): Millis {
  return STEPS.find((step) => span / step <= most) ?? Math.ceil(span / most / DAY) * DAY;
}

/** 1, 2 or 5 times a power of ten, at least this. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  return (([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10) as number) * power;
}

export interface Bin {
  from: Millis;
  /** Infinity for the last one: what is longer still. */
  to: Millis;
  count: number;
}

const BINS = 30;
const LOG_FACTORS = [1, 1.5, 2, 3, 5, 7];

/** Equal steps; where the durations lie decades apart, steps that grow. `sorted` ascends. */
export function makeBins(sorted: ArrayLike<Millis>): Bin[] {
  if (sorted.length === 0) return [];
  const low = Math.max(1, quantile(sorted, 0.02));
  const high = Math.max(1, quantile(sorted, 0.995));
  const edges = high / low > 50 ? growingEdges(low, high) : equalEdges(sorted[0] ?? 0, high);
  const bins = edges.map((from, at) => ({ from, to: edges[at + 1] ?? Number.POSITIVE_INFINITY, count: 0 }));
  let at = 0;
  for (let n = 0; n < sorted.length; n++) {
    const value = sorted[n] ?? 0;
    while (at < bins.length - 1 && value >= (bins[at]?.to ?? 0)) at++;
    const bin = bins[at];
    if (bin !== undefined) bin.count++;
  }
  return bins.at(-1)?.count === 0 ? bins.slice(0, -1) : bins;
}

function equalEdges(low: Millis, high: Millis): Millis[] {
  const least = (high - low) / BINS;
  const step = least < SECOND / 2 ? niceStep(Math.max(1, least)) : timeStep(high - low, BINS);
  const first = low > 10 * step ? Math.floor(low / step) * step : 0;
  return Array.from({ length: Math.floor((high - first) / step) + 2 }, (_, at) => first + at * step);
}

function growingEdges(low: Millis, high: Millis): Millis[] {
  const edges = [0];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    edges.push(...LOG_FACTORS.map((factor) => factor * power).filter((edge) => edge > low && edge <= high));
  }
  return [...edges, (edges.at(-1) ?? 1) * 1.5];
}

/** Of an ascending list; 0 of an empty one. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
