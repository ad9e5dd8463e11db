// The probing threads of an instance, seen from outside: started when needed, used again, ended when idle, and killed
// when a file has led one into an endless loop or into more memory than it may have.
import { Worker as Thread } from "node:worker_threads";
import type { Clock } from "../../clock.js";
import { messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import type { ProbeAnswer, ProbeRequest, ThreadMessage } from "./messages.js";

export interface ThreadOptions {
  clock: Clock;
  /** The compiled thread.js. */
  program: URL;
  /** Without a word for this long, a thread is killed. */
  timeoutMs: Millis;
  /** A thread without a request for this long is ended. */
  idleMs: Millis;
  memoryMb: number;
}

/** How a request ended: an answer of the thread, or the end of the thread. */
export type ThreadVerdict =
  | ProbeAnswer
  | { kind: "aborted" }
  /** `busy`: it was computing, not waiting for a disk or a network. */
  | { kind: "timedOut"; busy: boolean }
  | { kind: "outOfMemory" }
  | { kind: "crashed"; reason: string };

/** How often the memory of a busy thread is looked at. */
const WATCH_MS = 50;
const MB = 2 ** 20;
/** What a thread holds of its own, before a file makes it hold more. */
const OWN_MB = 16;
/** V8 keeps the pages of an ended thread for the next one, so a small nursery keeps an idle instance small. */
const YOUNG_MB = 2;

export class ProbeThreads {
  private readonly idle: ProbeThread[] = [];
  private readonly closing = new AbortController();

  constructor(private readonly options: ThreadOptions) {}

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ThreadVerdict> {
    const ended = AbortSignal.any([signal, this.closing.signal]);
    if (ended.aborted) return { kind: "aborted" };
    const thread = this.idle.pop() ?? new ProbeThread(this.options);
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
  private resting = new AbortController();

  constructor(private readonly options: ThreadOptions) {
    this.thread = new Thread(options.program, {
      // A parser needs no settings, and no secrets.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapLimitMb(options.memoryMb), maxYoungGenerationSizeMb: YOUNG_MB },
    });
    // Errors between two requests have none to answer for; the next one starts a new thread.
    this.thread.on("error", () => this.markDead());
    this.thread.on("exit", () => this.markDead());
  }

  async run(request: ProbeRequest, signal: AbortSignal): Promise<ThreadVerdict> {
    this.resting.abort();
    this.thread.ref();
    const { promise, resolve } = Promise.withResolvers<ThreadVerdict>();
    const over = new AbortController();
    const startedAt = this.thread.performance.eventLoopUtilization();
    const busy = () => this.thread.performance.eventLoopUtilization(startedAt).utilization > 0.5;
    const deadline = new Deadline(this.options, over.signal, () => resolve({ kind: "timedOut", busy: busy() }));
    const hear = (message: ThreadMessage) => (message.kind === "progress" ? deadline.extend() : resolve(message));
    const fail = (error: Error) => resolve(isOutOfMemory(error) ? { kind: "outOfMemory" } : crash(messageOf(error)));
    const exit = (code: number) => resolve(crash(`exit code ${code}`));
    const abort = () => resolve({ kind: "aborted" });
    this.thread.on("message", hear).on("error", fail).on("exit", exit);
    signal.addEventListener("abort", abort);
    void this.watchMemory(over.signal, () => resolve({ kind: "outOfMemory" }));
    this.thread.postMessage(request);

    const verdict = await promise;
    over.abort();
    signal.removeEventListener("abort", abort);
    this.thread.off("message", hear).off("error", fail).off("exit", exit);
    // Not awaited: a thread that waits for a dead network disk ends late, and the video need not.
    if (!isAnswer(verdict)) void this.end();
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

  /**
   * V8's own limit is the last resort only: where one allocation overshoots it, V8 ends the whole process and not the
   * thread. It also knows nothing of buffers. So the limit that counts is watched from here.
   */
  private async watchMemory(over: AbortSignal, exceeded: () => void): Promise<void> {
    const { clock, memoryMb } = this.options;
    for (;;) {
      await clock.sleep(WATCH_MS, over);
      if (over.aborted || !canMeasure()) return;
      // A thread that is only just starting rejects, and so does one that is ending.
      const heap = await this.thread.getHeapStatistics().catch(() => null);
      if (heap && heap.used_heap_size + heap.external_memory > (OWN_MB + memoryMb) * MB) return exceeded();
    }
  }
}

/** Runs out unless it is extended. */
class Deadline {
  private current = new AbortController();

  constructor(
    private readonly options: Pick<ThreadOptions, "clock" | "timeoutMs">,
    private readonly over: AbortSignal,
    private readonly expired: () => void,
  ) {
    this.extend();
  }

  extend(): void {
    this.current.abort();
    this.current = new AbortController();
    void this.wait(AbortSignal.any([this.current.signal, this.over]));
  }

  private async wait(cancelled: AbortSignal): Promise<void> {
    await this.options.clock.sleep(this.options.timeoutMs, cancelled);
    if (!cancelled.aborted) this.expired();
  }
}

/** Room for what a thread can allocate between two looks; Node before 22.16 cannot look, and has V8's limit only. */
function heapLimitMb(memoryMb: number): number {
  return canMeasure() ? Math.max(1024, memoryMb * 4) : OWN_MB + memoryMb;
}

function canMeasure(): boolean {
  return "getHeapStatistics" in Thread.prototype;
}

function isAnswer(verdict: ThreadVerdict): verdict is ProbeAnswer {
  return ["described", "unread", "refused", "unreachable"].includes(verdict.kind);
}

function isOutOfMemory(error: Error): boolean {
  return "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
}

function crash(reason: string): ThreadVerdict {
  return { kind: "crashed", reason };
}
