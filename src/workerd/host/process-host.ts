// A Worker in this very process: no copying between threads, and nothing that could end it but the process itself.
import { native } from "../native.js";
import { openRuntime } from "../runtime.js";
import { ThreadEnded } from "./ended.js";
import { answerQuestion, type Host, type HostOptions } from "./host.js";
import { cutLine } from "./log-backlog.js";
import type { Event, EventAnswer, Running } from "./protocol.js";

const NEVER_ABORTED = new AbortController().signal;

export async function openProcessHost(options: HostOptions): Promise<Host> {
  const { plan, onLog } = options;
  const runtime = await openRuntime({
    plan,
    isolated: false,
    log: (level, text) => onLog(level, cutLine(text)),
    ask: (question) => answerQuestion(question, options),
  });
  return {
    handlers: runtime.handlers,
    run<E extends Event>(event: E, signal: AbortSignal = NEVER_ABORTED): Running<EventAnswer<E["kind"]>> {
      const running = runtime.run(event, signal);
      if (signal === NEVER_ABORTED) return running;
      // Its waitUntil work and its body may never end, either.
      return { answer: unlessAborted(running.answer, signal), ended: unlessAborted(running.ended, signal) };
    },
    close: () => runtime.close(),
  };
}

function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => {
    // A moment for the Worker to hear it first.
    native.setTimeout(() => reject(new ThreadEnded("aborted", "it did not end when it was told to")), ABORT_GRACE_MS);
  };
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  // Who listens to the answer only must not find the other promise unhandled.
  promise.catch(() => undefined);
  return promise;
}

const ABORT_GRACE_MS = 1000;
