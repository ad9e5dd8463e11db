// What a person should know first: why nothing new is claimed, or who has died.
/** @import { Child, ElementDescription, Overview } from "./types.d.ts" */
import { h } from "./dom.js";
import { clockTime, plural } from "./format.js";
import { now } from "./live.js";

/**
 * Nothing, when all is well.
 * @type {(overview: Overview) => Child}
 */
export function banner({ paused, hold, draining, halted, dead, instances: rows, counts }) {
  const open = counts.pending + counts.running;
  if (halted)
    return notice("The pool has halted: too many videos failed", paused?.reason, "See why below, then resume.");
  if (hold)
    return notice(
      `The pool waits${until(hold.until)}`,
      hold.reason ?? "an outside quota is used up",
      "It goes on by itself.",
    );
  if (draining)
    return notice("The pool drains", paused?.reason, "What runs is finished, the rest is given back. Resume to go on.");
  if (paused)
    return notice(
      `The pool is paused${until(paused.until)}`,
      paused.reason,
      "What runs is finished; nothing new is claimed.",
    );
  if (rows.length === 0 && open > 0)
    return notice("No instance is live", `${plural(open, "video")} still to do.`, "Start the pool: hidb start");
  if (dead.instances > 0)
    return notice(
      `${plural(dead.instances, "instance")} died with ${plural(dead.inHand, "video")} in hand`,
      "",
      "The next instance to beat or start takes them back.",
    );
  return null;
}

/** @type {(title: string, reason: string | null | undefined, more: string) => ElementDescription} */
function notice(title, reason, more) {
  return h(
    "div",
    { class: "notice warn", role: "status" },
    h("strong", null, title),
    reason && h("span", null, reason),
    h("span", { class: "fix" }, more),
  );
}

/** @type {(at: number | null) => string} */
function until(at) {
  return at ? ` until ${clockTime(at, now())}` : "";
}
