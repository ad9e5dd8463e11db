// Part of the processor `worker`: gathers videos in hand into the batches that a queue handler is given.
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";

interface BatchOptions<T> {
  /** Members of a batch at most. */
  size: number;
  /** How long the first of a batch waits for company. */
  waitMs: Millis;
  clock: Clock;
  deliver: (members: T[]) => Promise<void>;
}

/** Members come one by one; a batch goes when it is full, or when its first has waited long enough. */
export class Batches<T> {
  readonly #options: BatchOptions<T>;
  #waiting: T[] = [];
  #timer: AbortController | undefined;

  constructor(options: BatchOptions<T>) {
    this.#options = options;
  }

  add(member: T): void {
    const { size, waitMs, clock } = this.#options;
    this.#waiting.push(member);
    if (this.#waiting.length >= size) {
      this.#send();
      return;
    }
    if (this.#timer !== undefined) return;
    const timer = new AbortController();
    this.#timer = timer;
    void clock.sleep(waitMs, timer.signal).then(() => {
      if (!timer.signal.aborted) this.#send();
    });
  }

  /** Takes back what has not been sent; false when it is on its way. */
  remove(member: T): boolean {
    const at = this.#waiting.indexOf(member);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  #send(): void {
    this.#timer?.abort();
    this.#timer = undefined;
    const members = this.#waiting;
    this.#waiting = [];
    if (members.length > 0) void this.#options.deliver(members);
  }
}
