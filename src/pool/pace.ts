// How many videos an instance should have in hand: what it runs, and ahead of that only what it will soon run.
import type { Millis } from "../video.js";

/** Claims are fetched ahead for this long at most, so that the tail of a run is not held by one instance. */
const AHEAD_MS = 100;
/** From a distant database each claim is a journey, of which the whole pool has few. */
const DISTANT_AHEAD_MS = 30_000;
/** Weight of the newest duration in the running mean. */
const NEWEST = 0.1;

export class Pace {
  readonly #concurrency: number;
  readonly #claimCount: number;
  readonly #aheadMs: Millis;
  #meanMs: Millis = Number.POSITIVE_INFINITY;

  constructor({ concurrency, claimCount, distant }: { concurrency: number; claimCount: number; distant: boolean }) {
    this.#concurrency = concurrency;
    this.#claimCount = claimCount;
    this.#aheadMs = distant ? DISTANT_AHEAD_MS : AHEAD_MS;
  }

  note(durMs: Millis): void {
    this.#meanMs = Number.isFinite(this.#meanMs) ? this.#meanMs + NEWEST * (durMs - this.#meanMs) : durMs;
  }

  /** Videos to have in hand, the running ones included; before the first has finished, just those that run at once. */
  get wanted(): number {
    const ahead = Math.floor((this.#aheadMs / this.#meanMs) * this.#concurrency);
    return Math.max(this.#concurrency, Math.min(this.#claimCount, this.#concurrency + ahead));
  }
}
