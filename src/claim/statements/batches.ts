// The SQL of batches of ids.

/** All batches in order, and which of them have videos left. */
export const BATCHES = `
  SELECT batch_id AS id, from_id AS "from", to_id AS "to",
         EXISTS (SELECT 1 FROM hidb_videos INDEXED BY hidb_open
                  WHERE finished_at IS NULL AND video_id BETWEEN from_id AND to_id) AS open
    FROM hidb_batches ORDER BY batch_id`;

export const DELETE_BATCHES = "DELETE FROM hidb_batches";

// Ends meet, so that a video that is added between two others belongs to one of them.
const CREATE_BATCHES = (place: string) => `
  INSERT INTO hidb_batches (batch_id, from_id, to_id)
  SELECT batch, lowest, coalesce(lead(lowest) OVER (ORDER BY batch) - 1, highest)
    FROM (SELECT batch, min(video_id) AS lowest, max(video_id) AS highest
            FROM (SELECT video_id, ${place} AS batch FROM hidb_videos) GROUP BY batch)`;

/** So many batches, of equally many videos. The parameter: how many. */
export const CREATE_BATCHES_BY_COUNT = CREATE_BATCHES("ntile(CAST(? AS INTEGER)) OVER (ORDER BY video_id)");

/** Batches of so many videos. The parameter: how many. */
export const CREATE_BATCHES_BY_SIZE = CREATE_BATCHES(
  "(row_number() OVER (ORDER BY video_id) - 1) / CAST(? AS INTEGER) + 1",
);
