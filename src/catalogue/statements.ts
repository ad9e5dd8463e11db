// The catalogue's SQL. Table and column names come from settings that were checked to be plain identifiers.
import type { Database } from "../database/database.js";
import { IS_STOP } from "../database/statements.js";
import type { CatalogueTable, Millis, State } from "../video.js";

export const COLUMNS = "SELECT name, type FROM pragma_table_info(?)";

const ID_LIMIT = 9007199254740992;
const LONGEST_S = 1e12;

function entry(catalogue: CatalogueTable): string {
  // Bounded: an endless video would stand before the beginning of every search.
  const seconds = `min(max(CAST("${catalogue.duration}" AS REAL), 0), ${LONGEST_S})`;
  const priority = catalogue.duration === null ? "0" : `-coalesce(${seconds}, 0)`;
  return `INSERT OR IGNORE INTO hidb_videos (video_id, priority) SELECT "${catalogue.id}", ${priority} FROM "${catalogue.table}"`;
}

/** Rows above the highest known id: what a growing table usually has, found by a seek. */
function isNewest({ id }: CatalogueTable): string {
  return `typeof("${id}") = 'integer' AND "${id}" <= ${ID_LIMIT}
     AND "${id}" > coalesce((SELECT max(video_id) FROM hidb_videos), -${ID_LIMIT + 1})`;
}

/** Every row that the pool does not know, wherever its id lies. */
function isMissing({ id }: CatalogueTable): string {
  return `typeof("${id}") = 'integer' AND "${id}" BETWEEN -${ID_LIMIT} AND ${ID_LIMIT}
     AND "${id}" NOT IN (SELECT video_id FROM hidb_videos)`;
}

export function adoptMissing(catalogue: CatalogueTable): string {
  return `${entry(catalogue)} WHERE ${isMissing(catalogue)}`;
}

export function adoptNewest(catalogue: CatalogueTable): string {
  return `${entry(catalogue)} WHERE ${isNewest(catalogue)}`;
}

// A read: it takes no write lock, and waits for none.
export function seeNewest(catalogue: CatalogueTable): string {
  return `SELECT 1 AS yes FROM "${catalogue.table}" WHERE ${isNewest(catalogue)} LIMIT 1`;
}

export function seeMissing(catalogue: CatalogueTable): string {
  return `SELECT 1 AS yes FROM "${catalogue.table}" WHERE ${isMissing(catalogue)} LIMIT 1`;
}

/** Rows that cannot be taken: their id is not a whole number within +-2^53. */
export function countRefused(catalogue: CatalogueTable): string {
  return `SELECT count(*) AS refused FROM "${catalogue.table}"
   WHERE typeof("${catalogue.id}") <> 'integer' OR "${catalogue.id}" NOT BETWEEN -${ID_LIMIT} AND ${ID_LIMIT}`;
}

// `hidb add`. Each parameter is a JSON array of many rows: D1 takes 100 parameters, but 2 MB in one.
export const FIND_SOURCES =
  "SELECT id, source FROM videos WHERE source IN (SELECT value FROM json_each(?)) ORDER BY id";

export const FIND_IDS = "SELECT id, source FROM videos WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id";

// An id that hidb_videos still knows from a deleted row would hand its state on to a new video.
export const HIGHEST_ID = `
  SELECT max(coalesce((SELECT max(id) FROM videos), 0), coalesce((SELECT max(video_id) FROM hidb_videos), 0)) AS highest`;

/** A row whose video was deleted from the catalogue, so that its id can begin anew. */
export const FORGET_DELETED = `
  DELETE FROM hidb_videos
   WHERE video_id IN (SELECT value ->> 0 FROM json_each(?)) AND video_id NOT IN (SELECT id FROM videos)`;

export const INSERT_VIDEOS = `
  INSERT INTO videos (id, source, title, duration_s)
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)`;

// What a person does to the backlog. Ids and states are JSON arrays; the second parameter says whether all ids are meant.
const CHOSEN = `
  state IN (SELECT value FROM json_each(?)) AND (? OR video_id IN (SELECT value FROM json_each(?)))`;

// A pending video is retried only if it has something to forget.
const RETRIABLE = `${CHOSEN} AND (state <> 'pending' OR attempt > 0 OR deaths > 0 OR run_after > 0)`;

