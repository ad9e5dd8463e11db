// Without a terminal: a line a minute for people, an object a second for machines.
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import type { Overview } from "../../report/overview.js";
import type { Millis } from "../../video.js";
import { clock } from "../context.js";
import { describeEta } from "../eta.js";
import { formatCount, note, say, sayJson } from "../print.js";
import { nameStop } from "../stops.js";
import { openFeed } from "./feed.js";
import { formatMb, formatRate } from "./figures.js";

const LINE_EVERY_MS = 60_000;
const OBJECT_EVERY_MS = 1000;

export interface PlainParts {
  database: Database;
  config: Config;
  stop: AbortSignal;
  json: boolean;
}

/** Until a signal, or until the output is closed. */
export async function watchPlainly({ database, config, stop, json }: PlainParts): Promise<void> {
  const feed = openFeed(database, config, 0);
  const everyMs = json ? OBJECT_EVERY_MS : LINE_EVERY_MS;
  let told: string | null = null;
  for (let next = clock.monotonic(); !stop.aborted; next = Math.max(next + everyMs, clock.monotonic())) {
    await clock.sleep(Math.max(0, next - clock.monotonic()), stop);
    if (stop.aborted) return;
    await feed.look();
    const { overview, trouble } = feed;
    if (trouble !== null && trouble !== told) note(`hidb: ${trouble}`);
    told = trouble;
    if (overview === null) continue;
    if (json) sayJson(overview);
    else if (trouble === null) say(describeLine(overview, clock.now()));
  }
}

/** `14:02:09  1,204 of 2,376 done  3 up  3 running  54.1/min  done about 14:24, in 9 of 10 cases by 14:27  412 MB` */
export function describeLine(overview: Overview, now: Millis): string {
  const { counts, instances, rates, eta, memory, paused, hold, draining, halted } = overview;
  const ended = counts.total - counts.pending - counts.running;
  const parts = [
    new Date(now).toTimeString().slice(0, 8),
    `${formatCount(ended)} of ${formatCount(counts.total)} done`,
    `${instances.length} up`,
    `${formatCount(counts.running)} running`,
  ];
  if (rates.minute !== null) parts.push(formatRate(rates.minute));
  const failed = counts.failed + counts.quarantined;
  if (failed > 0) parts.push(`${formatCount(failed)} failed`);
  const stop = nameStop({ paused: paused !== null, reason: null, until: null, hold, draining, halted });
  const end = stop ?? describeEta(eta, now);
  if (end !== null) parts.push(end);
  if (memory.usedBytes > 0) parts.push(formatMb(memory.usedBytes));
  return parts.join("  ");
}
