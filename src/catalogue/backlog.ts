// What a person does to the backlog: try again, cancel, pause, resume. What runs is never taken from its instance,
// except by cancelling, of which the instance hears at its next heartbeat.
import type { Database } from "../database/database.js";
import { STOP_KEYS } from "../database/statements.js";
import { HidbError } from "../errors.js";
import type { Millis, State } from "../video.js";
import * as sql from "./statements.js";

export interface Choice {
  /** Null: all videos in these states. */
  ids: number[] | null;
  states: State[];
}

/** How the choice stands in the statements. */
function bindChoice({ ids, states }: Choice): [string, number, string] {
  return [JSON.stringify(states), ids === null ? 1 : 0, JSON.stringify(ids ?? [])];
}

/** The states of these videos; errors: VIDEO_UNKNOWN when one of them is not there. */
export async function findStates(database: Database, ids: number[]): Promise<Map<number, State>> {
  const { results } = await database
    .prepare(sql.KNOWN_IDS)
    .bind(JSON.stringify(ids))
    .all<{ id: number; state: State }>();
  const states = new Map(results.map(({ id, state }) => [id, state]));
  const unknown = ids.find((id) => !states.has(id));
  if (unknown !== undefined) throw videoUnknown(unknown);
  return states;
}

export async function countRetriable(database: Database, choice: Choice): Promise<number> {
  return count(database, sql.COUNT_RETRIABLE, choice);
}

/** Which videos a retry would take now. */
export async function findRetriable(database: Database, choice: Choice): Promise<number[]> {
  const finding = database.prepare(sql.FIND_RETRIABLE).bind(...bindChoice(choice));
  return (await finding.all<{ id: number }>()).results.map((row) => row.id);
}

/** Resolves to the videos that are pending again, with no attempt spent. */
export async function retryVideos(database: Database, choice: Choice): Promise<number[]> {
  const retrying = database.prepare(sql.RETRY_VIDEOS).bind(...bindChoice(choice));
  const [retried] = await database.batch<{ id: number }>([retrying, database.prepare(sql.FORGET_USAGE)]);
  return (retried?.results ?? []).map((row) => row.id);
}

export async function countChosen(database: Database, choice: Choice): Promise<number> {
  return count(database, sql.COUNT_CHOSEN, choice);
}

/** Resolves to the videos that are cancelled now. */
export async function cancelVideos(database: Database, choice: Choice, now: Millis): Promise<number[]> {
  const { results } = await database
    .prepare(sql.CANCEL_VIDEOS)
    .bind(now, ...bindChoice(choice))
    .all<{ id: number }>();
  return results.map((row) => row.id);
}

export interface PauseOptions {
  reason?: string | undefined;
  /** The pause ends by itself then; without it, by `hidb resume`. */
  until?: Millis | undefined;
}

/** Nothing new is claimed, or everything goes on, whatever kept it. False when that was so already. */
export async function setPaused(database: Database, paused: boolean, options: PauseOptions = {}): Promise<boolean> {
  if (paused) return stopClaims(database, STOP_KEYS.pause, options);
  const { results } = await database.prepare(sql.RESUME).all();
  return results.length > 0;
}

/** Nothing new is claimed, and what has not started is given back. False when that was so already. */
export async function setDraining(database: Database, options: Pick<PauseOptions, "reason"> = {}): Promise<boolean> {
  return stopClaims(database, STOP_KEYS.drain, options);
}

/** Keeps a pool that is being started from claiming until then. */
export async function holdStart(database: Database, until: Millis): Promise<void> {
  await stopClaims(database, STOP_KEYS.start, { until });
}

async function stopClaims(database: Database, key: string, { reason, until }: PauseOptions): Promise<boolean> {
  const facts = { ...(reason === undefined ? {} : { reason }), ...(until === undefined ? {} : { until }) };
  const value = Object.keys(facts).length === 0 ? "1" : JSON.stringify(facts);
  const { meta } = await database.prepare(sql.STOP_CLAIMS).bind(key, value).run();
  return meta.changes > 0;
}

async function count(database: Database, statement: string, choice: Choice): Promise<number> {
  return (
    (await database
      .prepare(statement)
      .bind(...bindChoice(choice))
      .first<number>("total")) ?? 0
  );
}

export function videoUnknown(id: number): HidbError {
  return new HidbError({
    code: "VIDEO_UNKNOWN",
    message: `expected the id of a video, got ${id}, which no video has`,
    fix: "run `hidb list` to see the ids",
  });
}
