// A retry by hand in the journal: it is noted before it is done.
import type { Clock } from "../clock.js";
import { appendToJournal } from "./journal.js";

interface RetryParts {
  clock: Clock;
  /** Which videos it would take now. */
  find: () => Promise<number[]>;
  retry: () => Promise<number[]>;
}

/**
 * Were it noted afterwards only, the end of this process in between would leave completed videos that are pending again,
 * and a journal by which that cannot be. A note of what was not done in the end excuses nothing but itself.
 */
export async function retryInJournal(file: string, { clock, find, retry }: RetryParts): Promise<number[]> {
  if (file === "") return retry();
  const time = clock.nowFine();
  const meant = new Set(await find());
  appendToJournal(file, "retry", [...meant], { time });
  const retried = await retry();
  const others = retried.filter((video) => !meant.has(video));
  appendToJournal(file, "retry", others, { time });
  return retried;
}
