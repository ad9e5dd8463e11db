// Compares the end of a video's history with its row: what was settled stays settled, and what is settled has its line.
import type { Millis } from "../video.js";
import type { KeptLine } from "./journal-columns.js";
import { type JournalLives, mayOweLine } from "./journal-lives.js";

/** What the database says of a video now. */
export interface VideoRow {
  state: string;
  attempt: number;
  instance: string | null;
  finishedAt: Millis | null;
}

/** How a history ends. */
export interface HistoryEnd {
  /** What has ended the video. */
  last: KeptLine | undefined;
  /** Claims without an end. */
  held: KeptLine[];
  /** A person has retried it, or tried to, and no instance has claimed it since. */
  mayBeginAnew: boolean;
}

interface Difference {
  rule: string;
  what: string;
  lines: KeptLine[];
}

/** The database is read last: while the pool works, it is ahead of the lines that were read. */
const AHEAD_MS = 1000;

export function compareWithRow(
  end: HistoryEnd,
  row: VideoRow | undefined,
  lives: JournalLives,
): Difference | undefined {
  const { last, held, mayBeginAnew } = end;
  if (last?.outcome === "completed") {
    return mayBeginAnew ? undefined : compareCompletion(last, row, lives);
  }
  if (row?.state !== "completed" || row.instance === null || !lives.knows(row.instance)) return undefined;
  const life = lives.of(row.instance);
  const finishedAt = row.finishedAt ?? 0;
  if (!life.leftInOrder && finishedAt >= lives.latest - AHEAD_MS) return undefined;
  const claim = held.find((one) => one.instance === row.instance && one.attempt === row.attempt);
  if (claim !== undefined && mayOweLine(life, finishedAt)) return undefined;
  const lacks = claim === undefined ? "neither its claim nor its settlement" : "no settlement of it";
  const what = `it was completed as attempt ${row.attempt} of ${row.instance}, but the journal has ${lacks}`;
  return { rule: "missing", what, lines: claim === undefined ? [] : [claim] };
}

function compareCompletion(last: KeptLine, row: VideoRow | undefined, lives: JournalLives): Difference | undefined {
  if (row?.state !== "completed") {
    const what = `the journal has it completed, the database says ${row?.state ?? "unknown"}`;
    return { rule: "settled", what, lines: [last] };
  }
  const isSame = row.instance === last.instance && row.attempt === last.attempt;
  if (isSame || !lives.knows(last.instance)) return undefined;
  const theirs = `the database as attempt ${row.attempt} of ${row.instance}`;
  const what = `the journal has it completed as attempt ${last.attempt} of ${last.instance}, ${theirs}`;
  return { rule: "settled", what, lines: [last] };
}
