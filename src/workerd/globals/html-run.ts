// What happens while the parser of HTML has a document, and what goes wrong in that.

/**
 * One document on its way through the parser. A throw inside of the parser would leave it unusable and its memory lost, so
 * the first thing thrown is kept, no handler is called any more, and whoever feeds the parser asks for it.
 */
export class Run {
  #failure: { thrown: unknown } | undefined;

  call(work: () => Promise<void> | undefined): Promise<void> | undefined {
    if (this.#failure !== undefined) return undefined;
    try {
      return work()?.catch((error: unknown) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown;
  }

  #fail(thrown: unknown): void {
    this.#failure ??= { thrown: typeof thrown === "string" ? new Error(thrown) : thrown };
  }
}

/** The parser throws texts; Workers get errors, with what parses in front. */
export function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (typeof error === "string") throw new TypeError(`Parser error: ${error}`);
    throw error;
  }
}
