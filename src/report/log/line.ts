// One line of a log, read back; and which lines somebody asked for.
import type { Millis } from "../../video.js";

/** From the least to the most urgent. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  at: Millis;
  /** As written: level, time, msg, rank, processId, instance, then what the event has to say. */
  fields: Record<string, unknown>;
  /** The line itself. */
  text: string;
}

export interface LogFilter {
  video?: number | undefined;
  rank?: number | undefined;
  /** This one and more urgent ones. */
  level?: LogLevel | undefined;
  since?: Millis | undefined;
}

/** A line that no instance has written, or only in part, stands where it was found: `at` is that of its neighbour. */
export function parseLine(text: string, at: Millis): LogLine {
  const fields = parseFields(text);
  const time = typeof fields?.time === "string" ? Date.parse(fields.time) : Number.NaN;
  if (fields === undefined || Number.isNaN(time)) return { at, fields: { msg: "unreadable", text }, text };
  return { at: time, fields, text };
}

function parseFields(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

export interface Sieve {
  accepts(line: LogLine): boolean;
  /** Every accepted line contains one of these: nothing else in a file need be looked at closely. None: any line may be. */
  needles: Buffer[];
}

export function makeSieve({ video, rank, level, since = 0 }: LogFilter): Sieve {
  const urgency: readonly unknown[] = LOG_LEVELS;
  const least = level === undefined ? -1 : urgency.indexOf(level);
  const accepts = ({ at, fields }: LogLine) =>
    at >= since &&
    (video === undefined || fields.video === video) &&
    (rank === undefined || fields.rank === rank) &&
    urgency.indexOf(fields.level) >= least;
  const levels = least > 0 ? LOG_LEVELS.slice(least).map((name) => `"level":"${name}"`) : [];
  // Inside a text the quotes would be escaped.
  const needles = video === undefined ? levels : [`"video":${video}`];
  return { accepts, needles: needles.map((needle) => Buffer.from(needle)) };
}
