// What the page asks of the database beyond what report/ knows.
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import { shownOrNull } from "../report/videos.js";
import type { CatalogueTable, LimitName, Millis, State } from "../video.js";
import * as sql from "./statements.js";

export interface SeriesPoint {
  /** The beginning of the minute. */
  at: Millis;
  completed: number;
  failed: number;
}

const MINUTE_MS: Millis = 60_000;

/** One point for each of the last minutes, this one last, whether anything happened in it or not. */
export async function readSeries(
  { database, clock }: { database: Database; clock: Clock },
  minutes: number,
): Promise<SeriesPoint[]> {
  const last = Math.floor(clock.now() / MINUTE_MS);
  const first = last - minutes + 1;
  const { results } = await database
    .prepare(sql.SERIES)
    .bind(first * MINUTE_MS)
    .all<{ minute: number; completed: number; failed: number }>();
  const known = new Map(results.map((row) => [row.minute, row]));
  return Array.from({ length: minutes }, (_, at) => {
    const { completed = 0, failed = 0 } = known.get(first + at) ?? {};
    return { at: (first + at) * MINUTE_MS, completed, failed };
  });
}

export interface SampledFailureGroup {
  reason: string;
  state: State;
  count: number;
  /** One of its videos. */
  sample: number;
}

const GROUPS_SHOWN = 200;

export async function readFailureGroups(database: Database): Promise<SampledFailureGroup[]> {
  return (await database.prepare(sql.FAILURE_GROUPS).bind(GROUPS_SHOWN).all<SampledFailureGroup>()).results;
}

export async function findByReason(database: Database, states: State[], reason: string): Promise<number[]> {
  const { results } = await database
    .prepare(sql.VIDEOS_OF_REASON)
    .bind(JSON.stringify(states), reason)
    .all<{ id: number }>();
  return results.map(({ id }) => id);
}

export interface VideoLine {
  id: number;
  source: string | null;
  title: string | null;
  durationS: number | null;
  state: State;
  attempt: number;
  error: string | null;
  finishedAt: Millis | null;
}

export interface VideoChoice {
  /** None: all. */
  states: State[];
  /** A part of the source or the title, in any case, or an id; "": all. */
  search: string;
  /** None: all. */
  over: readonly LimitName[];
}

/** Below every id. */
const BEFORE_ALL = -1e17;

export async function readPage(
  { database, catalogue }: { database: Database; catalogue: CatalogueTable },
  choice: VideoChoice,
  { after = BEFORE_ALL, limit }: { after?: number | undefined; limit: number },
): Promise<VideoLine[]> {
  const statement = sql.pageOfVideos(catalogue, choosing(choice));
  const values = [...bind(choice, after, catalogue), limit];
  const { results } = await database
    .prepare(statement)
    .bind(...values)
    .all<VideoLine>();
  return results.map((line) => ({ ...line, source: shownOrNull(line.source) }));
}

export async function countFound(
  { database, catalogue }: { database: Database; catalogue: CatalogueTable },
  choice: VideoChoice,
): Promise<number> {
  const statement = sql.countVideos(catalogue, choosing(choice));
  const values = bind(choice, BEFORE_ALL, catalogue);
  return (
    (await database
      .prepare(statement)
      .bind(...values)
      .first<number>("total")) ?? 0
  );
}

function choosing({ search, over }: VideoChoice): sql.Choosing {
  return { over: over.length > 0, search: search !== "" };
}

function bind({ states, search, over }: VideoChoice, after: number, { title }: CatalogueTable): unknown[] {
  const text = search.toLowerCase();
  const texts = title === null ? [text] : [text, text];
  const id = /^-?\d{1,16}$/.test(search) ? Number(search) : null;
  return [
    ...[after, states.length === 0 ? 1 : 0, JSON.stringify(states)],
    ...(over.length > 0 ? [JSON.stringify(over)] : []),
    ...(search === "" ? [] : [id, ...texts]),
  ];
}
