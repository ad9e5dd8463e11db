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
 * Noted first: if this process ended between the change and its line, completed videos would be pending again without a
 * reason in the journal. A line for a retry that did not happen does no harm.
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
