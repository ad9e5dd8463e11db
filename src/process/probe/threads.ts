// The probing threads of an instance, seen from outside: started when needed, used again, ended when idle, and killed
// when a file has led one into an endless loop or into more memory than it may have.
import { Worker as Thread } from "node:worker_threads";
import type { Clock } from "../../clock.js";
import { messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import { type Excess, heapLimitMb, Limits } from "./limits.js";
import type { ProbeAnswer, ProbeRequest, ThreadMessage } from "./messages.js";

export interface ThreadOptions {
  clock: Clock;
  /** The compiled thread.js. */
  program: URL;
  /** A thread is killed after so much CPU time without progress, and after so much time without a byte. */
  timeoutMs: Millis;
  /** A thread without a request for this long is ended. */
  idleMs: Millis;
  memoryMb: number;
}

/** How a request ended: an answer of the thread, or the end of the thread. */
export type ThreadVerdict = ProbeAnswer | { kind: "aborted" } | Excess | { kind: "crashed"; reason: string };

/** V8 keeps the pages of an ended thread for the next one, so a small nursery keeps an idle instance small. */
const YOUNG_MB = 2;

export class ProbeThreads {
  private readonly idle: ProbeThread[] = [];
  private readonly closing = new AbortController();

  constructor(private readonly options: ThreadOptions) {}

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ThreadVerdict> {
    const ended = AbortSignal.any([signal, this.closing.signal]);
    if (ended.aborted) return { kind: "aborted" };
    let thread: ProbeThread;
    try {
      thread = this.idle.pop() ?? new ProbeThread(this.options);
    } catch (error) {
      return { kind: "trouble", reason: `no thread could be started: ${messageOf(error)}` };
    }
    const verdict = await thread.run(request, ended);
    if (thread.alive) this.keep(thread);
    return verdict;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.idle.splice(0).map((thread) => thread.end()));
  }

  private keep(thread: ProbeThread): void {
    this.idle.push(thread);
    void thread.rest(() => {
      const index = this.idle.indexOf(thread);
      if (index >= 0) this.idle.splice(index, 1);
    });
  }
}

class ProbeThread {
  alive = true;
  private readonly thread: Thread;
  private readonly limits: Limits;
  private resting = new AbortController();

  constructor(private readonly options: ThreadOptions) {
    this.thread = new Thread(options.program, {
      // A parser needs no settings, and no secrets.
      env: {},
      execArgv: [],
      resourceLimits: {
        maxOldGenerationSizeMb: heapLimitMb(Thread, options.memoryMb),
        maxYoungGenerationSizeMb: YOUNG_MB,
      },
    });
    this.limits = new Limits(this.thread, options);
    // Errors between two requests have none to answer for; the next one starts a new thread.
    this.thread.on("error", () => this.markDead());
    this.thread.on("exit", () => this.markDead());
  }

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ThreadVerdict> {
    this.resting.abort();
    this.thread.ref();
    const { promise, resolve } = Promise.withResolvers<ThreadVerdict>();
    const over = new AbortController();
    const hear = (message: ThreadMessage) => (isAnswer(message) ? resolve(message) : this.limits.hear(message));
    const fail = (error: Error) => resolve(judgeEnd(error));
    const exit = (code: number) => resolve(crash(`exit code ${code}`));
    const abort = () => resolve({ kind: "aborted" });
    this.thread.on("message", hear).on("error", fail).on("exit", exit);
    signal.addEventListener("abort", abort);
    void this.limits.watch(over.signal, resolve);
    this.thread.postMessage(request);

    const verdict = await promise;
    over.abort();
    signal.removeEventListener("abort", abort);
    this.thread.off("message", hear).off("error", fail).off("exit", exit);
    // Not awaited: a thread that waits for a dead network disk ends late, and the video need not.
    if (!isAnswer(verdict) || !this.alive) void this.end();
    return verdict;
  }

  /** Waits for the next request, but not for ever: an idle instance stays small. */
  async rest(gone: () => void): Promise<void> {
    this.resting = new AbortController();
    const { signal } = this.resting;
    this.thread.unref();
    await this.options.clock.sleep(this.options.idleMs, signal);
    if (signal.aborted && this.alive) return;
    gone();
    await this.end();
  }

  async end(): Promise<void> {
    this.markDead();
    await this.thread.terminate();
  }

  private markDead(): void {
    this.alive = false;
    this.resting.abort();
  }
}

const ANSWERS = ["described", "unread", "refused", "unreachable", "trouble"];

function isAnswer(said: ThreadVerdict | ThreadMessage): said is ProbeAnswer {
  return ANSWERS.includes(said.kind);
}

function judgeEnd(error: Error): ThreadVerdict {
  const code = "code" in error ? error.code : "";
  if (code === "ERR_WORKER_OUT_OF_MEMORY") return { kind: "outOfMemory" };
  // Of the machine, such as EMFILE: the thread has not even begun.
  if (code === "ERR_WORKER_INIT_FAILED")
    return { kind: "trouble", reason: `no thread could be started: ${error.message}` };
  return crash(messageOf(error));
}

function crash(reason: string): ThreadVerdict {
  return { kind: "crashed", reason };
}
