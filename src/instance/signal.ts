// The instance loop waits for a signal instead of polling: whoever changes what it decides on notifies it.

export class Signal {
  #wake: (() => void) | undefined;
  #notified = false;

  /** Wakes the waiter; with nobody waiting, the next wait returns at once. */
  notify(): void {
    if (this.#wake === undefined) this.#notified = true;
    else this.#wake();
  }

  async wait(): Promise<void> {
    if (!this.#notified) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    this.#notified = false;
  }
}
