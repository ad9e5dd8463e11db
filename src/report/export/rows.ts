// What an export is made of, row by row; pages of one statement each.
import type { Database } from "../../database/database.js";
import type { CatalogueTable, Millis, State } from "../../video.js";
import { shownOrNull } from "../videos.js";
import * as sql from "./statements.js";

export interface VideoEnd {
  id: number;
  state: State;
  attempt: number;
  instance: string | null;
  claimedAt: Millis | null;
  finishedAt: Millis | null;
  error: string | null;
}

export interface AttemptEnd {
  id: number;
  video: number;
  attempt: number;
  instance: string;
  outcome: "retry" | "failed" | "died";
  reason: string;
  claimedAt: Millis;
  endedAt: Millis;
}

/** One life of an instance. */
export interface LifeSpan {
  id: string;
  host: string;
  processId: number;
  startedAt: Millis;
  /** When it left, or until when it is believed alive. */
  endedAt: Millis;
  completed: number;
  retried: number;
  failed: number;
  busyMs: Millis;
}

const PAGE = 5000;
/** Below every id. */
const BEFORE_ALL = -1e17;

export function pageVideos(database: Database): AsyncGenerator<VideoEnd[]> {
  return pages<VideoEnd>(database, sql.VIDEO_ENDS);
}

export function pageAttempts(database: Database): AsyncGenerator<AttemptEnd[]> {
  return pages<AttemptEnd>(database, sql.ATTEMPT_ENDS);
}

export type SourcedVideo = Omit<VideoEnd, "error"> & { source: string | null };

export function pageSourcedVideos(database: Database, catalogue: CatalogueTable): AsyncGenerator<SourcedVideo[]> {
  return pages<SourcedVideo>(database, sql.sourcedVideos(catalogue));
}

async function* pages<Row extends { id: number }>(database: Database, statement: string): AsyncGenerator<Row[]> {
  const prepared = database.prepare(statement);
  for (let last = BEFORE_ALL; ; ) {
    const { results } = await prepared.bind(last, PAGE).all<Row>();
    if (results.length > 0) yield results;
    const end = results.at(-1);
    if (end === undefined || results.length < PAGE) return;
    last = end.id;
  }
}

/** Of the videos above the first id, up to the second. */
export async function readAttemptsBetween(database: Database, after: number, upTo: number): Promise<AttemptEnd[]> {
  return (await database.prepare(sql.ATTEMPTS_BETWEEN).bind(after, upTo).all<AttemptEnd>()).results;
}

export async function readLives(database: Database): Promise<LifeSpan[]> {
  return (await database.prepare(sql.LIFE_SPANS).all<LifeSpan>()).results;
}

export interface VideoName {
  id: number;
  source: string | null;
  title: string | null;
}

export async function readNames(database: Database, catalogue: CatalogueTable, ids: number[]): Promise<VideoName[]> {
  const { results } = await database.prepare(sql.nameVideos(catalogue)).bind(JSON.stringify(ids)).all<VideoName>();
  return results.map((name) => ({ ...name, source: shownOrNull(name.source) }));
}
