// What the keys do to the pool: pause, resume, retry, scale. Each says in a line what came of it.
import { countRetriable, retryVideos, setPaused } from "../../catalogue/backlog.js";
import type { Config } from "../../config.js";
import type { Database } from "../../database/database.js";
import { appendToJournal } from "../../report/journal.js";
import type { Overview } from "../../report/overview.js";
import { clock } from "../context.js";
import { plural } from "../print.js";

const FAILED = { ids: null, states: ["failed" as const] };

export async function togglePause(database: Database, overview: Overview): Promise<string> {
  const stopped = overview.paused !== null || overview.hold !== null || overview.draining;
  await setPaused(database, !stopped);
  return stopped ? "the pool claims again" : "paused: what runs is finished, nothing new is claimed";
}

export function countFailed(database: Database): Promise<number> {
  return countRetriable(database, FAILED);
}

export async function retryFailed(database: Database, { journal }: Config): Promise<string> {
  const time = clock.nowFine();
  const retried = await retryVideos(database, FAILED);
  if (journal !== "") appendToJournal(journal, "retry", retried, { time, done: clock.nowFine() });
  return `${plural(retried.length, "video")} pending again`;
}
