// How many videos an instance should have in hand: what it runs, and ahead of that only what it will soon run.
import type { Millis } from "../video.js";

/** Weight of the newest duration in the running mean. */
const NEWEST = 0.1;

interface PaceOptions {
  concurrency: number;
  claimCount: number;
  /** How long videos are claimed ahead of their start. */
  aheadMs: Millis;
}

export class Pace {
  readonly #options: PaceOptions;
  #meanMs: Millis = Number.POSITIVE_INFINITY;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  note(durMs: Millis): void {
    this.#meanMs = Number.isFinite(this.#meanMs) ? this.#meanMs + NEWEST * (durMs - this.#meanMs) : durMs;
  }

  /** Videos to have in hand, the running ones included; before the first has finished, just those that run at once. */
  get wanted(): number {
    const { concurrency, claimCount, aheadMs } = this.#options;
    const ahead = Math.floor((aheadMs / this.#meanMs) * concurrency);
    return Math.max(concurrency, Math.min(claimCount, concurrency + ahead));
  }
}
