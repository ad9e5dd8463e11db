// Part of the processor `worker`: where one of several videos has ended their thread, each is processed again in a
// thread of its own, a few at a time: a thread takes some 15 MB.
import pLimit from "p-limit";
import type { Outcome } from "../../video.js";

/** One that spins holds its place until its time-out; the innocent pass it by. */
const AT_ONCE = 3;

export function openLane() {
  const limit = pLimit(AT_ONCE);
  /** Whose attempt is stopped while it waits for its turn is given back at once. */
  return (signal: AbortSignal, work: () => Promise<Outcome>): Promise<Outcome> => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const leave = () => resolve({ kind: "released" });
    signal.addEventListener("abort", leave, { once: true });
    void limit(async () => {
      signal.removeEventListener("abort", leave);
      if (signal.aborted) return;
      const outcome = work();
      resolve(outcome);
      await outcome.catch(() => undefined);
    });
    return promise;
  };
}
