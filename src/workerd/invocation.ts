// One call of a Worker's handler and all that comes of it: known to everything that runs inside it, like workerd's IoContext.
import { AsyncLocalStorage } from "node:async_hooks";
import type { LimitFunction } from "p-limit";
import type { Meter } from "./limits/meter.js";

export interface Invocation {
  readonly kind: "fetch" | "scheduled" | "queue";
  readonly meter: Meter;
  /** Admits six requests at a time to wait for their response's headers; `connect(() => ...)` holds a place meanwhile. */
  readonly connect: LimitFunction;
  /** Keeps the invocation open until the promise has settled; takes anything. */
  waitUntil(work: unknown): void;
}

const storage = new AsyncLocalStorage<Invocation>();

/** The invocation that is running; undefined at the module's top level. */
export function currentInvocation(): Invocation | undefined {
  return storage.getStore();
}

export function runInvocation<T>(invocation: Invocation, work: () => T): T {
  return storage.run(invocation, work);
}
