// Describes what keeps the pool from claiming.
import type { Status } from "../report/status.js";
import { asTyped, formatTime, printable } from "./print.js";

type Stops = Pick<Status, "paused" | "reason" | "until" | "hold" | "draining" | "halted">;

/** In a word; null while the pool claims. */
export function nameStop({ paused, hold, draining, halted }: Stops): string | null {
  if (halted) return "halted";
  if (draining) return "drained";
  if (paused) return "paused";
  return hold === null ? null : "held";
}

/** In a sentence; null while the pool claims. */
export function describeStop(stops: Stops): string | null {
  const { paused, reason, until, hold, draining, halted } = stops;
  const because = reason === null ? "" : ` (${printable(reason)})`;
  if (halted) return asTyped(`halted${because}: nothing new is claimed until \`hidb resume\``);
  if (draining) return asTyped("drained: what runs is finished, nothing new is claimed until `hidb resume`");
  if (paused) {
    return asTyped(
      `paused${because}: nothing new is claimed until ${until === null ? "`hidb resume`" : formatTime(until)}`,
    );
  }
  if (hold === null) return null;
  const end = hold.until === null ? "`hidb resume`" : formatTime(hold.until);
  return asTyped(`held by an outside quota until ${end}${hold.reason === null ? "" : ` (${printable(hold.reason)})`}`);
}
