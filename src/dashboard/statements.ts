// The page's own reads: pages of videos, points of a chart, groups of failures. Table and column names come from settings
// that were checked to be plain identifiers.
import type { CatalogueTable } from "../video.js";

export const PROBE = "SELECT 1 AS yes";

/** One row for each minute in which a video came to an end. The parameter: since when. */
export const SERIES = `
  SELECT CAST(finished_at / 60000 AS INTEGER) AS minute, sum(state = 'completed') AS completed,
         sum(state IN ('failed', 'quarantined')) AS failed
    FROM hidb_videos WHERE finished_at >= ? GROUP BY 1`;

/** The most frequent reasons first, each with one of its videos. The parameter: how many. */
export const FAILURE_GROUPS = `
  SELECT coalesce(error, '') AS reason, state, count(*) AS count, min(video_id) AS sample FROM hidb_videos
   WHERE state IN ('failed', 'quarantined') GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT ?`;

/** Parameters: states as JSON, the reason. */
export const VIDEOS_OF_REASON = `
  SELECT video_id AS id FROM hidb_videos
   WHERE state IN (SELECT value FROM json_each(?)) AND coalesce(error, '') = ? ORDER BY video_id`;

/** What a search looks for: all, a part of the source or the title in any case, or an id. LIKE takes 50 bytes on D1. */
function found({ source, title }: CatalogueTable): string {
  const texts = [shownPart(`lower(c."${source}")`), ...(title === null ? [] : [`lower(c."${title}")`])];
  return `(h.video_id = ? OR ${texts.map((text) => `instr(${text}, ?) > 0`).join(" OR ")})`;
}

/** Of a URL neither login nor query: whoever may search, but not see them, would find them letter by letter. */
function shownPart(source: string): string {
  return `CASE WHEN instr(${source}, '://') = 0 THEN ${source} WHEN instr(${source}, '@') > 0 THEN ''
               ELSE substr(${source}, 1, instr(replace(${source}, '#', '?') || '?', '?') - 1) END`;
}

export interface Choosing {
  /** Only those whose last attempt went over one of some limits of Workers. */
  over: boolean;
  /** Only those that hold a text. */
  search: boolean;
}

function chosen(catalogue: CatalogueTable, { over, search }: Choosing): string {
  const isOver = "EXISTS (SELECT 1 FROM json_each(u.over_limits) WHERE value IN (SELECT value FROM json_each(?)))";
  const tables = over
    ? "hidb_usage u CROSS JOIN hidb_videos h ON u.video_id = h.video_id AND u.attempt = h.attempt"
    : "hidb_videos h";
  return `
    FROM ${tables} LEFT JOIN "${catalogue.table}" c ON c."${catalogue.id}" = h.video_id
   WHERE h.video_id > ? AND (? OR h.state IN (SELECT value FROM json_each(?)))
     ${over ? `AND ${isOver}` : ""} ${search ? `AND ${found(catalogue)}` : ""}`;
}

/**
 * One page, by id. Parameters: the last id seen, whether all states are meant, states as JSON, with `over` the limits as
 * JSON, with `search` the id it may be and the text in lower case (twice where there are titles), then how many.
 */
export function pageOfVideos(catalogue: CatalogueTable, choosing: Choosing): string {
  const column = (name: string | null) => (name === null ? "NULL" : `c."${name}"`);
  return `
  SELECT h.video_id AS id, ${column(catalogue.source)} AS source, ${column(catalogue.title)} AS title,
         ${column(catalogue.duration)} AS durationS, h.state, h.attempt, h.error, h.finished_at AS finishedAt
    ${chosen(catalogue, choosing)} ORDER BY h.video_id LIMIT ?`;
}

/** How many there are in all pages. Parameters: as above, without the last. */
export function countVideos(catalogue: CatalogueTable, choosing: Choosing): string {
  return `SELECT count(*) AS total ${chosen(catalogue, choosing)}`;
}
