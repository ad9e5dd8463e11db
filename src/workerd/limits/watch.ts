// CPU and memory of a Worker's thread: from outside while an invocation is under way, and from inside at its two ends.
import { Worker as Thread } from "node:worker_threads";
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";
import { native } from "../native.js";

export interface ThreadSample {
  /** Since the thread was started. */
  cpuMs: number;
  /** Heap and buffers. */
  memoryMb: number;
}

export interface WatchOptions {
  clock: Clock;
  /** From the end of one look to the next. */
  everyMs: Millis;
  onSample: (sample: ThreadSample) => void;
}

const MB = 2 ** 20;

/**
 * Looks at the thread, a spinning one included, until the function that it gives is called or the thread has ended. A
 * look is an interruption of the thread and costs 0.1 ms of CPU, so it belongs to the time of an invocation only.
 */
export function watchThread(thread: Thread, { clock, everyMs, onSample }: WatchOptions): () => void {
  const over = new AbortController();
  const stop = () => {
    over.abort();
    thread.off("exit", stop);
  };
  thread.once("exit", stop);
  void watch();
  return stop;

  async function watch(): Promise<void> {
    while (canMeasure()) {
      await clock.sleep(everyMs, over.signal);
      if (over.signal.aborted) return;
      // A thread that is only just starting rejects, and so does one that is ending.
      const looks = await Promise.all([thread.cpuUsage(), thread.getHeapStatistics()]).catch(() => undefined);
      if (over.signal.aborted) return;
      if (looks !== undefined) onSample(toSample(...looks));
    }
  }
}

type Looks = [Awaited<ReturnType<Thread["cpuUsage"]>>, Awaited<ReturnType<Thread["getHeapStatistics"]>>];

function toSample(...[cpu, heap]: Looks): ThreadSample {
  return { cpuMs: (cpu.user + cpu.system) / 1000, memoryMb: (heap.used_heap_size + heap.external_memory) / MB };
}

/** Node before 24.6 cannot look. */
function canMeasure(): boolean {
  return "cpuUsage" in Thread.prototype;
}

/** What the calling thread has computed so far, 0 before Node 23.9; costs 0.3 us, so every invocation can ask. */
export function threadCpuMs(): number {
  const used = native.process.threadCpuUsage?.();
  return used === undefined ? 0 : (used.user + used.system) / 1000;
}
