// The end of an instance: it releases what has not started, waits for what runs, settles the rest, and leaves the pool.
import type { Millis } from "../video.js";
import { ABORT_GRACE_MS } from "./attempt.js";
import type { DrainRequest } from "./ending.js";
import type { Heartbeat } from "./heartbeat.js";
import { type JourneyParts, releaseUnstarted, settleAndReport } from "./journey.js";
import type { Memory } from "./memory.js";
import type { InstanceParts } from "./parts.js";
import type { Signal } from "./signal.js";

interface DrainParts extends JourneyParts, Pick<InstanceParts, "processor" | "runs" | "config"> {
  heartbeat: Heartbeat;
  memory: Memory;
  signal: Signal;
}

export async function drainInstance(request: DrainRequest, parts: DrainParts): Promise<void> {
  const { instance, store, processor, report, config, inHand, ending, heartbeat, figures, memory, runs } = parts;
  const { because, exitCode, atOnce } = request;
  report({ type: "instance.draining", because });
  const beginning = store.beginDrain().catch((error: unknown) => ending.noteError(error));
  releaseUnstarted(parts);
  await beginning;
  await emptyHand(atOnce ? 0 : config.drainMs, parts);
  inHand.stopAll("drain");
  await emptyHand(2 * ABORT_GRACE_MS, parts);
  // Before hung attempts are settled: what the processor can end is over when another instance takes their videos.
  await Promise.race([processor.close(), instance.clock.sleep(ABORT_GRACE_MS)]);
  const last = inHand.takeSettledLast().filter(({ attempt }) => !store.isKept(attempt.claim));
  for (const ended of last) void settleAndReport(ended, parts);
  await store.flush();
  store.useReserve();
  await heartbeat.stop();
  await runs?.close().catch((error: unknown) => ending.noteError(error));
  await store
    .leave({ ...figures, inHand: inHand.size, ...memory.figures }, because)
    .catch((error: unknown) => ending.noteError(error));
  store.close();
  report({ type: "instance.gone", because, exitCode });
}

/** Waits until nothing is in hand, for `ms` at most. */
async function emptyHand(ms: Millis, { instance: { clock }, inHand, signal }: DrainParts): Promise<void> {
  const until = clock.monotonic() + ms;
  const timer = clock.timer(ms, () => signal.notify());
  while (inHand.size > 0 && clock.monotonic() < until) await signal.wait();
  timer.cancel();
}
