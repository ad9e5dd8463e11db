// `ctx`, the third argument of every handler: a new one for each event.
import type { Call } from "./call.js";

const ILLEGAL =
  "Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";
const NO_ARGUMENT = "Failed to execute 'waitUntil' on 'ExecutionContext': parameter 1 is not of type 'Promise'.";

interface Parts {
  call: Call;
  props: Record<string, unknown>;
  /** Undefined where the compatibility date is older than them. */
  exports: unknown;
}

export class ExecutionContext {
  readonly #call: Call;
  declare readonly props: Record<string, unknown>;
  declare readonly exports: unknown;
  #passesThrough = false;

  constructor({ call, props, exports }: Parts) {
    this.#call = call;
    // Own and enumerable, in workerd's order.
    Object.assign(this, { tracing: TRACING, access: undefined, cache: undefined, props });
    if (exports !== undefined) Object.assign(this, { exports });
  }

  waitUntil(...given: [promise?: unknown]): void {
    if (!(#call in this)) throw new TypeError(ILLEGAL);
    if (given.length === 0) throw new TypeError(NO_ARGUMENT);
    this.#call.waitUntil(given[0]);
  }

  /** There is no origin to pass a failed request on to; whether it was asked for is all that is known. */
  passThroughOnException(): void {
    if (!(#call in this)) throw new TypeError(ILLEGAL);
    this.#passesThrough = true;
  }

  get [Symbol.toStringTag](): string {
    return "ExecutionContext";
  }

  static passesThrough(context: ExecutionContext): boolean {
    return context.#passesThrough;
  }
}

/** Spans are not recorded: `enterSpan` runs its function with one that takes everything. */
const TRACING = {
  enterSpan<T>(_name: string, work: (span: object, ...more: unknown[]) => T, ...more: unknown[]): T {
    return work({ isTraced: false, setAttribute: () => undefined }, ...more);
  },
};
