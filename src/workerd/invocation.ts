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

/** What is still open of an invocation, as what closes it. */
const leftovers = new WeakMap<Invocation, Set<() => void>>();
const over = new WeakSet<Invocation>();

/**
 * Has `close` called when the running invocation is over, as workerd drops all that one has left behind; at once if it is
 * over already. The function that comes back calls that off.
 */
export function closeWhenOver(close: () => void): () => void {
  const invocation = currentInvocation();
  if (invocation === undefined) return () => undefined;
  if (over.has(invocation)) {
    close();
    return () => undefined;
  }
  const open = leftovers.get(invocation) ?? new Set();
  leftovers.set(invocation, open.add(close));
  return () => void open.delete(close);
}

export function endInvocation(invocation: Invocation): void {
  over.add(invocation);
  for (const close of leftovers.get(invocation) ?? []) close();
  leftovers.delete(invocation);
}
