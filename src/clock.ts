// The one place that reads the time and chance; everything else is handed a Clock.
import { randomUUID } from "node:crypto";
import { setTimeout as delay, setImmediate } from "node:timers/promises";
import type { Millis } from "./video.js";

export interface Clock {
  /** Whole milliseconds since 1970-01-01 UTC. */
  now(): Millis;
  /** The same moment with a fraction, for journals that are merged across processes. */
  nowFine(): Millis;
  /** Milliseconds that only ever grow, for durations. */
  monotonic(): Millis;
  /** A number in [0, 1). */
  random(): number;
  /** A name that no other life has ever had. */
  uniqueId(): string;
  /** Resolves after `ms`, or at once (never rejecting) when the signal is aborted. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>;
  /** Lets the event loop turn once. */
  turn(): Promise<void>;
  /** Calls back once, after `ms`. */
  timer(ms: Millis, ring: () => void): Timer;
  /** Calls back every `ms`, until it is called off. */
  every(ms: Millis, ring: () => void): Timer;
}

export interface Timer {
  /** Calls it off; once it has rung that changes nothing. */
  cancel(): void;
  /** The process may end before it rings. */
  unref(): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  nowFine: () => performance.timeOrigin + performance.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  uniqueId: () => randomUUID().replaceAll("-", "").slice(0, 16),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
  turn: () => setImmediate(),
  timer: (ms, ring) => toTimer(setTimeout(ring, ms)),
  every: (ms, ring) => toTimer(setInterval(ring, ms)),
};

function toTimer(timeout: NodeJS.Timeout): Timer {
  const timer = {
    cancel: () => clearTimeout(timeout),
    unref: () => {
      timeout.unref();
      return timer;
    },
  };
  return timer;
}
