// Ends a wait early. A wake-up while nothing waits ends the next wait at once.
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";

export class WakeSignal {
  #isWoken = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#isWoken = true;
    this.#resolve?.();
  }

  /** Resolves at the next wake-up, or after `ms`. */
  async wait(ms: Millis | undefined, clock: Clock): Promise<void> {
    if (!this.#isWoken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const over = new AbortController();
      this.#resolve = resolve;
      if (ms !== undefined) void clock.sleep(ms, over.signal).then(resolve);
      await promise;
      over.abort();
      this.#resolve = undefined;
    }
    this.#isWoken = false;
  }
}
