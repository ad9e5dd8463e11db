// Requests sent to the other side of a port, by number, until they are answered.

export class Answers {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  get size(): number {
    return this.#waiting.size;
  }

  expect(): { id: number; answer: Promise<unknown> } {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    return { id, answer: waiting.promise };
  }

  resolve(id: number, value: unknown): void {
    this.#take(id)?.resolve(value);
  }

  reject(id: number, error: unknown): void {
    this.#take(id)?.reject(error);
  }

  #take(id: number): PromiseWithResolvers<unknown> | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
