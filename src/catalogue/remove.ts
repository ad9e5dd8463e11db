// Removes videos from hidb's own catalogue, a page at a time: a large removal does not keep the instances from the database.
import type { Database } from "../database/database.js";
import type { Millis, State } from "../video.js";
import * as sql from "./statements.js";

export interface Removal {
  /** Null: all videos in these states. */
  ids: number[] | null;
  states: State[];
  matches: (source: string) => boolean;
  now: Millis;
}

/** A page of what a removal finds. */
export interface RemovalPage {
  ids: number[];
  /** Those that match, but run. */
  running: number;
}

interface FoundRow {
  id: number;
  source: string | null;
  removable: number;
}

const PAGE_ROWS = 2000;
const BEFORE_ALL = -Number.MAX_VALUE;

export async function* findRemovable(
  database: Database,
  { ids, states, matches, now }: Removal,
): AsyncGenerator<RemovalPage> {
  for (let after = BEFORE_ALL; ; ) {
    const page = sql.findRemovablePage(database, { now, after, states, ids, rows: PAGE_ROWS });
    const { results } = await page.all<FoundRow>();
    const found = results.filter(({ source }) => matches(source ?? ""));
    const removable = found.filter((row) => row.removable === 1);
    yield { ids: removable.map(({ id }) => id), running: found.length - removable.length };
    if (results.length < PAGE_ROWS) return;
    after = results.at(-1)?.id ?? after;
  }
}

/** Resolves to those that are gone, with all that is recorded of them; one that was claimed meanwhile stays. */
export async function removeVideos(
  database: Database,
  ids: number[],
  { states, now }: Pick<Removal, "states" | "now">,
): Promise<number[]> {
  const text = JSON.stringify(ids);
  const [removed] = await database.batch<{ id: number }>([
    database.prepare(sql.REMOVE_VIDEOS).bind(text, JSON.stringify(states), now),
    ...sql.REMOVE_BELONGINGS.map((statement) => database.prepare(statement).bind(text)),
  ]);
  return (removed?.results ?? []).map(({ id }) => id);
}
