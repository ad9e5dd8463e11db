// The instances' log files as one log: the last lines, all lines, and those to come.
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";
import { type LogFilter, type LogLine, makeSieve } from "./line.js";
import { mergeBackward, mergeForward, reachingTo } from "./merge.js";
import { type OpenLogFile, OpenLogFiles } from "./open-log-files.js";

export interface ReadLogOptions extends LogFilter {
  folder: string;
  limit: number;
}

/** The last lines that fit, of all instances of this host, oldest first. Reads from the end. */
export async function readLogLines({ folder, limit, ...filter }: ReadLogOptions): Promise<LogLine[]> {
  const log = openLogFolder(folder);
  try {
    return await log.last(limit, filter);
  } finally {
    log.close();
  }
}

export interface FollowOptions {
  clock: Clock;
  signal?: AbortSignal;
}

/** What was there when it was opened, and what has been written since: no line twice, none left out. */
export interface LogFolder {
  isEmpty: boolean;
  last(limit: number, filter: LogFilter): Promise<LogLine[]>;
  all(filter: LogFilter): AsyncGenerator<LogLine, void>;
  /** Lines come in batches; ends when the signal is aborted. */
  follow(filter: LogFilter, options: FollowOptions): AsyncGenerator<LogLine[], void>;
  close(): void;
}

export function openLogFolder(folder: string): LogFolder {
  const logs = new OpenLogFiles(folder);
  logs.refresh();
  const files = logs.files;
  for (const file of files) file.position = file.end;
  return {
    isEmpty: files.length === 0,
    last: async (limit, filter) => {
      const lines: LogLine[] = [];
      if (limit === 0) return lines;
      for await (const line of mergeBackward(reachingTo(files, filter.since), makeSieve(filter))) {
        if (lines.push(line) >= limit) break;
      }
      return lines.reverse();
    },
    all: async function* (filter) {
      const ranges = reachingTo(files, filter.since).map((file) => ({ file, from: 0 }));
      for await (const { line } of mergeForward(ranges, makeSieve(filter))) yield line;
    },
    follow: (filter, options) => follow(logs, filter, options),
    close: () => logs.close(),
  };
}

const POLL_MS = 150;
/** Between a line's moment and the moment it can be read. */
const WRITTEN_MS = 20;
/** Lines handed on in one go. */
const BATCH = 1000;

async function* follow(logs: OpenLogFiles, filter: LogFilter, { clock, signal }: FollowOptions) {
  const sieve = makeSieve(filter);
  let held = new Map<OpenLogFile, LogLine[]>();
  while (!signal?.aborted) {
    await clock.sleep(POLL_MS, signal);
    // Files are looked at one after the other. A line younger than that waits: an older one may stand in another file.
    const settled: Millis = clock.now() - WRITTEN_MS;
    logs.refresh();
    const grown = logs.files.filter((file) => file.end > file.position || held.has(file));
    const ranges = grown.map((file) => ({ file, from: file.position, held: held.get(file) }));
    held = new Map();
    let batch: LogLine[] = [];
    for await (const { line, range } of mergeForward(ranges, sieve)) {
      const young = held.get(range.file);
      if (young !== undefined) young.push(line);
      else if (line.at > settled) held.set(range.file, [line]);
      else if (batch.push(line) >= BATCH) {
        yield batch;
        batch = [];
      }
    }
    for (const file of grown) file.position = file.end;
    logs.closeFinished(clock.now());
    if (batch.length > 0) yield batch;
  }
}
