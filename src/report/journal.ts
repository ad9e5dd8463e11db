// The journal: every claim, settlement, release and reclaim, and what a person did, as one JSON line, for judging a run
// afterwards.
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { HidbError } from "../errors.js";
import type { Claim, Millis } from "../video.js";
import type { PoolEvent } from "./event.js";

/** One line of the journal. */
export interface JournalLine {
  /** Milliseconds since 1970-01-01 UTC with a fraction: just after a claim, just before a settlement. */
  time: Millis;
  event: "claim" | "settle" | "release" | "reclaim" | "retry" | "cancel";
  video: number;
  attempt: number;
  instance: string;
  pid: number;
  rank: number;
  /** Of a settlement: completed, retry or failed. Of a reclaim: the state it left. */
  outcome?: string;
}

/** Notes what a person has done to these videos; `time` was taken just before. */
export function appendToJournal(file: string, event: "retry" | "cancel", videos: number[], time: Millis): void {
  if (videos.length === 0) return;
  const descriptor = openForAppending(file);
  const who = { attempt: 0, instance: "hidb", pid: process.pid, rank: -1 };
  for (const video of videos) writeSync(descriptor, `${JSON.stringify({ time, event, video, ...who })}\n`);
  closeSync(descriptor);
}

type Who = Pick<JournalLine, "instance" | "pid" | "rank">;

export interface Journal {
  write(event: PoolEvent, rank: number): void;
  close(): void;
}

/** Opens the journal for appending; several instances may share one file, since short appends are not torn. */
export function openJournal(file: string, instance: string): Journal {
  const descriptor = openForAppending(file);
  return {
    write(event, rank) {
      const line = toLine(event, { instance, pid: process.pid, rank });
      if (line !== undefined) writeSync(descriptor, `${JSON.stringify(line)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}

/** Undefined for what the journal does not keep. */
export function toLine(event: PoolEvent, who: Who): JournalLine | undefined {
  switch (event.type) {
    case "video.claimed":
      return lineOf("claim", event.at, event.claim, { ...who, instance: event.holder ?? who.instance });
    case "attempt.finished": {
      const { claim, outcome, at, heirOf, holder = heirOf } = event;
      const whose = holder === undefined ? who : { ...who, instance: holder };
      if (outcome.kind === "released") return lineOf("release", at, claim, whose);
      return { ...lineOf("settle", at, claim, whose), outcome: outcome.kind };
    }
    case "video.reclaimed": {
      const { at, videoId, attempt, state } = event;
      return { time: at, event: "reclaim", video: videoId, attempt, ...who, outcome: state };
    }
    default:
      return undefined;
  }
}

function lineOf(event: JournalLine["event"], time: Millis, claim: Claim, { instance, pid }: Who): JournalLine {
  return { time, event, video: claim.video.id, attempt: claim.attempt, instance, pid, rank: claim.rank };
}

function openForAppending(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true });
    return openSync(file, "a");
  } catch (cause) {
    throw new HidbError({
      code: "FILE_UNWRITABLE",
      message: `expected to append to the journal ${file}, but it cannot be written`,
      fix: "give this user write permission there, or correct HIDB_JOURNAL",
      cause,
    });
  }
}
