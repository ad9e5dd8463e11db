// One answer for all who ask at about the same time, so that fifty open pages cost the database what one does.
import type { Clock } from "../clock.js";
import type { Millis } from "../video.js";

/** An answer is kept at least this many times as long as it took: the machine belongs to the videos. */
const SHARE = 20;

export interface CachedOptions {
  clock: Clock;
  freshMs: () => Millis;
}

export class Cached<T> {
  readonly #read: () => Promise<T>;
  readonly #options: CachedOptions;
  #until: Millis = Number.NEGATIVE_INFINITY;
  #answer: Promise<T> | undefined;

  constructor(read: () => Promise<T>, options: CachedOptions) {
    this.#read = read;
    this.#options = options;
  }

  /** An answer that is under way is everybody's; a failure is nobody's but those who waited for it. */
  get(): Promise<T> {
    const { clock, freshMs } = this.#options;
    const started = clock.monotonic();
    if (this.#answer !== undefined && started < this.#until) return this.#answer;
    this.#until = Number.POSITIVE_INFINITY;
    const answer = this.#read();
    this.#answer = answer;
    const note = (keepMs: Millis) => {
      if (this.#answer === answer) this.#until = keepMs;
    };
    answer.then(
      () => note(started + Math.max(freshMs(), SHARE * (clock.monotonic() - started))),
      () => note(Number.NEGATIVE_INFINITY),
    );
    return answer;
  }

  /** After a change: the next one who asks sees it. */
  forget(): void {
    this.#answer = undefined;
    this.#until = Number.NEGATIVE_INFINITY;
  }
}
