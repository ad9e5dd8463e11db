-- Migration number: 0004 	 2026-11-24T00:00:00.000Z
-- The queues of a hosted Worker: one row a message until it is acknowledged. Times are milliseconds since 1970-01-01 UTC.

-- The key is the only tree: a message costs one row written when it is sent, one when it is claimed and one when it is
-- acknowledged. Ids begin with the time of sending, so that the order of the key is the order of arrival.
CREATE TABLE hidb_messages (
  queue        TEXT    NOT NULL,
  message_id   TEXT    NOT NULL,
  sent_at      INTEGER NOT NULL,
  -- When it may be delivered: after its delay; while it is claimed, when the lease of the claim runs out.
  visible_at   INTEGER NOT NULL,
  -- Deliveries so far, the one under way included.
  attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- Who delivers it: only the claim that took it can settle it.
  claim        TEXT,
  content_type TEXT    NOT NULL,
  -- JSON for json and text, base64 for bytes and v8.
  body         TEXT    NOT NULL,
  PRIMARY KEY (queue, message_id)
) WITHOUT ROWID;
