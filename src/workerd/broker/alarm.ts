// Rings at each of many moments, with one timer.
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  readonly #moments = new Set<Millis>();
  #timer: { at: Millis; over: AbortController } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  set(at: Millis): void {
    this.#moments.add(at);
    if (this.#timer === undefined || at < this.#timer.at) this.#arm(at);
  }

  stop(): void {
    this.#moments.clear();
    this.#timer?.over.abort();
  }

  #arm(at: Millis): void {
    this.#timer?.over.abort();
    const over = new AbortController();
    this.#timer = { at, over };
    void this.#clock.sleep(Math.max(0, at - this.#clock.now()), over.signal).then(() => {
      if (!over.signal.aborted) this.#goOff();
    });
  }

  #goOff(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const moment of this.#moments) {
      if (moment <= now) this.#moments.delete(moment);
      else next = Math.min(next, moment);
    }
    this.#ring();
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
  }
}
