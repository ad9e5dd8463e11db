// The band of the ETA in words, as times on this clock.
import type { Eta } from "../report/eta.js";
import type { Millis } from "../video.js";
import { formatSeconds } from "./print.js";

/** `03:10, by 05:40 in 9 of 10 cases`; null when it cannot be told or nothing is left. */
export function describeEta(eta: Eta | null, now: Millis): string | null {
  if (eta === null || eta.p90 <= now) return null;
  return `done about ${formatMoment(eta.p50, now)}, in 9 of 10 cases by ${formatMoment(eta.p90, now)}`;
}

/** `14:58 (9 of 10: 15:02)` */
export function describeShort({ p50, p90 }: Eta, now: Millis): string {
  return `${formatMoment(p50, now)} (9 of 10: ${formatMoment(p90, now)})`;
}

/** `in 12 h to 15 h` */
export function describeLeft({ p50, p90 }: Eta, now: Millis): string {
  const [first, last] = [p50, p90].map((at) => formatSeconds(Math.max(0, at - now) / 1000)) as [string, string];
  return first === last ? `in ${first}` : `in ${first} to ${last}`;
}

const DAY_MS = 86_400_000;

/** Only the parts that differ from now: the seconds, the hour, the day. */
export function formatMoment(at: Millis, now: Millis): string {
  const date = new Date(at);
  const time = new Intl.DateTimeFormat("en-GB", { timeStyle: at - now < 600_000 ? "medium" : "short" }).format(date);
  if (date.toDateString() === new Date(now).toDateString()) return time;
  const far = at - now > 6 * DAY_MS;
  const day = new Intl.DateTimeFormat("en-GB", far ? { day: "numeric", month: "short" } : { weekday: "short" });
  return `${day.format(date)} ${time}`;
}
