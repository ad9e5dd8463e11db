// How fast the pool goes: videos that came to an end per second, over a minute, a quarter of an hour and the whole run.
import type { Millis } from "../video.js";

export interface Rates {
  /** Videos a second; null when none has ended in that time, or nobody works. */
  minute: number | null;
  quarter: number | null;
  run: number | null;
}

export const NO_RATES: Rates = { minute: null, quarter: null, run: null };

/** How many came to an end since each of these moments. */
export interface EndedCounts {
  minute: number;
  quarter: number;
  run: number;
}

export const MINUTE_MS = 60_000;
export const QUARTER_MS = 15 * MINUTE_MS;

/** A window never begins before the run did: what was not there yet has not been slow. */
export function ratesOf(ended: EndedCounts, { now, runSince }: { now: Millis; runSince: Millis }): Rates {
  return {
    minute: rateOf(ended.minute, now - Math.max(now - MINUTE_MS, runSince)),
    quarter: rateOf(ended.quarter, now - Math.max(now - QUARTER_MS, runSince)),
    run: rateOf(ended.run, now - runSince),
  };
}

function rateOf(ended: number, spanMs: Millis): number | null {
  return ended > 0 && spanMs > 0 ? ended / (spanMs / 1000) : null;
}
