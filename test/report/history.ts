// Journals as tests write them: `time event ...`, with times in milliseconds that begin at 0.
import type { JournalLine } from "../../src/report/journal.js";
import { verifyJournal } from "../../src/report/journal-check.js";
import { makeFile, makeFolder } from "../catalogue/world.js";
import { setup, type VideoParts } from "./world.js";

/** `instance` tells the row who; attempts that did not complete are `1 died a 5`: by whom, and when they were claimed. */
export interface VideoInTheEnd extends Omit<VideoParts, "attempts"> {
  spent?: string[];
}

/**
 * `1 begin a [host]`, `2 claim 7 1 a`, `3 settle 7 1 a completed`, `3 reclaim 7 1 b pending`, `3 renew a 90`,
 * `4 retry 7 [done]`, `4 cancel 7 [done]`, `9 gone a [exit code]`.
 */
export function toLines(history: string[]): JournalLine[] {
  return history.map((text) => {
    const [time, event, ...rest] = text.split(" ");
    const at = { time: Number(time) };
    const who = (instance: string) => ({ instance, pid: pidOf(instance), rank: 0 });
    switch (event) {
      case "begin":
        return { ...at, event, ...who(rest[0] as string), boot: rest[1] ?? "host" };
      case "renew":
        return { ...at, event, ...who(rest[0] as string), until: Number(rest[1]) };
      case "gone":
        return { ...at, event, ...who(rest[0] as string), exitCode: Number(rest[1] ?? 0) };
      case "retry":
      case "cancel": {
        const done = rest[1] === undefined ? {} : { done: Number(rest[1]) };
        return { ...at, event, video: Number(rest[0]), attempt: 0, instance: "hidb", pid: 1, rank: -1, ...done };
      }
      default: {
        const [video, attempt, instance = "", outcome] = rest;
        const what = { video: Number(video), attempt: Number(attempt), ...(outcome === undefined ? {} : { outcome }) };
        return { ...at, event: event as "claim", ...what, ...who(instance) };
      }
    }
  });
}

function pidOf(instance: string): number {
  return 100 + instance.charCodeAt(0);
}

export function toText(lines: JournalLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** What `hidb verify` says of it, as messages. */
export async function judgeHistory(history: JournalLine[] | string[], videos: VideoInTheEnd[]): Promise<string[]> {
  const lines = typeof history[0] === "string" ? toLines(history as string[]) : (history as JournalLine[]);
  const database = await makeEnd(videos);
  const file = makeFile(makeFolder(), "journal.ndjson", toText(lines));
  return (await verifyJournal(database, file)).map(({ message }) => message);
}

export async function makeEnd(videos: VideoInTheEnd[]) {
  const { database } = await setup({ videos: videos.map(({ spent: _, ...video }) => ({ finishedAt: 0, ...video })) });
  for (const { id, spent = [] } of videos) {
    for (const one of spent) {
      const [attempt, outcome, instance, claimedAt] = one.split(" ");
      await database
        .prepare(
          `INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
           VALUES (?, ?, ?, ?, 'why', ?, 0)`,
        )
        .bind(id, Number(attempt), instance, outcome, Number(claimedAt))
        .run();
    }
  }
  return database;
}
