// The broker's SQL. Parameters are plain `?` in order; lists travel as JSON, since a statement takes a hundred parameters.

/**
 * May be asked twice when the answer was lost. Parameters: queue, sent_at, visible_at of messages without a delay, the
 * messages as a JSON list.
 */
export const PUT = `
  INSERT OR IGNORE INTO hidb_messages (queue, message_id, sent_at, visible_at, content_type, body)
  SELECT ?, json_extract(value, '$.id'), ?, ? + json_extract(value, '$.delayMs'), json_extract(value, '$.contentType'),
         json_extract(value, '$.body')
    FROM json_each(?)`;

const CLAIMED = "message_id AS id, sent_at AS sentAt, attempts, content_type AS contentType, body";

/**
 * One statement: two instances never take the same message while the first one's lease holds. What is delayed or in
 * others' hands is stepped over in the order of the key; reading that costs little, an index on the time would be written
 * at each step of a message. Parameters: claim, lease end, queue, queue, now, how many.
 */
export const CLAIM = `
  UPDATE hidb_messages SET claim = ?, visible_at = ?, attempts = attempts + 1
   WHERE queue = ? AND message_id IN (SELECT message_id FROM hidb_messages
                                       WHERE queue = ? AND visible_at <= ? ORDER BY message_id LIMIT ?)
  RETURNING ${CLAIMED}`;

/** What a claim took whose answer was lost. Parameters: queue, claim. */
export const FIND_CLAIMED = `SELECT ${CLAIMED} FROM hidb_messages WHERE queue = ? AND claim = ?`;

/** Zero rows for a message: its lease ran out and somebody else has it, or has been done with it. */
const HELD = "queue = ? AND message_id IN (SELECT value FROM json_each(?)) AND claim = ?";

export const RENEW = `UPDATE hidb_messages SET visible_at = ? WHERE ${HELD}`;

export const ACKNOWLEDGE = `DELETE FROM hidb_messages WHERE ${HELD}`;

export const RETRY = `UPDATE hidb_messages SET claim = NULL, visible_at = ? WHERE ${HELD}`;

/** Given back undelivered: the attempt was none. */
export const RELEASE = `
  UPDATE hidb_messages SET claim = NULL, visible_at = ?, attempts = max(0, attempts - 1) WHERE ${HELD}`;

/** Keeps id and time of sending, as Cloudflare does. Parameters: dead letter queue, visible at, and those of HELD. */
export const MOVE_TO_DEAD_LETTERS = `
  UPDATE hidb_messages SET queue = ?, claim = NULL, visible_at = ?, attempts = 0 WHERE ${HELD}`;

/** Those of the queues that have something to deliver. Parameters: queues as a JSON list, now. */
export const FIND_DUE = `
  SELECT value AS queue FROM json_each(?)
   WHERE EXISTS (SELECT 1 FROM hidb_messages WHERE hidb_messages.queue = value AND visible_at <= ?)`;

export const COUNT = "SELECT count(*) AS count FROM hidb_messages WHERE queue = ?";
