// Writes that do the same when they are done twice: where the answer was lost they are done again, without asking.
import { isOutcomeUnknown } from "../errors.js";

const MOST_TRIES = 5;

export async function again<T>(write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (!isOutcomeUnknown(error) || tries === MOST_TRIES) throw error;
    }
  }
}
