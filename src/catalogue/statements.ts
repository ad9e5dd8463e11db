// Room 1's SQL. Table and column names come from settings that were checked to be plain identifiers.
import type { CatalogueTable } from "../video.js";

export const COLUMNS = "SELECT name, type FROM pragma_table_info(?)";

export const COUNT_VIDEOS = "SELECT count(*) AS total FROM hidb_videos";

const ID_LIMIT = 9007199254740992;

function entry(catalogue: CatalogueTable): string {
  const priority = catalogue.duration === null ? "0" : `-coalesce(max(CAST("${catalogue.duration}" AS REAL), 0), 0)`;
  return `INSERT OR IGNORE INTO hidb_videos (video_id, priority) SELECT "${catalogue.id}", ${priority} FROM "${catalogue.table}"`;
}

/** Rows above the highest known id: what a growing table usually has, found by a seek. */
export function adoptNewest(catalogue: CatalogueTable): string {
  return `${entry(catalogue)} WHERE typeof("${catalogue.id}") = 'integer' AND "${catalogue.id}" <= ${ID_LIMIT}
     AND "${catalogue.id}" > coalesce((SELECT max(video_id) FROM hidb_videos), -${ID_LIMIT + 1})`;
}

/** Every row that the pool does not know, wherever its id lies. */
export function adoptMissing(catalogue: CatalogueTable): string {
  return `${entry(catalogue)} WHERE typeof("${catalogue.id}") = 'integer'
     AND "${catalogue.id}" BETWEEN -${ID_LIMIT} AND ${ID_LIMIT}
     AND "${catalogue.id}" NOT IN (SELECT video_id FROM hidb_videos)`;
}

/** Rows that cannot be taken: their id is not a whole number within +-2^53. */
export function countRefused(catalogue: CatalogueTable): string {
  return `SELECT count(*) AS refused FROM "${catalogue.table}"
   WHERE typeof("${catalogue.id}") <> 'integer' OR "${catalogue.id}" NOT BETWEEN -${ID_LIMIT} AND ${ID_LIMIT}`;
}
