// Repeats a write whose answer was lost; only for writes that have the same effect when they are applied twice.
import { isOutcomeUnknown } from "../errors.js";

const MOST_TRIES = 5;

export async function retryIdempotent<T>(write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (!isOutcomeUnknown(error) || tries === MOST_TRIES) throw error;
    }
  }
}