export const KNOWN_IDS =
  "SELECT video_id AS id, state FROM hidb_videos WHERE video_id IN (SELECT value FROM json_each(?))";

export const FIND_RETRIABLE = `SELECT video_id AS id FROM hidb_videos WHERE ${RETRIABLE}`;

export const COUNT_RETRIABLE = `SELECT count(*) AS total FROM hidb_videos WHERE ${RETRIABLE}`;

/** The attempt of a video that was cancelled while it ran hears of it at a heartbeat, and has some seconds to stop. */
const STILL_RUNNING_MS = 10_000;

export const RETRY_VIDEOS = `
  UPDATE hidb_videos
     SET state = 'pending', attempt = 0, deaths = 0,
         run_after = CASE WHEN state = 'cancelled' AND instance IS NOT NULL THEN finished_at + ${STILL_RUNNING_MS} ELSE 0 END,
         instance = NULL, claimed_at = NULL,
         finished_at = NULL, error = NULL, output = NULL
   WHERE ${RETRIABLE} RETURNING video_id AS id`;

/** What attempts have used that no longer count, once their videos begin anew. */
export const FORGET_USAGE = `
  DELETE FROM hidb_usage
   WHERE attempt > coalesce((SELECT v.attempt FROM hidb_videos v WHERE v.video_id = hidb_usage.video_id), 0)`;

export const COUNT_CHOSEN = `SELECT count(*) AS total FROM hidb_videos WHERE ${CHOSEN}`;

// The instance of a running one stays named: the row then tells that its attempt was cut short.
export const CANCEL_VIDEOS = `
  UPDATE hidb_videos SET state = 'cancelled', finished_at = ? WHERE ${CHOSEN} RETURNING video_id AS id`;

/** Keeps the pool from claiming. Parameters: key, value. Zero rows changed: it is so already. */
export const STOP_CLAIMS = `
  INSERT INTO hidb_pool (key, value) VALUES (?, ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value`;

/** Whatever the reason: pauses, a halt, a drain, a hold. */
export const RESUME = `DELETE FROM hidb_pool WHERE ${IS_STOP} RETURNING coalesce(value ->> '$.until', 9e15) AS until`;

// `hidb remove`. A claim is never pulled away under its instance; of a video that was cancelled while it ran, the attempt may
// go on for some seconds. The parameter: now.
const REMOVABLE = `
  (state <> 'running' AND (state <> 'cancelled' OR instance IS NULL OR finished_at + ${STILL_RUNNING_MS} <= ?))`;

const FIND_REMOVABLE = `
  SELECT h.video_id AS id, c.source, ${REMOVABLE} AS removable
    FROM hidb_videos h LEFT JOIN videos c ON c.id = h.video_id
   WHERE h.video_id > ? AND h.state IN (SELECT value FROM json_each(?))
     AND (? OR h.video_id IN (SELECT value FROM json_each(?)))
   ORDER BY h.video_id LIMIT ? + 0`;

export interface RemovablePage {
  now: Millis;
  /** The id before the page. */
  after: number;
  states: State[];
  /** Null: all. */
  ids: number[] | null;
  rows: number;
}

export function findRemovablePage(database: Database, { now, after, states, ids, rows }: RemovablePage) {
  const chosen = [JSON.stringify(states), ids === null ? 1 : 0, JSON.stringify(ids ?? [])];
  return database.prepare(FIND_REMOVABLE).bind(now, after, ...chosen, rows);
}

/** Parameters: ids, states, now. */
export const REMOVE_VIDEOS = `
  DELETE FROM hidb_videos
   WHERE video_id IN (SELECT value FROM json_each(?)) AND state IN (SELECT value FROM json_each(?)) AND ${REMOVABLE}
  RETURNING video_id AS id`;

/** What belongs to these videos and has lost its row in hidb_videos. The parameter: ids. */
export const REMOVE_BELONGINGS = [
  ["videos", "id"],
  ["hidb_attempts", "video_id"],
  ["hidb_usage", "video_id"],
].map(
  ([table, column]) => `
  DELETE FROM ${table} WHERE ${column} IN (SELECT value FROM json_each(?))
     AND NOT EXISTS (SELECT 1 FROM hidb_videos v WHERE v.video_id = ${table}.${column})`,
);
