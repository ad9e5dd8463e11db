// `scheduler.wait(ms, { signal })`.
import { native } from "../native.js";
import { define, type Realm, type Target } from "../realm.js";
import { illegalConstructor, nameInstances, refuseGlobalScope, wrongField, wrongType } from "./refusals.js";

const LONGEST_MS = 2 ** 31 - 1;

class Scheduler {
  readonly #realm: Realm;

  constructor(realm?: Realm) {
    if (realm === undefined) throw illegalConstructor();
    this.#realm = realm;
  }

  async wait(delay: unknown, options?: { signal?: unknown }): Promise<void> {
    refuseGlobalScope(this.#realm);
    if (delay === undefined) throw wrongType("wait", "Scheduler", 1, "number");
    const signal = options?.signal;
    if (signal !== undefined && signal !== null && !(signal instanceof AbortSignal)) {
      throw wrongField("signal", "WaitOptions", "AbortSignal");
    }
    return waitFor(Math.min(Math.max(0, Number(delay) || 0), LONGEST_MS), signal ?? undefined);
  }
}

nameInstances(Scheduler, "Scheduler");

export function installScheduler(target: Target, realm: Realm): void {
  define(target, "scheduler", new Scheduler(realm));
}

function waitFor(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal?.aborted === true) return Promise.reject(reasonOf(signal));
  const timer = native.setTimeout(() => {
    signal?.removeEventListener("abort", abort);
    resolve();
  }, delayMs);
  const abort = () => {
    native.clearTimeout(timer);
    reject(signal === undefined ? undefined : reasonOf(signal));
  };
  signal?.addEventListener("abort", abort, { once: true });
  return promise;
}

/** Node's own abort says "This operation", workerd's "The operation". */
function reasonOf({ reason }: AbortSignal): unknown {
  const isNodes = reason instanceof DOMException && reason.message === "This operation was aborted";
  return isNodes ? new DOMException("The operation was aborted", "AbortError") : reason;
}
