// The program of the Worker's thread: opens the runtime, answers events, and notices when nothing can answer one any more.
import { EventEmitter } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { HidbError } from "../../errors.js";
import type { Cancellable } from "../events/run.js";
import { describeThrown, traceOf } from "../events/thrown.js";
import { native } from "../native.js";
import { define, type Target } from "../realm.js";
import { openRuntime, type Runtime } from "../runtime.js";
import { Answers } from "./answers.js";
import { cutLine, LogBacklog } from "./log-backlog.js";
import type { Event, EventAnswer, FromThread, LogLevel, ThreadData, ToThread } from "./protocol.js";

type AnyAnswer = EventAnswer<Event["kind"]>;

const port = parentPort as NonNullable<typeof parentPort>;
const { plan, logs } = workerData as ThreadData;
const backlog = new LogBacklog(logs);
const say = (message: FromThread, transfer: readonly ReadableStream[] = []) => port.postMessage(message, transfer);

/** Events that were stopped before they could begin. */
const aborted = new Set<number>();
let runtime: Runtime | undefined;
/** Questions to the host that wait for its answer. */
const asked = new Answers();
/** Events whose answer is still on its way out as a stream: its reader's requests come through the port. */
const streaming = new Set<number>();
const open = new Map<number, { running: Cancellable<AnyAnswer>; controller: AbortController }>();

// Node's own calls of these would show the real process to a Worker that has changed them for all emitters.
for (const name of Object.getOwnPropertyNames(EventEmitter.prototype)) {
  const method: unknown = Reflect.get(EventEmitter.prototype, name);
  if (typeof method === "function") define(native.process as unknown as Target, name, method);
}

// A Worker may reject and throw where nobody listens; in workerd its isolate lives on, and so does this thread.
native.process.on("unhandledRejection", (reason, promise) => {
  if (runtime === undefined) log("error", `Uncaught (in promise) ${traceOf(reason)}`);
  else runtime.noteRejection(reason, promise);
});
native.process.on("rejectionHandled", (promise) => runtime?.noteRejectionHandled(promise));
native.process.on("uncaughtException", (error) => log("error", `Uncaught ${traceOf(error)}`));
// Nothing is left that could wake the open ones: no timer, no socket, no question to the host.
native.process.on("beforeExit", () => {
  // Without this the thread would end now: those that are cancelled leave a moment later.
  port.ref();
  for (const { running } of open.values()) running.cancel();
});

const opening = openRuntime({
  plan,
  isolated: true,
  log,
  ask: (question) => {
    const { id, answer } = asked.expect();
    holdOn();
    try {
      say({ type: "ask", id, question });
    } catch (error) {
      // Something in it cannot cross.
      asked.reject(id, error);
      holdOn();
    }
    return answer;
  },
});
opening.then((opened) => {
  runtime = opened;
  say({ type: "ready", handlers: opened.handlers });
}, tellBroken);

port.on("message", (message: ToThread) => {
  switch (message.type) {
    case "event":
      // What has not loaded has told so, and is about to be ended.
      opening.then((opened) => begin(opened, message.id, message.event)).catch(() => undefined);
      break;
    case "abort":
      if (runtime === undefined) aborted.add(message.id);
      else open.get(message.id)?.controller.abort();
      break;
    case "told":
      asked.resolve(message.id, message.value);
      holdOn();
      break;
    case "refused":
      asked.reject(message.id, message.error);
      holdOn();
      break;
    default:
      message satisfies never;
  }
});

function begin(opened: Runtime, id: number, event: Event): void {
  const controller = new AbortController();
  if (aborted.delete(id)) controller.abort();
  const running = opened.run(event, controller.signal);
  open.set(id, { running, controller });
  holdOn();
  // The answer first, always: the end closes the event at the host.
  const answered = running.answer.then((given) => {
    const stream = "body" in given && given.body instanceof ReadableStream ? [given.body] : [];
    if (stream.length > 0) {
      streaming.add(id);
      holdOn();
    }
    say({ type: "answer", id, answer: given }, stream);
  });
  void Promise.all([running.ended, answered]).then(([ended]) => {
    open.delete(id);
    streaming.delete(id);
    holdOn();
    say({ type: "ended", id, ended });
  });
}

function log(level: LogLevel, whole: string): void {
  const text = cutLine(whole);
  if (!backlog.admits(text)) return;
  const lost = backlog.takeLost();
  const note = `${lost} lines of the Worker's log were left out: they came faster than they could be taken`;
  if (lost > 0 && backlog.admits(note)) say({ type: "log", level: "warn", text: note });
  say({ type: "log", level, text });
}

function tellBroken(error: unknown): void {
  const isOurs = error instanceof HidbError;
  const message = isOurs ? error.message : describeThrown(error);
  say({ type: "broken", error: { code: isOurs ? error.code : null, message, fix: isOurs ? error.fix : null } });
}

/**
 * The port keeps the thread alive between events and while the host owes an answer. While events are open it does not:
 * then their own timers and sockets do, and the loop that runs empty is the sign of a handler that hangs for ever.
 */
function holdOn(): void {
  if (open.size === 0 || asked.size > 0 || streaming.size > 0) port.ref();
  else port.unref();
}
