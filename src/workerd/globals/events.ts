// Events of the global object: `addEventListener` and its relatives, errors nobody has caught, and the old
// service-worker syntax, whose handlers are such listeners (service-worker.ts calls them).
import { traceOf } from "../events/thrown.js";
import { define, type Realm, type Target } from "../realm.js";
import { illegalConstructor, nameInstances, wrongConstructorType, wrongType } from "./refusals.js";

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Registered {
  listener: Listener;
  isOnce: boolean;
  signal: AbortSignal | undefined;
}

interface Listening {
  target: Target;
  byType: Map<string, Registered[]>;
}

const listening = new WeakMap<Realm, Listening>();
const dispatched = new WeakSet<Event>();

export class ErrorEvent extends Event {
  declare readonly message: string;
  declare readonly filename: string;
  declare readonly lineno: number;
  declare readonly colno: number;
  declare readonly error: unknown;

  constructor(type: string, init: ErrorEventInit = {}) {
    if (type === undefined) throw wrongConstructorType("ErrorEvent", 1, "string");
    super(type, init);
    const { message = "", filename = "", lineno = 0, colno = 0, error } = init;
    Object.assign(this, { message, filename, lineno, colno, error });
  }
}

type EventInit = NonNullable<ConstructorParameters<typeof Event>[1]>;

interface ErrorEventInit extends EventInit {
  message?: string;
  filename?: string;
  lineno?: number;
  colno?: number;
  error?: unknown;
}

/** What makes an event that Workers cannot make themselves. */
class Rejection {
  constructor(
    readonly type: string,
    readonly promise: Promise<unknown>,
    readonly reason: unknown,
  ) {}
}

class PromiseRejectionEvent extends Event {
  declare readonly promise: Promise<unknown>;
  declare readonly reason: unknown;

  constructor(made?: unknown) {
    if (!(made instanceof Rejection)) throw illegalConstructor();
    super(made.type, { cancelable: true });
    Object.assign(this, { promise: made.promise, reason: made.reason });
  }
}

nameInstances(ErrorEvent, "ErrorEvent");
nameInstances(PromiseRejectionEvent, "PromiseRejectionEvent");

export function installEvents(target: Target, realm: Realm): void {
  const byType: Listening["byType"] = new Map();
  listening.set(realm, { target, byType });
  define(target, "ErrorEvent", ErrorEvent);
  define(target, "PromiseRejectionEvent", PromiseRejectionEvent);
  define(target, "addEventListener", function addEventListener(type: unknown, listener: unknown, options?: unknown) {
    listen(byType, String(type), { listener, options });
  });
  define(target, "removeEventListener", function removeEventListener(type: unknown, listener: unknown) {
    const kept = byType.get(String(type))?.filter((registered) => registered.listener !== listener);
    byType.set(String(type), kept ?? []);
  });
  define(target, "dispatchEvent", function dispatchEvent(event: unknown) {
    if (!(event instanceof Event)) throw wrongType("dispatchEvent", "EventTarget", 1, "Event");
    return dispatch(realm, event);
  });
  define(target, "reportError", function reportError(...given: unknown[]) {
    if (given.length === 0) throw wrongType("reportError", "ServiceWorkerGlobalScope", 1, "JsValue");
    reportThrown(realm, given[0]);
  });
}

/** The event `error` on the global object, and the log unless a listener prevents that. */
export function reportThrown(realm: Realm, error: unknown): void {
  const message = `Uncaught ${labelOf(error)}`;
  const isHandled = !dispatch(realm, new ErrorEvent("error", { message, error, cancelable: true }));
  if (!isHandled) realm.log("error", `Uncaught ${traceOf(error)}`);
}

/** The event `unhandledrejection` or `rejectionhandled`; returns whether a listener has taken care of it. */
export function announceRejection(
  realm: Realm,
  type: "unhandledrejection" | "rejectionhandled",
  { promise, reason }: { promise: Promise<unknown>; reason: unknown },
): boolean {
  return !dispatch(realm, new PromiseRejectionEvent(new Rejection(type, promise, reason)));
}

export function hasListeners(realm: Realm, type: string): boolean {
  return (listening.get(realm)?.byType.get(type) ?? []).length > 0;
}

/** Calls the listeners in order until one throws, as workerd does; returns false when a listener has prevented the default. */
export function dispatch(realm: Realm, event: Event): boolean {
  const found = listening.get(realm);
  if (found === undefined) return true;
  const { target, byType } = found;
  if (dispatched.has(event)) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
  dispatched.add(event);
  const state = { isStopped: false };
  directTo(event, target, state);
  try {
    const on = event.type === "error" ? target.onerror : undefined;
    if (typeof on === "function") on.call(target, event);
    for (const registered of [...(byType.get(event.type) ?? [])]) {
      if (state.isStopped) break;
      // An earlier one may have removed it.
      if (byType.get(event.type)?.includes(registered) === true) call(byType, event, { registered, target });
    }
  } finally {
    dispatched.delete(event);
  }
  return !event.defaultPrevented;
}

/** Node's events are directed by its own dispatching only, and that would not have the global object for a target. */
function directTo(event: Event, target: Target, state: { isStopped: boolean }): void {
  const own = {
    target: { get: () => target },
    currentTarget: { get: () => target },
    eventPhase: { get: () => 2 },
    composedPath: { value: () => [target] },
    stopImmediatePropagation: {
      value: () => {
        state.isStopped = true;
      },
    },
  };
  for (const [name, descriptor] of Object.entries(own)) {
    Object.defineProperty(event, name, { ...descriptor, configurable: true });
  }
}

interface Calling {
  registered: Registered;
  target: Target;
}

function call(byType: Listening["byType"], event: Event, { registered, target }: Calling): void {
  const { listener, isOnce, signal } = registered;
  if (isOnce || signal?.aborted === true) remove(byType, event.type, registered);
  if (signal?.aborted === true) return;
  if (typeof listener === "function") listener.call(target, event);
  else listener.handleEvent(event);
}

function remove(byType: Listening["byType"], type: string, registered: Registered): void {
  byType.set(type, byType.get(type)?.filter((other) => other !== registered) ?? []);
}

function listen(
  byType: Listening["byType"],
  type: string,
  { listener, options }: { listener: unknown; options: unknown },
): void {
  if (listener === null) return;
  const isListener = typeof listener === "function" || (typeof listener === "object" && listener !== undefined);
  if (!isListener) throw wrongType("addEventListener", "EventTarget", 2, "function or HandlerObject");
  const { capture, once, signal } = readOptions(options);
  if (capture === true) throw new TypeError("addEventListener(): useCapture must be false.");
  const listeners = byType.get(type) ?? [];
  byType.set(type, listeners);
  if (listeners.some((registered) => registered.listener === listener)) return;
  listeners.push({ listener: listener as Listener, isOnce: once === true, signal });
}

function readOptions(options: unknown): { capture?: boolean; once?: boolean; signal?: AbortSignal } {
  return typeof options === "object" && options !== null ? options : { capture: options === true };
}

/** As V8 puts it: objects by their class, errors by name and message. */
function labelOf(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  if (typeof error !== "object" || error === null) return String(error);
  return `#<${error.constructor?.name ?? "Object"}>`;
}
