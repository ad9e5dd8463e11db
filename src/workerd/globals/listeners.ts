// Listeners as workerd calls them: in order, until one throws, and what it throws is the dispatcher's. Node's own
// EventTarget would make that the end of the thread.
import { wrongType } from "./refusals.js";

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Registered {
  listener: Listener;
  isOnce: boolean;
  signal: AbortSignal | undefined;
}

/** An event goes to one target at a time. */
const underWay = new WeakSet<Event>();

export class Listeners {
  readonly #target: object;
  readonly #byType = new Map<string, Registered[]>();

  /** `target` is what events say they are for. */
  constructor(target: object) {
    this.#target = target;
  }

  has(type: string): boolean {
    return (this.#byType.get(type) ?? []).length > 0;
  }

  add(type: string, listener: unknown, options?: unknown): void {
    if (listener === null) return;
    if (!isListener(listener)) throw wrongType("addEventListener", "EventTarget", 2, "function or HandlerObject");
    const { capture, once, signal } = readOptions(options);
    if (capture === true) throw new TypeError("addEventListener(): useCapture must be false.");
    const listeners = this.#byType.get(type) ?? [];
    this.#byType.set(type, listeners);
    if (listeners.some((registered) => registered.listener === listener)) return;
    listeners.push({ listener, isOnce: once === true, signal });
  }

  remove(type: string, listener: unknown): void {
    const kept = this.#byType.get(type)?.filter((registered) => registered.listener !== listener);
    this.#byType.set(type, kept ?? []);
  }

  /** Returns false when a listener has prevented the default. */
  dispatch(event: unknown): boolean {
    if (!(event instanceof Event)) throw wrongType("dispatchEvent", "EventTarget", 1, "Event");
    if (underWay.has(event)) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
    underWay.add(event);
    const state = { isStopped: false };
    directTo(event, this.#target, state);
    try {
      const on = (this.#target as Record<string, unknown>)[`on${event.type}`];
      if (typeof on === "function") on.call(this.#target, event);
      for (const registered of [...(this.#byType.get(event.type) ?? [])]) {
        if (state.isStopped) break;
        this.#call(event, registered);
      }
    } finally {
      underWay.delete(event);
    }
    return !event.defaultPrevented;
  }

  #call(event: Event, registered: Registered): void {
    const { listener, isOnce, signal } = registered;
    // An earlier one may have removed it.
    if (this.#byType.get(event.type)?.includes(registered) !== true) return;
    if (isOnce || signal?.aborted === true) this.remove(event.type, listener);
    if (signal?.aborted === true) return;
    if (typeof listener === "function") listener.call(this.#target as never, event);
    else listener.handleEvent(event);
  }
}

/** Node's events are directed by Node's dispatching only. */
function directTo(event: Event, target: object, state: { isStopped: boolean }): void {
  const stopImmediatePropagation = () => {
    state.isStopped = true;
  };
  const own = {
    target: { get: () => target },
    currentTarget: { get: () => target },
    eventPhase: { get: () => 2 },
    composedPath: { value: () => [target] },
    stopImmediatePropagation: { value: stopImmediatePropagation },
  };
  for (const [name, descriptor] of Object.entries(own)) {
    Object.defineProperty(event, name, { ...descriptor, configurable: true });
  }
}

function isListener(value: unknown): value is Listener {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}

function readOptions(options: unknown): { capture?: boolean; once?: boolean; signal?: AbortSignal } {
  return typeof options === "object" && options !== null ? options : { capture: options === true };
}

/** An EventTarget with such listeners. */
export class WorkerEventTarget extends EventTarget {
  readonly #listeners = new Listeners(this);

  override addEventListener(type: string, listener: unknown, options?: unknown): void {
    this.#listeners.add(String(type), listener, options);
  }

  override removeEventListener(type: string, listener: unknown): void {
    this.#listeners.remove(String(type), listener);
  }

  override dispatchEvent(event: Event): boolean {
    return this.#listeners.dispatch(event);
  }
}
