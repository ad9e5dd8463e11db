// One thread with a Worker in it, seen from the host: its events, its memory and CPU while it has any, and its end.
import type { EventLoopUtilization } from "node:perf_hooks";
import { Worker as Thread } from "node:worker_threads";
import { type ErrorCode, HidbError, messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import type { Ended } from "../events/call.js";
import { Meter, type Usage } from "../limits/meter.js";
import { CPU_EXCEEDED, MEMORY_EXCEEDED } from "../limits/texts.js";
import { type ThreadSample, watchThread } from "../limits/watch.js";
import { type EndReason, isOutOfMemory, ThreadEnded } from "./ended.js";
import { answerQuestion, type HostOptions } from "./host.js";
import { LogBacklog } from "./log-backlog.js";
import { threadProgram } from "./program.js";
import type { Event, EventAnswer, FromThread, Running, ThreadData, ToThread } from "./protocol.js";

const WATCH_MS = 50;
/** An event that was told to stop is given so long to do it. */
const ABORT_GRACE_MS = 1000;
/** What loads may wait for 20 s; what computes on and on can only be ended from here. */
const START_MS = 40_000;
/** V8 keeps the pages of an ended thread for the next one, so a small nursery keeps an idle instance small. */
const YOUNG_MB = 4;
/** V8's own limit is the last resort: where one allocation overshoots it, V8 ends the whole process, not the thread. */
const LAST_RESORT = 4;

/** An event under way. */
interface Open {
  /** Others were open when it came. */
  hadCompany: boolean;
  answer: PromiseWithResolvers<EventAnswer<Event["kind"]>>;
  ended: PromiseWithResolvers<Ended>;
  /** What the thread had computed when this began, as of the first look at it. */
  cpuAtMs: number | undefined;
  /** Of the thread since then. */
  cpuMs: number;
  memoryMb: number;
}

export class WorkerThread {
  /** Resolves to the names of the handlers; rejects with WORKER_BROKEN. */
  readonly ready: Promise<string[]>;
  /** Resolves when the thread has ended. */
  readonly gone: Promise<void>;
  readonly #options: HostOptions;
  readonly #thread: Thread;
  readonly #open = new Map<number, Open>();
  readonly #ready = Promise.withResolvers<string[]>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #logs = new LogBacklog();
  #lastId = 0;
  #ending: ThreadEnded | undefined;
  #retired = false;
  #stopWatching: (() => void) | undefined;
  /** How busy its loop had been when it was last seen with nothing to do, and since when it was not. */
  #idleAt: { utilization: EventLoopUtilization; time: Millis } | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.ready = this.#ready.promise;
    this.gone = this.#gone.promise;
    // Nobody may be waiting for it: a thread that replaces another is told of trouble through its first event.
    this.ready.catch(() => undefined);
    const workerData: ThreadData = { plan: options.plan, logs: this.#logs.shared };
    this.#thread = new Thread(threadProgram(), {
      workerData,
      // The Worker gets its vars in `env`; the settings and secrets of this process are none of its business.
      env: {},
      execArgv: [],
      stdout: false,
      stderr: false,
      resourceLimits: {
        maxOldGenerationSizeMb: Math.max(1024, options.maxMemoryMb * LAST_RESORT),
        maxYoungGenerationSizeMb: YOUNG_MB,
      },
    });
    this.#watchStart();
    this.#thread.on("message", (message: FromThread) => this.#heed(message));
    this.#thread.on("error", (error) => this.#noteEnd(isOutOfMemory(error) ? "memory" : "crashed", messageOf(error)));
    this.#thread.on("exit", (code) => {
      this.#noteEnd("crashed", `it ended itself with exit code ${code}`);
      this.#gone.resolve();
    });
  }

  get takesEvents(): boolean {
    return !this.#retired && this.#ending === undefined;
  }

  run<E extends Event>(event: E, signal?: AbortSignal): Running<EventAnswer<E["kind"]>> {
    const id = ++this.#lastId;
    const body = event.kind === "fetch" && event.call.body instanceof ReadableStream ? [event.call.body] : [];
    // Throws for what cannot cross: then there is no event.
    this.#say({ type: "event", id, event }, body);
    const answer = Promise.withResolvers<EventAnswer<Event["kind"]>>();
    const ended = Promise.withResolvers<Ended>();
    // Who listens to the answer only must not find the other promise unhandled.
    ended.promise.catch(() => undefined);
    const hadCompany = this.#open.size > 0;
    this.#open.set(id, { hadCompany, answer, ended, cpuAtMs: undefined, cpuMs: 0, memoryMb: 0 });
    this.#watch();
    this.#thread.ref();
    if (signal !== undefined) this.#obey(id, signal);
    return { answer: answer.promise as Promise<EventAnswer<E["kind"]>>, ended: ended.promise };
  }

  /** Takes no more events, and ends with the last of those that it has. */
  retire(): void {
    this.#retired = true;
  }

  /** Ends the thread; `culprits` are the events that brought it about, all of the open ones if not said. */
  async end(reason: EndReason, message: string, culprits?: readonly number[]): Promise<void> {
    this.#noteEnd(reason, message, culprits);
    await this.#thread.terminate();
  }

  #say(message: ToThread, transfer: readonly ReadableStream[] = []): void {
    this.#thread.postMessage(message, transfer);
  }

  /** A Worker that sees all of Node may say anything on its thread's port. */
  #heed(message: FromThread): void {
    try {
      this.#hear(message);
    } catch (error) {
      void this.end("crashed", `it sent its host what is no answer: ${messageOf(error)}`);
    }
  }

  #hear(message: FromThread): void {
    switch (message.type) {
      case "ready":
        this.#ready.resolve(message.handlers);
        if (this.#open.size === 0) this.#rest();
        break;
      case "broken":
        this.#noteBroken(message.error);
        break;
      case "answer":
        this.#open.get(message.id)?.answer.resolve(message.answer);
        break;
      case "ended":
        this.#conclude(message.id, message.ended);
        break;
      case "log":
        this.#logs.took(message.text);
        this.#options.onLog(message.level, message.text);
        break;
      case "ask":
        void this.#answer(message);
        break;
      default:
        message satisfies never;
    }
  }

  async #answer({ id, question }: Extract<FromThread, { type: "ask" }>): Promise<void> {
    try {
      this.#say({ type: "told", id, value: await answerQuestion(question, this.#options) });
    } catch (error) {
      try {
        this.#say({ type: "refused", id, error });
      } catch {
        // It has something on it that cannot cross.
        this.#say({ type: "refused", id, error: new Error(messageOf(error)) });
      }
    }
  }

  #noteBroken({ code, message, fix }: Extract<FromThread, { type: "broken" }>["error"]): void {
    const error = new HidbError({
      code: (code ?? "WORKER_BROKEN") as ErrorCode,
      message: code === null ? `expected the Worker to load, got ${message}` : message,
      fix: fix ?? "correct the Worker, and try it with `npx wrangler dev`",
    });
    this.#ready.reject(error);
    void this.end("crashed", error.message);
  }

  #conclude(id: number, ended: Ended): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    const usage = { ...ended.usage, memoryMb: Math.max(ended.usage.memoryMb, open.memoryMb) };
    open.ended.resolve({ ...ended, usage, shared: open.hadCompany || this.#lastId > id });
    if (this.#open.size > 0) return;
    this.#rest();
    if (this.#retired) void this.end("closed", "it was replaced");
  }

  #rest(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#thread.unref();
  }

  /** A top level can hold memory or compute without end, as any event can. */
  #watchStart(): void {
    this.#watch();
    const over = new AbortController();
    void this.#options.clock.sleep(START_MS, over.signal).then(() => {
      if (!over.signal.aborted) void this.end("crashed", `it did not load within ${START_MS / 1000} s`);
    });
    this.#ready.promise.finally(() => over.abort()).catch(() => undefined);
  }

  #watch(): void {
    this.#stopWatching ??= watchThread(this.#thread, {
      clock: this.#options.clock,
      everyMs: WATCH_MS,
      onSample: (sample) => this.#look(sample),
    });
  }

  #look({ cpuMs, memoryMb }: ThreadSample): void {
    const { plan, maxMemoryMb } = this.#options;
    const enforces = plan.limitsMode === "enforce";
    const greedy: number[] = [];
    for (const [id, open] of this.#open) {
      open.memoryMb = Math.max(open.memoryMb, memoryMb);
      open.cpuAtMs ??= cpuMs;
      open.cpuMs = cpuMs - open.cpuAtMs;
      if (open.cpuMs > plan.limits.cpuMs) greedy.push(id);
    }
    if (memoryMb > maxMemoryMb) {
      const limit = enforces ? MEMORY_EXCEEDED : `it held more than ${maxMemoryMb} MB`;
      void this.end("memory", limit);
    } else if (enforces && greedy.length > 0) {
      void this.end("cpu", CPU_EXCEEDED, greedy);
    } else if (this.#isBlocked()) {
      void this.end("blocked", `it computed for more than ${this.#options.maxBlockMs} ms while others waited`);
    }
  }

  /** CPU that is used while the loop never turns is one event's, and the others' time runs out with it. */
  #isBlocked(): boolean {
    const { maxBlockMs, clock } = this.#options;
    if (maxBlockMs === undefined || this.#open.size < 2) {
      this.#idleAt = undefined;
      return false;
    }
    const { performance } = this.#thread;
    const time = clock.monotonic();
    const idle = this.#idleAt !== undefined && performance.eventLoopUtilization(this.#idleAt.utilization).idle;
    if (idle !== 0) this.#idleAt = { utilization: performance.eventLoopUtilization(), time };
    return time - (this.#idleAt?.time ?? time) > maxBlockMs;
  }

  /** Tells the event to stop; when it does not, this thread takes no more events, and ends with the others or at once. */
  #obey(id: number, signal: AbortSignal): void {
    const abort = () => {
      this.#say({ type: "abort", id });
      const startedAt = this.#thread.performance.eventLoopUtilization();
      void this.#options.clock.sleep(ABORT_GRACE_MS).then(() => {
        const open = this.#open.get(id);
        if (open === undefined) return;
        const error = new ThreadEnded("aborted", "it did not end when it was told to", this.#usageOf(open));
        open.answer.reject(error);
        open.ended.reject(error);
        this.#open.delete(id);
        const spins = this.#thread.performance.eventLoopUtilization(startedAt).utilization > 0.9;
        if (spins || this.#open.size === 0) void this.end("bystander", "its thread was ended because of another event");
        else this.#retired = true;
      });
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    this.#open
      .get(id)
      ?.ended.promise.finally(() => signal.removeEventListener("abort", abort))
      .catch(() => undefined);
  }

  #noteEnd(reason: EndReason, message: string, culprits?: readonly number[]): void {
    if (this.#ending !== undefined) return;
    this.#ending = new ThreadEnded(reason, message);
    this.#stopWatching?.();
    this.#ready.reject(this.#ending);
    const bystander = new ThreadEnded("bystander", "its thread was ended because of another event");
    // CPU, memory and the end of the thread are the thread's; what stops for another event's sake is told apart.
    const shared = this.#open.size > 1 && reason !== "closed" && reason !== "bystander";
    for (const [id, open] of this.#open) {
      const isCulprit = culprits === undefined || culprits.includes(id);
      const error = isCulprit ? new ThreadEnded(reason, message, this.#usageOf(open), shared) : bystander;
      open.answer.reject(error);
      open.ended.reject(error);
    }
    this.#open.clear();
  }

  /** As seen from outside: what its own meter has counted went with the thread, or is stuck in it. */
  #usageOf({ cpuMs, memoryMb }: Open): Usage {
    const { plan } = this.#options;
    return { ...new Meter(plan.limits, plan.limitsMode).usage, cpuMs, memoryMb };
  }
}
