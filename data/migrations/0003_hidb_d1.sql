-- Migration number: 0003 	 2026-11-24T00:00:00.000Z
-- What an instance on D1 needs: its part of the account's requests, an answer to "did my last claim arrive?", and rows
-- that are cheap to change.

-- Claims name the epoch. An instance whose claim got no answer raises it, and undoes what that claim has taken: should
-- the request arrive even later, it finds another epoch and takes nothing.
ALTER TABLE hidb_instances ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

-- Requests in 5 minutes that are this instance's own; all shares together never exceed what the pool may make.
ALTER TABLE hidb_instances ADD COLUMN request_share INTEGER NOT NULL DEFAULT 0;

-- What this life has cost so far, as D1 counts it.
ALTER TABLE hidb_instances ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hidb_instances ADD COLUMN requests_recent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hidb_instances ADD COLUMN rows_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hidb_instances ADD COLUMN rows_written INTEGER NOT NULL DEFAULT 0;

-- The same table with one CHECK instead of five: for each IN of a CHECK D1 counts a row read at every change, which made
-- a settlement cost twice as much.
CREATE TABLE hidb_videos_new (
  video_id    INTEGER PRIMARY KEY CHECK (video_id BETWEEN -9007199254740992 AND 9007199254740992),
  state       TEXT    NOT NULL DEFAULT 'pending',
  attempt     INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  deaths      INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
  run_after   INTEGER NOT NULL DEFAULT 0,
  priority    REAL    NOT NULL DEFAULT 0,
  instance    TEXT,
  claimed_at  INTEGER,
  finished_at INTEGER,
  error       TEXT,
  output      TEXT,
  CHECK (
    CASE state
      WHEN 'pending' THEN finished_at IS NULL AND instance IS NULL
      WHEN 'running' THEN finished_at IS NULL AND instance IS NOT NULL AND claimed_at IS NOT NULL AND attempt > 0
      WHEN 'completed' THEN finished_at IS NOT NULL
      WHEN 'failed' THEN finished_at IS NOT NULL
      WHEN 'quarantined' THEN finished_at IS NOT NULL
      WHEN 'cancelled' THEN finished_at IS NOT NULL
      ELSE 0
    END
  )
);
INSERT INTO hidb_videos_new SELECT
  video_id, state, attempt, deaths, run_after, priority, instance, claimed_at, finished_at, error, output
  FROM hidb_videos;
DROP TABLE hidb_videos;
ALTER TABLE hidb_videos_new RENAME TO hidb_videos;
CREATE INDEX hidb_open ON hidb_videos (video_id) WHERE finished_at IS NULL;
CREATE INDEX hidb_suspects ON hidb_videos (video_id) WHERE finished_at IS NULL AND deaths > 0;
