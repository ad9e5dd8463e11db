// Events of the global object: `addEventListener` and its relatives, errors nobody has caught, and the old
// service-worker syntax, whose handlers are such listeners (service-worker.ts calls them).
import { traceOf } from "../events/thrown.js";
import { define, type Realm, type Target } from "../realm.js";
import { Listeners } from "./listeners.js";
import { illegalConstructor, nameInstances, wrongConstructorType, wrongType } from "./refusals.js";

const listening = new WeakMap<Realm, Listeners>();

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
  const listeners = new Listeners(target);
  listening.set(realm, listeners);
  define(target, "ErrorEvent", ErrorEvent);
  define(target, "PromiseRejectionEvent", PromiseRejectionEvent);
  define(target, "addEventListener", function addEventListener(type: unknown, listener: unknown, options?: unknown) {
    listeners.add(String(type), listener, options);
  });
  define(target, "removeEventListener", function removeEventListener(type: unknown, listener: unknown) {
    listeners.remove(String(type), listener);
  });
  define(target, "dispatchEvent", function dispatchEvent(event: unknown) {
    return listeners.dispatch(event);
  });
  define(target, "reportError", function reportError(...given: unknown[]) {
    if (given.length === 0) throw wrongType("reportError", "ServiceWorkerGlobalScope", 1, "JsValue");
    reportThrown(realm, given[0]);
  });
}

/** The event `error` on the global object, and the log. */
export function reportThrown(realm: Realm, error: unknown): void {
  dispatch(realm, uncaught(error));
  realm.log("error", `Uncaught ${traceOf(error)}`);
}

/** An ErrorEvent as workerd makes it of what was thrown. */
export function uncaught(error: unknown): ErrorEvent {
  return new ErrorEvent("error", { message: `Uncaught ${labelOf(error)}`, error });
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
  return listening.get(realm)?.has(type) === true;
}

/** To the listeners on the global object; returns false when one of them has prevented the default. */
export function dispatch(realm: Realm, event: Event): boolean {
  return listening.get(realm)?.dispatch(event) ?? true;
}

/** As V8 puts it: objects by their class, errors by name and message. */
function labelOf(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  if (typeof error !== "object" || error === null) return String(error);
  return `#<${error.constructor?.name ?? "Object"}>`;
}
