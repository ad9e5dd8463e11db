// Reads journals back: one file, or a folder with one of each host, line by line in little memory.
import { createReadStream, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { HidbError, messageOf } from "../errors.js";
import type { JournalLine } from "./journal.js";

/** Where a line stands. */
export interface JournalPlace {
  /** Which of the files. */
  file: number;
  line: number;
}

export interface Reader {
  take(line: JournalLine, place: JournalPlace): void;
  /** A line that cannot be read, and why no instance's death explains it. */
  refuse(text: string, place: JournalPlace): void;
}

/** The files that are meant; errors: FILE_UNREADABLE when there are none. */
export function findJournals(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => /\.(nd)?jsonl?$/.test(name));
    if (names.length === 0) throw new Error("a folder without a file named *.ndjson");
    return names.toSorted().map((name) => join(path, name));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

export function sizeOf(files: string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).size, 0);
}

/** `journal.ndjson:12`, or `line 12` where there is only one file. */
export function namePlace(files: string[], { file, line }: JournalPlace): string {
  return files.length === 1 ? `line ${line}` : `${basename(files[file] ?? "")}:${line}`;
}

/** Errors: FILE_UNREADABLE. */
export async function readJournals(files: string[], reader: Reader): Promise<void> {
  for (const [file, path] of files.entries()) await readJournal(path, file, reader);
}

/** A torn line is accepted at the end of a file: its writer was killed, or is still writing. */
async function readJournal(path: string, file: number, reader: Reader): Promise<void> {
  let line = 0;
  let rest = "";
  try {
    for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 20 })) {
      const texts = (rest + chunk).split("\n");
      rest = texts.pop() ?? "";
      for (const text of texts) readLine(text, { file, line: ++line }, reader);
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const last = parseLine(rest);
  if (last !== undefined) reader.take(last, { file, line: line + 1 });
  else if (rest !== "" && !isTorn(rest)) reader.refuse(rest, { file, line: line + 1 });
}

function readLine(text: string, place: JournalPlace, reader: Reader): void {
  if (text === "" || text === "\r") return;
  // A torn line in the middle of a shared file is followed directly by the next writer's line.
  const at = text.lastIndexOf(BEGINNING);
  const line = parseLine(at > 0 && isTorn(text.slice(0, at)) ? text.slice(at) : text);
  if (line === undefined) reader.refuse(text, place);
  else reader.take(line, place);
}

const BEGINNING = '{"time":';

/** The first part of a line, and no more than that. */
function isTorn(text: string): boolean {
  return (text.startsWith(BEGINNING) || BEGINNING.startsWith(text)) && !text.includes("}");
}

const VIDEO_EVENTS = new Set(["claim", "settle", "release", "lost", "reclaim", "retry", "cancel", "remove"]);
const LIFE_EVENTS = new Set(["begin", "renew", "gone"]);

function parseLine(text: string): JournalLine | undefined {
  let line: Record<string, unknown> | null;
  try {
    line = JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    return undefined;
  }
  if (typeof line?.time !== "number" || typeof line.instance !== "string") return undefined;
  const event = String(line.event);
  const ofVideo = VIDEO_EVENTS.has(event) && Number.isSafeInteger(line.video) && Number.isSafeInteger(line.attempt);
  return ofVideo || LIFE_EVENTS.has(event) ? (line as unknown as JournalLine) : undefined;
}

function unreadable(path: string, cause: unknown): HidbError {
  return new HidbError({
    code: "FILE_UNREADABLE",
    message: `expected to read the journal ${path}, got ${messageOf(cause)}`,
    fix: "correct HIDB_JOURNAL or --journal",
    cause,
  });
}
