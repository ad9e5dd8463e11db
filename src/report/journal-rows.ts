// What the database says of the videos that a journal tells of.
import { splitIntoTexts } from "../database/chunks.js";
import type { Database } from "../database/database.js";
import type { VideoRow } from "./journal-compare.js";
import type { SpentRow } from "./journal-gaps.js";
import * as sql from "./statements.js";

export interface RowOfVideo extends VideoRow {
  video: number;
}

export const PAGE_ROWS = 5000;

/** All of them by id, in pages. */
export async function* readRows(database: Database): AsyncGenerator<RowOfVideo[]> {
  const page = database.prepare(sql.JOURNAL_ROWS);
  for (let after: number | undefined = -Number.MAX_VALUE; after !== undefined; ) {
    const { results }: { results: RowOfVideo[] } = await page.bind(after, PAGE_ROWS).all<RowOfVideo>();
    if (results.length > 0) yield results;
    after = results.length === PAGE_ROWS ? results.at(-1)?.video : undefined;
  }
}

/** Attempts that did not complete, by video. */
export async function readSpent(database: Database, videos: number[]): Promise<Map<number, SpentRow[]>> {
  const rows: (SpentRow & { video: number })[] = [];
  for (const text of splitIntoTexts(videos)) {
    const { results } = await database.prepare(sql.JOURNAL_SPENT).bind(text).all<SpentRow & { video: number }>();
    rows.push(...results);
  }
  return Map.groupBy(rows, (row) => row.video);
}
