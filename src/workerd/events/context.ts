// `ctx`, the third argument of every handler: a new one for each event.
import { illegalInvocation, wrongType } from "../globals/refusals.js";
import type { Call } from "./call.js";

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

  constructor({ call, props, exports }: Parts) {
    this.#call = call;
    // Own and enumerable, in workerd's order.
    Object.assign(this, { tracing: TRACING, access: undefined, cache: undefined, props });
    if (exports !== undefined) Object.assign(this, { exports });
  }

  waitUntil(...given: [promise?: unknown]): void {
    if (!isContext(this)) throw illegalInvocation();
    if (given.length === 0) throw wrongType("waitUntil", "ExecutionContext", 1, "Promise");
    this.#call.waitUntil(given[0]);
  }

  /** There is no origin to pass a failed request on to. */
  passThroughOnException(): void {
    if (!isContext(this)) throw illegalInvocation();
  }

  get [Symbol.toStringTag](): string {
    return "ExecutionContext";
  }

  static is(value: unknown): value is ExecutionContext {
    return typeof value === "object" && value !== null && #call in value;
  }
}

/** False for a method that was taken off its object. */
function isContext(value: unknown): boolean {
  return ExecutionContext.is(value);
}

/** Spans are not recorded: `enterSpan` runs its function with one that takes everything. */
const TRACING = {
  enterSpan<T>(_name: string, work: (span: object, ...more: unknown[]) => T, ...more: unknown[]): T {
    return work({ isTraced: false, setAttribute: () => undefined }, ...more);
  },
};
