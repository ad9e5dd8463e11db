// The journal: every claim, settlement, release and reclaim, each life and its renewals, and what a person did, as one
// JSON line, for judging a run afterwards.
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../clock.js";
import { makeFolder } from "../disk.js";
import { HidbError } from "../errors.js";
import type { Claim, Millis } from "../video.js";
import type { PoolEvent } from "./event.js";

interface Written {
  /**
   * Milliseconds since 1970-01-01 UTC with a fraction. Of a claim just after it, of a settlement or a renewal just before:
   * so what lies between two of them was held.
   */
  time: Millis;
  instance: string;
  pid: number;
  rank: number;
}

/** What has become of a video. */
export interface JournalVideoLine extends Written {
  event: "claim" | "settle" | "release" | "lost" | "reclaim" | "retry" | "cancel" | "remove";
  video: number;
  attempt: number;
  /** Of a settlement: completed, retry or failed. Of a reclaim: the state it left. */
  outcome?: string;
  /** Of what a person did: just after it. */
  done?: Millis;
}

/** A life of an instance: its beginning, its renewals, and its end unless it was killed. */
export interface LifeLine extends Written {
  event: "begin" | "renew" | "gone";
  /** Of a beginning: where pids can be compared. */
  boot?: string;
  /** Of a renewal: the end of the lease. */
  until?: Millis;
  /** Of an end: 1 when it could not settle what it had in hand. */
  exitCode?: number;
}

/** One line of the journal. */
export type JournalLine = JournalVideoLine | LifeLine;

/** What a person has done took place between two moments; what is noted before it is done, some time after the first. */
export interface ChangeTime {
  time: Millis;
  done?: Millis;
}

/** Notes what a person has done to these videos. */
export function appendToJournal(
  file: string,
  event: "retry" | "cancel" | "remove",
  videos: number[],
  { time, done }: ChangeTime,
): void {
  if (videos.length === 0) return;
  const descriptor = openForAppending(file);
  const who = { attempt: 0, instance: "hidb", pid: process.pid, rank: -1 };
  const after = done === undefined ? {} : { done };
  const lines = videos.map((video) => `${JSON.stringify({ time, event, video, ...who, ...after })}\n`);
  try {
    writeSync(descriptor, lines.join(""));
  } finally {
    closeSync(descriptor);
  }
}

export interface Journal {
  /** Throws when lines could not be written, as long as that is so; they are kept. */
  write(event: PoolEvent, rank: number): void;
  close(): void;
}

export interface JournalOptions {
  instance: string;
  boot: string;
  clock: Pick<Clock, "nowFine">;
}

/** Opens the journal for appending; several instances may share one file, since short appends are not torn. */
export function openJournal(file: string, options: JournalOptions): Journal {
  return new FileJournal(openForAppending(file), options);
}

/** So much is kept for a disk that has no room: an hour of a busy instance. */
const KEPT_CHARACTERS = 16_000_000;

class FileJournal implements Journal {
  readonly #descriptor: number;
  readonly #options: JournalOptions;
  #lines: string[] = [];
  #kept = 0;
  #flushing = false;
  #trouble: unknown;

  constructor(descriptor: number, options: JournalOptions) {
    this.#descriptor = descriptor;
    this.#options = options;
  }

  write(event: PoolEvent, rank: number): void {
    const { instance, boot, clock } = this.#options;
    const line = toLine(event, { instance, pid: process.pid, rank, boot, now: () => clock.nowFine() });
    if (line === undefined) return;
    if (this.#kept < KEPT_CHARACTERS) {
      const text = `${JSON.stringify(line)}\n`;
      this.#lines.push(text);
      this.#kept += text.length;
    }
    // Claims and settlements come in groups: one call of the system for all of a group, before anything else happens.
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => this.#flush());
    }
    if (this.#trouble !== undefined) throw this.#trouble;
  }

  close(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#lines.length === 0) return;
    try {
      this.#append(this.#lines.join(""));
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = error;
    }
  }

  /** A full disk may take a part of it: the line that was torn is written again, whole. */
  #append(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    const written = writeSync(this.#descriptor, bytes);
    const rest = written === bytes.length ? "" : text.slice(text.lastIndexOf("\n", written - 1) + 1);
    this.#lines = rest === "" ? [] : [rest];
    this.#kept = rest.length;
    if (rest !== "") throw new Error("ENOSPC: no room for more than a part of it");
  }
}

/** Who writes; without a clock and a boot nothing is told of lives. */
export interface Writer extends Pick<Written, "instance" | "pid" | "rank"> {
  boot?: string;
  now?: () => Millis;
}

/** Undefined for what the journal does not keep. */
export function toLine(event: PoolEvent, { boot, now, ...who }: Writer): JournalLine | undefined {
  switch (event.type) {
    case "video.claimed":
      return lineOf("claim", event.at, event.claim, { ...who, instance: event.holder ?? who.instance });
    case "attempt.finished": {
      const { claim, outcome, at, heirOf, holder = heirOf } = event;
      const whose = holder === undefined ? who : { ...who, instance: holder };
      if (outcome.kind === "released") return lineOf("release", at, claim, whose);
      return { ...lineOf("settle", at, claim, whose), outcome: outcome.kind };
    }
    case "claim.lost":
      return now && lineOf("lost", now(), event.claim, { ...who, instance: event.holder ?? who.instance });
    case "video.reclaimed": {
      const { at, videoId, attempt, state } = event;
      return { time: at, event: "reclaim", video: videoId, attempt, ...who, outcome: state };
    }
    case "lease.renewed":
      return { time: event.at, event: "renew", ...who, until: event.until };
    case "instance.started":
      return now && { time: now(), event: "begin", ...who, ...(boot === undefined ? {} : { boot }) };
    case "instance.gone":
      return now && { time: now(), event: "gone", ...who, exitCode: event.exitCode };
    default:
      return undefined;
  }
}

function lineOf(
  event: JournalVideoLine["event"],
  time: Millis,
  claim: Claim,
  { instance, pid }: Writer,
): JournalVideoLine {
  return { time, event, video: claim.video.id, attempt: claim.attempt, instance, pid, rank: claim.rank };
}

function openForAppending(file: string): number {
  try {
    makeFolder(dirname(file));
    // A pipe that nobody reads would be waited for, with the whole instance; like this it cannot be written.
    const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants;
    return openSync(file, O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK);
  } catch (cause) {
    throw new HidbError({
      code: "FILE_UNWRITABLE",
      message: `expected to append to the journal ${file}, but it cannot be written`,
      fix: "give this user write permission there, or correct HIDB_JOURNAL",
      cause,
    });
  }
}
