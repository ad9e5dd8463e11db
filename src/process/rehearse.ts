// Stage `process`, the processor `rehearse`: waits in place of work, and goes wrong at given rates, for trials and benchmarks.
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import type { Millis, Outcome, Video } from "../video.js";
import type { AttemptContext, Processor } from "./processor.js";

type Mishap = "permanent" | "fail" | "die" | "hang" | "block";

/** A video without a known duration is rehearsed as one of this length. */
const UNKNOWN_DURATION_S = 1;
/** Timers are 1 ms coarse and late by up to one more; the rest of a wait is passed in turns of the event loop, 2 ms of CPU. */
const TIMER_SLACK_MS = 1.5;
/** Node's timers fire at once beyond 2^31 ms. */
const LONGEST_TIMER_MS = 86_400_000;
const MB = 1024 * 1024;

const released: Outcome = Object.freeze({ kind: "released" });
// The path of a benchmark at 100,000 videos/s: one outcome, one settled promise, shared by all.
const nothingToDo: Promise<Outcome> = Promise.resolve(Object.freeze({ kind: "completed", output: null }));
const givenBack: Promise<Outcome> = Promise.resolve(released);

export function createRehearse(config: Config, { clock }: { clock: Clock }): Processor {
  const rates: Record<Mishap, number> = {
    permanent: config.rehearsePermanent,
    fail: config.rehearseFail,
    die: config.rehearseDie,
    hang: config.rehearseHang,
    block: config.rehearseBlock,
  };
  const eventless = Object.values(rates).every((rate) => rate === 0) && config.rehearseAllocMb === 0;
  const kept: Buffer[] = [];

  function happens(mishap: Mishap, videoId: number, attempt: number | null): boolean {
    return rates[mishap] > 0 && chance(`${config.rehearseSeed} ${mishap} ${videoId} ${attempt}`) < rates[mishap];
  }

  async function rehearse(video: Video, { attempt, signal }: AttemptContext, waitMs: Millis): Promise<Outcome> {
    // Filled with ones: pages of zeros would be promised by the system but not taken.
    if (config.rehearseAllocMb > 0) kept.push(Buffer.alloc(config.rehearseAllocMb * MB, 1));
    if (happens("hang", video.id, attempt)) return new Promise(() => {});
    const startedAt = clock.monotonic();
    if (happens("die", video.id, attempt)) {
      await waitUntil(clock, startedAt + waitMs / 2, signal);
      if (signal.aborted) return released;
      process.kill(process.pid, "SIGKILL");
    }
    if (happens("block", video.id, attempt)) blockFor(waitMs);
    else await waitUntil(clock, startedAt + waitMs, signal);
    if (signal.aborted) return released;
    // A video that is broken is so in every attempt.
    if (happens("permanent", video.id, null)) return { kind: "failed", reason: "rehearsed a permanent failure" };
    if (happens("fail", video.id, attempt)) return { kind: "retry", reason: "rehearsed a failure" };
    const waitedS = (clock.monotonic() - startedAt) / 1000;
    return { kind: "completed", output: waitMs > 0 ? `{"rehearsed_s":${waitedS.toFixed(6)}}` : null };
  }

  return {
    process(video, context) {
      if (context.signal.aborted) return givenBack;
      const waitMs = (video.durationS ?? UNKNOWN_DURATION_S) * config.rehearseFactor * 1000;
      if (eventless && waitMs <= 0) return nothingToDo;
      return rehearse(video, context, waitMs);
    },
    async close() {
      kept.length = 0;
    },
  };
}

/** Waits until the monotonic deadline to within a few hundredths of a millisecond, or until the signal is aborted. */
async function waitUntil(clock: Clock, deadline: Millis, signal: AbortSignal): Promise<void> {
  const bulkMs = () => Math.floor(deadline - clock.monotonic() - TIMER_SLACK_MS);
  // Asked once a round: the process may stand still between two looks, and no timer takes a negative time.
  for (let ms = bulkMs(); ms >= 1 && !signal.aborted; ms = bulkMs()) {
    await clock.sleep(Math.min(ms, LONGEST_TIMER_MS), signal);
  }
  if (signal.aborted || clock.monotonic() >= deadline) return;
  await new Promise<void>((resolve) => {
    function turn(): void {
      if (signal.aborted || clock.monotonic() >= deadline) resolve();
      else setImmediate(turn);
    }
    setImmediate(turn);
  });
}

function blockFor(ms: Millis): void {
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The same number in [0, 1) for the same key, on every machine: FNV-1a with the final mix of murmur3. */
function chance(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
