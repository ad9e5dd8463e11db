// How long a video waits between two attempts.
import type { Millis } from "../video.js";

export interface BackoffLimits {
  /** The longest wait before the second attempt. */
  backoffMs: Millis;
  backoffMaxMs: Millis;
}

/** Exponential, capped, with full jitter: anything from 0 to the bound, so that failures do not come back in step. */
export function backoffMs(attempt: number, random: number, limits: BackoffLimits): Millis {
  const bound = Math.min(limits.backoffMaxMs, limits.backoffMs * 2 ** Math.min(attempt - 1, 52));
  return Math.floor(random * (bound + 1));
}
