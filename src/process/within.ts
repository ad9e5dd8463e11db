// How long to wait for a processor to close.
import type { Clock } from "../clock.js";
import type { Millis } from "../video.js";

/**
 * What `close` waits for at the most; PM2 waits 5 s for a whole instance unless told otherwise. A child or a thread that
 * waits for a dead disk cannot be ended by anybody: not even SIGKILL reaches it before the disk answers.
 */
export const CLOSE_MS: Millis = 4500;

/** Whether all of it has settled in time; never rejects. */
export async function settledWithin(ms: Millis, work: Iterable<Promise<unknown>>, clock: Clock): Promise<boolean> {
  const over = new AbortController();
  const settled = Promise.allSettled(work).then(() => true);
  const late = clock.sleep(ms, over.signal).then(() => false);
  return Promise.race([settled, late]).finally(() => over.abort());
}
