// How an export says numbers, moments and texts from outside.
import type { Millis } from "../../video.js";

/** No text from outside can break a line, move a cursor or turn the reading direction. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, (char) => {
    return `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** For an HTML text or a quoted attribute; cut where it is longer than anybody reads. */
export function escapeHtml(text: string, length = 300): string {
  const cut = text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text.toWellFormed();
  return visible(cut).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** `3 videos`, `1 video`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const UNITS: [Millis, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
];

/** `812 ms`, `3.2 s`, `3 min 20 s`, `5 d 2 h`: two figures are enough to compare by. */
export function formatDuration(ms: Millis): string {
  if (ms === 0) return "0";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000) * 1000;
  const at = UNITS.findIndex(([unit]) => seconds >= unit);
  const [unit, name] = UNITS[at] ?? [60_000, "min"];
  const [small, smallName] = UNITS[at + 1] ?? [1000, "s"];
  const whole = Math.floor(seconds / unit);
  const rest = Math.floor((seconds - whole * unit) / small);
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${smallName}`;
}

/** `2026-11-24 14:02:09`, UTC. */
export function formatMoment(at: Millis): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}
