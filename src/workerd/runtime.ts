// A Worker that is loaded and answers events: its globals, its env, its module. Runs in the Worker's thread, or in this
// process by setting; either way it knows nothing but its plan.
import { fillEnv } from "./env/env.js";
import type { Call } from "./events/call.js";
import type { ExecutionContext } from "./events/context.js";
import { fetchEvent } from "./events/fetch.js";
import {
  entrypointOf,
  findHandler,
  type Handler,
  type HandlerName,
  handlerNames,
  type Namespace,
} from "./events/handlers.js";
import { queueEvent } from "./events/queue.js";
import { type Cancellable, runEvent } from "./events/run.js";
import { scheduledEvent } from "./events/scheduled.js";
import { traceOf } from "./events/thrown.js";
import { announceRejection } from "./globals/events.js";
import { installGlobals } from "./globals/install-globals.js";
import { serviceWorkerHandler, serviceWorkerHandlerNames } from "./globals/service-worker.js";
import type { Event, EventAnswer, FetchCall, LogLevel, Question } from "./host/protocol.js";
import { loadWorker } from "./load/load.js";
import { isScript } from "./load/script.js";
import { exportsOf, makeStub } from "./modules/entrypoint.js";
import type { WorkerPlan } from "./plan.js";
import { define, type Realm, type Target } from "./realm.js";

export interface RuntimeOptions {
  plan: WorkerPlan;
  /** In a thread of its own. */
  isolated: boolean;
  log: (level: LogLevel, text: string) => void;
  ask: (question: Question) => Promise<unknown>;
}

export interface Runtime {
  readonly handlers: HandlerName[];
  run<E extends Event>(event: E, signal: AbortSignal): Cancellable<EventAnswer<E["kind"]>>;
  /** A promise of the Worker's was rejected, and nobody has caught it. */
  noteRejection(reason: unknown, promise: Promise<unknown>): void;
  noteRejectionHandled(promise: Promise<unknown>): void;
  close(): Promise<void>;
}

/** Errors: WORKER_BROKEN for what does not load. */
export async function openRuntime({ plan, isolated, log, ask }: RuntimeOptions): Promise<Runtime> {
  let isStarting = true;
  let namespace: Namespace = {};
  const realm: Realm = {
    plan,
    compatibility: plan.compatibility,
    env: {},
    isolated,
    isStarting: () => isStarting,
    log,
    self: (entrypoint, props = {}) =>
      makeStub({ realm, entrypoint, props, find: () => entrypointOf(namespace, entrypoint) }),
  };
  const filled = await fillEnv({ realm, ask });
  const target = globalThis as unknown as Target;
  installGlobals(target, realm);
  if (isScript(plan)) for (const [name, value] of Object.entries(realm.env)) define(target, name, value);
  try {
    namespace = await loadWorker(plan, realm);
  } finally {
    isStarting = false;
  }
  const loopback = plan.compatibility.contextExports ? exportsOf(namespace, realm) : undefined;
  const main = entrypointOf(namespace, null);
  const { assets } = plan;
  const routeToAssets = assets && (await import("./env/assets.js")).routeToAssets;
  const route = (call: FetchCall) => (assets && routeToAssets?.(assets, call)) ?? null;

  const find =
    (name: HandlerName) =>
    (parts: { call: Call; context: ExecutionContext }): Handler | undefined =>
      main === undefined
        ? serviceWorkerHandler(realm, name, parts.call)
        : findHandler(main, name, { realm, context: parts.context });

  const start = (event: Event, signal: AbortSignal): Cancellable<EventAnswer<Event["kind"]>> => {
    const parts = { realm, exports: loopback };
    switch (event.kind) {
      case "fetch":
        return runEvent(fetchEvent(event.call, { find: find("fetch"), signal, route }), parts);
      case "scheduled":
        return runEvent(scheduledEvent(event.call, find("scheduled")), parts);
      case "queue":
        return runEvent(queueEvent(event.call, find("queue"), realm), parts);
      default:
        return event satisfies never;
    }
  };
  return {
    handlers: main === undefined ? serviceWorkerHandlerNames(realm) : handlerNames(main),
    run: <E extends Event>(event: E, signal: AbortSignal) =>
      start(event, signal) as Cancellable<EventAnswer<E["kind"]>>,
    noteRejection: (reason, promise) => {
      const isTakenCareOf = announceRejection(realm, "unhandledrejection", { promise, reason });
      if (!isTakenCareOf) log("error", `Uncaught (in promise) ${traceOf(reason)}`);
    },
    noteRejectionHandled: (promise) => {
      announceRejection(realm, "rejectionhandled", { promise, reason: undefined });
    },
    close: () => filled.close(),
  };
}
