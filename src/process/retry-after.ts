// The Retry-After header of a response.
import type { Millis } from "../video.js";

/** After this long a server is asked again whatever its header says. */
const LONGEST_WAIT_MS = 86_400_000;
/** The three forms of an HTTP date; `Date.parse` alone would find a date even in `-5`. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/;

/** `Retry-After` in seconds or as a date, up to a day; undefined when there is none that can be read. */
export function readRetryAfter(value: string | null | undefined, now: Millis): Millis | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_WAIT_MS);
  if (!HTTP_DATE.test(text)) return undefined;
  // The oldest form names no zone, and means the same one.
  const waitMs = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`) - now;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), LONGEST_WAIT_MS);
}
