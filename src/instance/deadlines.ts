// Time-outs of attempts. All have the same length and begin in order, so one timer for the oldest serves them all.
import type { Clock, Timer } from "../clock.js";
import type { Millis } from "../video.js";

/** Node takes a longer one for 1 ms; the sweep arms the rest. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface Overdue {
  readonly ageMs: Millis;
  stop(reason: "timeout"): void;
}

export class Deadlines {
  readonly timeoutMs: Millis;
  readonly #clock: Pick<Clock, "timer">;
  readonly #running = new Set<Overdue>();
  #timer: Timer | undefined;

  /** `timeoutMs` 0: no attempt is ever overdue. */
  constructor(timeoutMs: Millis, clock: Pick<Clock, "timer">) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  add(attempt: Overdue): void {
    if (this.timeoutMs === 0) return;
    this.#running.add(attempt);
    this.#timer ??= this.#arm(this.timeoutMs);
  }

  delete(attempt: Overdue): void {
    this.#running.delete(attempt);
  }

  #arm(ms: Millis): Timer {
    return this.#clock.timer(Math.min(Math.max(1, ms), LONGEST_TIMER_MS), () => this.#sweep()).unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    for (const attempt of this.#running) {
      const left = this.timeoutMs - attempt.ageMs;
      if (left > 0) {
        this.#timer = this.#arm(left);
        return;
      }
      this.#running.delete(attempt);
      attempt.stop("timeout");
    }
  }
}
