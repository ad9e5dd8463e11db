// Wakes whoever waits; a ring that nobody waited for is not forgotten.
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";

export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or when the time is over. */
  async wait(ms: Millis | undefined, clock: Clock): Promise<void> {
    if (!this.#rung) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const over = new AbortController();
      this.#wake = resolve;
      if (ms !== undefined) void clock.sleep(ms, over.signal).then(resolve);
      await promise;
      over.abort();
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}
