// What the keys do to the pool: pause, resume, retry, scale. Each resolves to one line about the result.
import { countRetriable, findRetriable, retryVideos, setPaused } from "../../catalogue/backlog.js";
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { retryInJournal } from "../../report/journal-retry.js";
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
  const find = () => findRetriable(database, FAILED);
  const retried = await retryInJournal(journal, { clock, find, retry: () => retryVideos(database, FAILED) });
  return `${plural(retried.length, "video")} pending again`;
}
