// Several files' lines as one sequence in time order.
import type { Millis } from "../../video.js";
import { type Lines, readBackward, readForward } from "./cursors.js";
import type { LogLine, Sieve } from "./line.js";
import type { OpenLogFile } from "./open-log-files.js";

interface Source {
  lines: Lines;
  head: LogLine;
}

/** A line is written a little after its moment. */
const SLACK_MS = 2000;

/** The newest line first. A file is not looked into before its last line can be the next: few are, where few are asked for. */
export async function* mergeBackward(files: OpenLogFile[], sieve: Sieve): Lines {
  const waiting = files.map((file, order) => ({ file, order })).sort((a, b) => a.file.mtimeMs - b.file.mtimeMs);
  const sources: (Source & { order: number })[] = [];
  for (;;) {
    let newest = pickNewest(sources);
    for (let next = waiting.at(-1); next !== undefined && mayBeNewer(next.file, newest); next = waiting.at(-1)) {
      waiting.pop();
      const source = await begin(readBackward(next.file, sieve));
      if (source !== undefined) sources.push({ ...source, order: next.order });
      newest = pickNewest(sources);
    }
    if (newest === undefined) return;
    yield newest.head;
    await advance(newest, sources);
  }
}

function mayBeNewer({ mtimeMs }: OpenLogFile, newest: Source | undefined): boolean {
  return newest === undefined || mtimeMs + SLACK_MS >= newest.head.at;
}

function pickNewest<S extends Source & { order: number }>(sources: S[]): S | undefined {
  let best: S | undefined;
  for (const one of sources) {
    if (best === undefined || one.head.at > best.head.at || (one.head.at === best.head.at && one.order > best.order))
      best = one;
  }
  return best;
}

export interface LogRange {
  file: OpenLogFile;
  from: number;
  /** Lines that stand before `from` and were not told yet. */
  held?: LogLine[] | undefined;
}

/** The oldest line first, each with where it stands; of one moment, in the order of the ranges. */
export async function* mergeForward(
  ranges: LogRange[],
  sieve: Sieve,
): AsyncGenerator<{ line: LogLine; range: LogRange }, void> {
  const begun = ranges.map(async (range) => {
    const source = await begin(chain(range.held ?? [], readForward(range.file, range.from, sieve)));
    return source && { ...source, range };
  });
  const sources = (await Promise.all(begun)).filter((source) => source !== undefined);
  for (;;) {
    const oldest = pickOldest(sources);
    if (oldest === undefined) return;
    yield { line: oldest.head, range: oldest.range };
    await advance(oldest, sources);
  }
}

function pickOldest<S extends Source>(sources: S[]): S | undefined {
  let best: S | undefined;
  for (const one of sources) if (best === undefined || one.head.at < best.head.at) best = one;
  return best;
}

async function* chain(held: LogLine[], lines: Lines): Lines {
  yield* held;
  yield* lines;
}

async function begin(lines: Lines): Promise<Source | undefined> {
  const { value } = await lines.next();
  return value === undefined ? undefined : { lines, head: value };
}

async function advance(source: Source, sources: Source[]): Promise<void> {
  const { value } = await source.lines.next();
  if (value !== undefined) source.head = value;
  else sources.splice(sources.indexOf(source), 1);
}

/** Files that can hold lines of the moment or later. */
export function reachingTo(files: OpenLogFile[], since: Millis = 0): OpenLogFile[] {
  return files.filter(({ mtimeMs }) => mtimeMs + SLACK_MS >= since);
}
