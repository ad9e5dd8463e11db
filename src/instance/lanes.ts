// How many attempts run side by side: p-limit keeps the lanes to HIDB_CONCURRENCY.
import pLimit, { type LimitFunction } from "p-limit";

export class Lanes {
  readonly #limit: LimitFunction;
  readonly #work: () => Promise<void>;
  readonly concurrency: number;

  /** `work` runs the attempts that wait, one after the other, until none is left. */
  constructor(concurrency: number, work: () => Promise<void>) {
    this.concurrency = concurrency;
    this.#limit = pLimit(concurrency);
    this.#work = work;
  }

  get running(): number {
    return this.#limit.activeCount;
  }

  start(attempts: number): void {
    // A lane that finds nothing ends at once; as many again stand by for claims that come in while a lane is ending.
    for (let more = Math.min(attempts, this.concurrency - this.#limit.pendingCount); more > 0; more--) {
      void this.#limit(this.#work);
    }
  }
}
