// Results go to stdout, everything else to stderr; names are shown without control characters.
import { once } from "node:events";
import { styleText } from "node:util";
import { readCommandName } from "../config/environment.js";

let whenUnheard: (() => void) | undefined;

/** With `| head`, a closed pipe is no error. */
export function quietOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (whenUnheard !== undefined) return whenUnheard();
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
}

/** For a command that must clean up: called when a line could not be written, instead of ending the process. */
export function onUnheard(act: () => void): void {
  whenUnheard = act;
}

/** Writes hidb's commands in a `next:` or `fix:` line so that they can be typed as they stand. */
export function asTyped(text: string): string {
  return text.replace(/(^|`|next: |then )hidb (?=[a-z<-])/gm, `$1${readCommandName()} `);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function sayJson(value: unknown): void {
  say(JSON.stringify(value));
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Writes any amount of text, no faster than it is read. */
export async function sayMuch(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

type Style = Parameters<typeof styleText>[0];

/** Plain when stdout is no terminal or NO_COLOR is set. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Control characters, as in a file name with a line break, become visible. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to catch
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => JSON.stringify(char).slice(1, -1));
}

export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** "1 video", "2 videos". */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

export function formatTime(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
}

/** Columns of equal width; numbers stand to the right. */
export function alignColumns(rows: (string | number)[][], indent = ""): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, textOf(cell).length);
  }
  return rows.map((row) => {
    const cells = row.map((cell, at) => {
      const width = widths[at] ?? 0;
      return typeof cell === "number" ? textOf(cell).padStart(width) : cell.padEnd(width);
    });
    return `${indent}${cells.join("  ")}`.trimEnd();
  });
}

function textOf(cell: string | number): string {
  return typeof cell === "number" ? formatCount(cell) : cell;
}
