// The corridor waits for news, not for time to pass: whoever changes something rings.

export class Bell {
  #ring: (() => void) | undefined;
  #rung = false;

  /** Wakes who waits; without anybody waiting, the next wait returns at once. */
  ring(): void {
    if (this.#ring === undefined) this.#rung = true;
    else this.#ring();
  }

  async wait(): Promise<void> {
    if (!this.#rung) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#ring = resolve;
      await promise;
      this.#ring = undefined;
    }
    this.#rung = false;
  }
}
