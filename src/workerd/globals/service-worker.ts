// The old service-worker syntax: `addEventListener("fetch", (event) => event.respondWith(...))`.
import type { Call } from "../events/call.js";
import type { Handler, HandlerName } from "../events/handlers.js";
import { define, type Realm, type Target } from "../realm.js";
import { dispatch, hasListeners } from "./events.js";
import { illegalConstructor, illegalInvocation, nameInstances, wrongType } from "./refusals.js";

/** What makes an event that Workers cannot make themselves. */
class Happening {
  constructor(
    readonly type: HandlerName,
    readonly call: Call,
    /** The request, controller or batch. */
    readonly about: unknown,
  ) {}
}

class ExtendableEvent extends Event {
  readonly #call: Call;

  constructor(made?: unknown) {
    if (!(made instanceof Happening)) throw illegalConstructor();
    super(made.type);
    this.#call = made.call;
  }

  waitUntil(...given: unknown[]): void {
    if (this === undefined || !(#call in this)) throw illegalInvocation();
    if (given.length === 0) throw wrongType("waitUntil", "ExtendableEvent", 1, "Promise");
    this.#call.waitUntil(given[0]);
  }
}

const ANSWERED = "FetchEvent.respondWith() has already been called; it can only be called once.";
const TOO_LATE = "Too late to call FetchEvent.respondWith(). It must be called synchronously in the event handler.";

class FetchEvent extends ExtendableEvent {
  declare readonly request: unknown;
  #answer: { promise: unknown } | undefined;
  #isOver = false;

  constructor(made?: unknown) {
    super(made);
    Object.assign(this, { request: (made as Happening).about });
  }

  respondWith(answer: unknown): void {
    if (this.#isOver) throw new DOMException(TOO_LATE, "InvalidStateError");
    if (this.#answer !== undefined) throw new DOMException(ANSWERED, "InvalidStateError");
    if (typeof answer !== "object" || answer === null) throw wrongType("respondWith", "FetchEvent", 1, "Promise");
    this.#answer = { promise: answer };
  }

  /** There is no origin to pass a request on to. */
  passThroughOnException(): void {}

  /** What was answered while the listeners ran; undefined when nothing was. */
  static answerOf(event: FetchEvent): { promise: unknown } | undefined {
    event.#isOver = true;
    return event.#answer;
  }
}

class ScheduledEvent extends ExtendableEvent {
  declare readonly cron: string;
  declare readonly scheduledTime: number;
  readonly #controller: Controller;

  constructor(made?: unknown) {
    super(made);
    this.#controller = (made as Happening).about as Controller;
    const { cron, scheduledTime } = this.#controller;
    Object.assign(this, { cron, scheduledTime });
  }

  noRetry(): void {
    this.#controller.noRetry();
  }
}

interface Controller {
  cron: string;
  scheduledTime: number;
  noRetry(): void;
}

interface Batch {
  queue: string;
  messages: unknown;
  ackAll(): void;
  retryAll(options?: unknown): void;
}

class QueueEvent extends ExtendableEvent {
  declare readonly queue: string;
  declare readonly messages: unknown;
  readonly #batch: Batch;

  constructor(made?: unknown) {
    super(made);
    this.#batch = (made as Happening).about as Batch;
    Object.assign(this, { queue: this.#batch.queue, messages: this.#batch.messages });
  }

  ackAll(): void {
    this.#batch.ackAll();
  }

  retryAll(options?: unknown): void {
    this.#batch.retryAll(options);
  }
}

class TailEvent extends ExtendableEvent {}

const CLASSES = { ExtendableEvent, FetchEvent, ScheduledEvent, TailEvent };
for (const [name, made] of Object.entries(CLASSES)) nameInstances(made, name);

const NAMES: HandlerName[] = ["fetch", "scheduled", "queue"];

export function installServiceWorker(target: Target): void {
  for (const [name, made] of Object.entries(CLASSES)) define(target, name, made);
  define(target, "TraceEvent", TailEvent);
}

export function serviceWorkerHandlerNames(realm: Realm): HandlerName[] {
  return NAMES.filter((name) => hasListeners(realm, name));
}

/** A handler that calls the listeners; undefined when there are none for this event. */
export function serviceWorkerHandler(realm: Realm, name: HandlerName, call: Call): Handler | undefined {
  if (!hasListeners(realm, name)) return undefined;
  return (about) => {
    const happening = new Happening(name, call, about);
    switch (name) {
      case "fetch":
        return answerFetch(realm, new FetchEvent(happening));
      case "scheduled":
        return void dispatch(realm, new ScheduledEvent(happening));
      case "queue":
        return void dispatch(realm, new QueueEvent(happening));
      default:
        return name satisfies never;
    }
  };
}

const NO_ANSWER =
  "No listener of the event fetch has called respondWith(), and there is no origin to pass the request on to.";

function answerFetch(realm: Realm, event: FetchEvent): unknown {
  dispatch(realm, event);
  const answer = FetchEvent.answerOf(event);
  if (answer === undefined) throw new Error(NO_ANSWER);
  return answer.promise;
}
