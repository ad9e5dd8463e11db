// When an instance searches for the dead, and whom it excuses: after a break in its own contact with the database, or a step
// of its clock, the leases of other hosts seem to have run out.
import type { Clock } from "../clock.js";
import type { Millis } from "../video.js";
import { endFarWaits } from "./ahead.js";
import type { Instance } from "./membership.js";
import { type Reclaimed, reclaimVideos } from "./reclaim.js";

export interface SearchOptions {
  maxAttempts: number;
  /** How long to wait between two searches for orphans, and before the first. */
  orphansEveryMs: Millis;
  firstOrphansAfterMs: Millis;
  /** The waits that an earlier clock has written are ended before the dead are searched for, not together with that. */
  inOrder: boolean;
  /** Settles what the dead had finished, before they are marked dead. */
  recover?: ((dead: string[]) => Promise<void>) | undefined;
  onReclaimed: (reclaimed: Reclaimed) => void;
}

/** The share of the time that searches for orphans may take when nobody has died. */
const SEARCH_SHARE = 1 / 200;

export class DeadSearch {
  readonly #instance: Instance;
  readonly #options: SearchOptions;
  readonly #clock: ClockSteps;
  #orphansAt: Millis;
  /** Since when the database has answered without a break, on the monotonic clock. */
  #inTouchSince: Millis | undefined;

  constructor(instance: Instance, options: SearchOptions) {
    this.#instance = instance;
    this.#options = options;
    this.#clock = new ClockSteps(instance.clock);
    this.#orphansAt = instance.clock.monotonic() + options.firstOrphansAfterMs;
  }

  /** A heartbeat that began then was answered. */
  noteContact(startedAt: Millis): void {
    this.#inTouchSince ??= startedAt;
  }

  noteSilence(): void {
    this.#inTouchSince = undefined;
  }

  get isInTouch(): boolean {
    return this.#inTouchSince !== undefined;
  }

  /**
   * Ends waits that an earlier clock has written, and reclaims the videos of the dead; resolves to how many videos may be
   * claimed that could not be before.
   */
  async run(): Promise<number> {
    const { clock } = this.#instance;
    const started = clock.monotonic();
    const { steppedAt, wasSetBack } = this.#clock.read();
    const ending = wasSetBack ? endFarWaits(this.#instance) : 0;
    if (this.#options.inOrder) await ending;
    const thorough = started >= this.#orphansAt;
    const { maxAttempts, recover } = this.#options;
    const inTouchSince = this.#inTouchSince ?? started;
    const reclaiming = reclaimVideos(this.#instance, { maxAttempts, thorough, inTouchSince, steppedAt, recover });
    const [ended, reclaimed] = await Promise.all([ending, reclaiming]);
    for (const one of reclaimed) this.#options.onReclaimed(one);
    if (wasSetBack) this.#clock.noteSetBackMended();
    if (thorough) {
      const now = clock.monotonic();
      this.#orphansAt = now + Math.max(this.#options.orphansEveryMs, (now - started) / SEARCH_SHARE);
    }
    return reclaimed.length + ended;
  }
}

/** A clock that has gained or lost more than this between two readings was set. */
const STEP_MS: Millis = 1000;

/** Compares the time of day with a clock that only grows. */
class ClockSteps {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  #ahead: Millis = Number.POSITIVE_INFINITY;
  #steppedAt: Millis | undefined;
  /** True at first: waits that an earlier clock has written may last for ever. */
  #wasSetBack = true;

  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#clock = clock;
  }

  /**
   * `steppedAt`: when this machine's clock was put forward for the last time, or it slept; until they have beaten again, the
   * leases of other containers seem to have run out.
   */
  read(): { steppedAt: Millis | undefined; wasSetBack: boolean } {
    const ahead = this.#clock.now() - this.#clock.monotonic();
    if (ahead > this.#ahead + STEP_MS) this.#steppedAt = this.#clock.monotonic();
    if (ahead < this.#ahead - STEP_MS) this.#wasSetBack = true;
    this.#ahead = ahead;
    return { steppedAt: this.#steppedAt, wasSetBack: this.#wasSetBack };
  }

  noteSetBackMended(): void {
    this.#wasSetBack = false;
  }
}
