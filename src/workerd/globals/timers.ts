// setTimeout and its relatives: numbers for ids, as in workerd, unless Node's objects are part of the compatibility.
import { traceOf } from "../events/thrown.js";
import { closeWhenOver, currentInvocation } from "../invocation.js";
import { native } from "../native.js";
import { define, type Realm, type Target } from "../realm.js";
import { defineByCaller } from "./callers.js";
import { announceRejection, reportThrown } from "./events.js";
import { illegalInvocation, refuseGlobalScope, wrongType } from "./refusals.js";

const OWNER = "ServiceWorkerGlobalScope";
/** Beyond this Node would fire at once; nobody waits for so long. */
const LONGEST_MS = 2 ** 31 - 1;
/** From here on, Node compatibility gives Node's own kind of timers. */
const OBJECTS_FROM = "2026-02-10";

type Callback = (...given: unknown[]) => unknown;
type Timer = ReturnType<typeof setTimeout>;
type Start = (callback: () => void, delayMs: number) => Timer;

export function installTimers(target: Target, realm: Realm): void {
  const timers = new Timers(target, realm);
  const names = {
    setTimeout: timers.starter("setTimeout", native.setTimeout),
    setInterval: timers.starter("setInterval", native.setInterval),
    clearTimeout: timers.clearer("clearTimeout"),
    clearInterval: timers.clearer("clearInterval"),
  };
  for (const [name, worker] of Object.entries(names)) {
    defineByCaller(target, name, { worker, host: native[name as keyof typeof names] });
  }
  define(target, "queueMicrotask", makeQueueMicrotask(realm));
}

class Timers {
  readonly #target: Target;
  readonly #realm: Realm;
  readonly #givesObjects: boolean;
  /** `keep`: no longer to be dropped with its invocation. */
  readonly #byId = new Map<number, { timer: Timer; keep?: () => void }>();
  readonly #ids = new WeakMap<object, number>();
  #lastId = 0;

  constructor(target: Target, realm: Realm) {
    this.#target = target;
    this.#realm = realm;
    const { node, date, flags } = realm.compatibility;
    const isAsked = flags.includes("enable_nodejs_global_timers");
    const isRefused = flags.includes("no_nodejs_global_timers");
    this.#givesObjects = node === "full" || isAsked || (node === "compat" && date >= OBJECTS_FROM && !isRefused);
  }

  starter(name: "setTimeout" | "setInterval", start: Start): Callback {
    const timers = this;
    const starters = {
      // A method of an object literal has a name, no prototype, and takes `this` as it comes.
      [name](this: unknown, ...[callback, delay, ...given]: unknown[]): unknown {
        if (timers.#isOutside()) return Reflect.apply(native[name], globalThis, [callback, delay, ...given]);
        if (this !== undefined && this !== timers.#target && this !== globalThis) throw illegalInvocation();
        refuseGlobalScope(timers.#realm);
        if (typeof callback !== "function") throw wrongType(name, OWNER, 1, "function");
        const work = () => Reflect.apply(callback, globalThis, given);
        return timers.#start({ start, work, delayMs: toDelay(delay, name), isOnce: name === "setTimeout" });
      },
    };
    return starters[name] as Callback;
  }

  clearer(name: "clearTimeout" | "clearInterval"): Callback {
    const clear = (...given: unknown[]) => {
      if (this.#isOutside()) return Reflect.apply(native[name], globalThis, given);
      refuseGlobalScope(this.#realm);
      if (given.length === 0) throw wrongType(name, OWNER, 1, "JsNumber");
      this.#clear(given[0]);
    };
    return Object.defineProperty(clear, "name", { value: name });
  }

  #start({
    start,
    work,
    delayMs,
    isOnce,
  }: {
    start: Start;
    work: Callback;
    delayMs: number;
    isOnce: boolean;
  }): unknown {
    const id = ++this.#lastId;
    const timer = start(() => {
      if (isOnce) this.#forget(id);
      try {
        const result = work();
        // In a process that is not the Worker's alone, a rejection nobody handles would be the end of it.
        if (result instanceof Promise) result.catch((reason: unknown) => this.#lament(result, reason));
      } catch (error) {
        this.#realm.log("error", `Uncaught ${traceOf(error)}`);
      }
    }, delayMs);
    this.#ids.set(timer, id);
    this.#byId.set(id, { timer });
    const keep = closeWhenOver(() => this.#clear(id));
    const kept = this.#byId.get(id);
    if (kept !== undefined) kept.keep = keep;
    return this.#givesObjects ? timer : id;
  }

  #lament(promise: Promise<unknown>, reason: unknown): void {
    const isHandled = announceRejection(this.#realm, "unhandledrejection", { promise, reason });
    if (!isHandled) this.#realm.log("error", `Uncaught (in promise) ${traceOf(reason)}`);
  }

  #clear(given: unknown): void {
    const isObject = typeof given === "object" && given !== null;
    // Not Number(): that would take a BigInt.
    const id = isObject ? this.#ids.get(given) : +(given as number);
    // Of Node's own module, where a Worker may have that.
    if (id === undefined) native.clearTimeout(given as Timer);
    else {
      native.clearTimeout(this.#byId.get(id)?.timer);
      this.#forget(id);
    }
  }

  #forget(id: number): void {
    this.#byId.get(id)?.keep?.();
    this.#byId.delete(id);
  }

  /** A host that shares its process with the Worker keeps its own timers. */
  #isOutside(): boolean {
    return !this.#realm.isolated && !this.#realm.isStarting() && currentInvocation() === undefined;
  }
}

/** Node takes 0 for 1; one more for the others keeps them behind it, where workerd has them. */
function toDelay(given: unknown, name: string): number {
  const delay = Number(given);
  if (!(delay > 0)) return 0;
  return Math.min(name === "setTimeout" ? delay + 1 : delay, LONGEST_MS);
}

function makeQueueMicrotask(realm: Realm): (work: unknown) => void {
  return function queueMicrotask(work: unknown): void {
    if (typeof work !== "function") throw wrongType("queueMicrotask", OWNER, 1, "function");
    // A throw would be the end of the thread.
    Promise.resolve().then(() => {
      try {
        work();
      } catch (error) {
        reportThrown(realm, error);
      }
    });
  };
}
