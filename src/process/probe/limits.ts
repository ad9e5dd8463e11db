// What a probing thread may use, judged from outside: the memory that is live, the CPU time in which a parser gets no
// further, and the time without a byte. Wall time says nothing of a file on a busy machine, nor does garbage.
import type { Worker as Thread } from "node:worker_threads";
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";
import type { ThreadMessage } from "./messages.js";

export interface LimitOptions {
  clock: Clock;
  /** CPU time without progress, and time without a byte. */
  timeoutMs: Millis;
  memoryMb: number;
}

export type Excess =
  /** `busy`: it was computing, not waiting for a disk or a network. */
  { kind: "timedOut"; busy: boolean } | { kind: "outOfMemory" } | { kind: "trouble"; reason: string };

/** How often a busy thread is looked at. */
const WATCH_MS = 50;
const MB = 2 ** 20;
/** What a thread holds of its own, before a file makes it hold more. */
export const OWN_MB = 16;
/** Garbage counts from this multiple of the limit on: it is memory, too. */
const GARBAGE_FACTOR = 3;
/** Above the limit a parser may compute for so long before it lets its garbage be collected. */
const COLLECT_CPU_MS = 500;
/** So many times the time-out a thread may wait for the CPU. */
const STARVED_FACTOR = 10;

export class Limits {
  readonly #thread: Thread;
  readonly #options: LimitOptions;
  readonly #measure: () => Promise<void>;
  #measuring = false;
  #online = false;
  #cpuMs = 0;
  #usedBytes = 0;
  #progressCpuMs = 0;
  #heardAt: Millis;
  #heardUtilization;
  /** When the thread was asked to collect its garbage, in its CPU time; what is measured after its answer is live. */
  #askedCpuMs: number | null = null;
  #isLive = false;
  /** The measurement under way began before the collection. */
  #isStale = false;

  constructor(thread: Thread, options: LimitOptions) {
    this.#thread = thread;
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
    this.#heardUtilization = thread.performance.eventLoopUtilization();
    this.#measure = meter(thread, (cpuMs, usedBytes) => this.#note(cpuMs, usedBytes));
    thread.once("online", () => {
      this.#online = true;
    });
  }

  /** Looks at the thread until it has exceeded something or `over` is aborted. */
  async watch(over: AbortSignal, exceeded: (excess: Excess) => void): Promise<void> {
    this.hear({ kind: "progress" });
    this.#askedCpuMs = null;
    for (;;) {
      await this.#options.clock.sleep(WATCH_MS, over);
      if (over.aborted) return;
      // Not awaited: a thread that is stuck in a call to the system does not answer.
      if (!this.#measuring) {
        this.#measuring = true;
        void this.#measure().finally(() => {
          this.#measuring = false;
        });
      }
      const excess = this.#judgeMemory() ?? this.#judgeTime();
      if (excess) return exceeded(excess);
    }
  }

  hear({ kind }: Pick<ThreadMessage, "kind">): void {
    this.#online = this.#online || kind !== "progress";
    this.#heardAt = this.#options.clock.monotonic();
    this.#heardUtilization = this.#thread.performance.eventLoopUtilization();
    if (kind === "progress") this.#progressCpuMs = this.#cpuMs;
    if (kind !== "collected") return;
    this.#usedBytes = 0;
    this.#isLive = true;
    this.#isStale = this.#measuring;
  }

  #note(cpuMs: number, usedBytes: number): void {
    this.#cpuMs = cpuMs;
    if (!this.#isStale) this.#usedBytes = usedBytes;
    this.#isStale = false;
  }

  #judgeMemory(): Excess | null {
    const most = (OWN_MB + this.#options.memoryMb) * MB;
    if (this.#usedBytes <= most) {
      if (this.#isLive && this.#usedBytes > 0) this.#askedCpuMs = null;
      return null;
    }
    if (this.#usedBytes > most * GARBAGE_FACTOR) return { kind: "outOfMemory" };
    if (this.#askedCpuMs === null) {
      this.#askedCpuMs = this.#cpuMs;
      this.#isLive = false;
      this.#thread.postMessage({ kind: "collect" });
      return null;
    }
    if (this.#isLive || this.#cpuMs - this.#askedCpuMs > COLLECT_CPU_MS) return { kind: "outOfMemory" };
    return null;
  }

  #judgeTime(): Excess | null {
    const { clock, timeoutMs } = this.#options;
    if (this.#cpuMs - this.#progressCpuMs >= timeoutMs) return { kind: "timedOut", busy: true };
    const silentMs = clock.monotonic() - this.#heardAt;
    if (silentMs < timeoutMs) return null;
    const { utilization } = this.#thread.performance.eventLoopUtilization(this.#heardUtilization);
    if (this.#online && utilization < 0.5) return { kind: "timedOut", busy: false };
    if (silentMs < timeoutMs * STARVED_FACTOR) return null;
    return { kind: "trouble", reason: "this machine is so busy that the parser gets no CPU time" };
  }
}

/** Measures a thread while it computes; Node before 24.6 tells no CPU time of it, and before 22.16 nothing of its heap. */
function meter(thread: Thread, note: (cpuMs: number, usedBytes: number) => void): () => Promise<void> {
  const utilizationAtStart = thread.performance.eventLoopUtilization();
  const cpuAtStart = process.cpuUsage();
  return async () => {
    // One that is only just starting rejects, and so does one that is ending.
    const heap = "getHeapStatistics" in thread ? await thread.getHeapStatistics().catch(() => null) : null;
    const own = "cpuUsage" in thread ? await thread.cpuUsage().catch(() => null) : null;
    const { user, system } = own ?? process.cpuUsage(cpuAtStart);
    const cpuMs = (user + system) / 1000;
    const active = own ? cpuMs : thread.performance.eventLoopUtilization(utilizationAtStart).active;
    note(Math.min(cpuMs, active), heap ? heap.used_heap_size + heap.external_memory : 0);
  };
}

/**
 * V8's own limit is the last resort only: where one allocation overshoots it, V8 ends the whole process and not the thread,
 * and it knows nothing of buffers. So it leaves room for what a thread can allocate between two looks.
 */
export function heapLimitMb(thread: typeof Thread, memoryMb: number): number {
  return "getHeapStatistics" in thread.prototype ? Math.max(1024, memoryMb * 4) : OWN_MB + memoryMb;
}
