// Passes on what all rooms share.
export { hidesAnything, shownUrl } from "../shown.js";

/** Enough to tell why; a path alone may take 4,096 bytes of it. */
const LONGEST_REASON = 5000;

/** Why an attempt failed, in words that may come from anybody: not for pages, and without what a terminal would obey. */
export function shownReason(text: string): string {
  const shown = text.slice(0, LONGEST_REASON).toWellFormed();
  // Tabs and line feeds are for people.
  return shown.replaceAll(/[^\P{Cc}\t\n]+/gu, " ").trim() || "no reason is known";
}
