// Lines of a screen: pieces of text with a style each, cut to the width of the terminal.
import { printable, styled } from "../print.js";

export type Style = Parameters<typeof styled>[0];
export type StyledText = string | [Style, string];
export type ScreenLine = StyledText[];

/** As shown on the screen: without control characters, cut to the terminal's width. */
export function render(line: ScreenLine, width: number): string {
  let left = width;
  let text = "";
  for (const piece of line) {
    const [style, raw] = typeof piece === "string" ? [undefined, piece] : piece;
    const fitted = cut(printable(raw), left);
    left -= widthOf(fitted);
    text += style === undefined ? fitted : styled(style, fitted);
    if (left <= 0) break;
  }
  return text;
}

/** Text that does not fit ends in an ellipsis. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width <= 0) return "";
  let taken = "";
  let used = 1;
  for (const char of text) {
    used += widthOf(char);
    if (used > width) break;
    taken += char;
  }
  return `${taken}…`;
}

/** To the left, or cut. */
export function pad(text: string, width: number): string {
  const fitted = cut(text, width);
  return fitted + " ".repeat(Math.max(0, width - widthOf(fitted)));
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/gu;
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/gu;

/** Columns on a terminal. */
export function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII, by far the most frequent case
  if (/^[\x00-\x7f]*$/.test(text)) return text.length;
  return [...text].length + (text.match(WIDE)?.length ?? 0) - (text.match(NONE)?.length ?? 0);
}

export function bar(share: number, width: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}
