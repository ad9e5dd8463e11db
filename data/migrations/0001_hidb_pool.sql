-- Migration number: 0001 	 2026-11-22T00:00:00.000Z
-- The pool's own tables. Times are milliseconds since 1970-01-01 UTC.

-- One row a video. "Open" (finished_at IS NULL) rather than "pending" is what the index covers: a claim changes no
-- indexed column, so it writes one row and no index, and completed rows cost a claim nothing.
CREATE TABLE hidb_videos (
  video_id    INTEGER PRIMARY KEY CHECK (video_id BETWEEN -9007199254740992 AND 9007199254740992),
  state       TEXT    NOT NULL DEFAULT 'pending'
              CHECK (state IN ('pending', 'running', 'completed', 'failed', 'quarantined', 'cancelled')),
  attempt     INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  deaths      INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
  run_after   INTEGER NOT NULL DEFAULT 0,
  -- What HIDB_ORDER=longest sorts by: minus the known seconds, so that the longest come first in an ascending index.
  priority    REAL    NOT NULL DEFAULT 0,
  instance    TEXT,
  claimed_at  INTEGER,
  finished_at INTEGER,
  error       TEXT,
  output      TEXT,
  CHECK ((finished_at IS NULL) = (state IN ('pending', 'running'))),
  CHECK (state <> 'running' OR (instance IS NOT NULL AND claimed_at IS NOT NULL AND attempt > 0)),
  CHECK (state <> 'pending' OR instance IS NULL)
);

CREATE INDEX hidb_open ON hidb_videos (video_id) WHERE finished_at IS NULL;

-- Suspects have been in the hands of an instance that died; they are claimed one by one. Normally empty.
CREATE INDEX hidb_suspects ON hidb_videos (video_id) WHERE finished_at IS NULL AND deaths > 0;

-- One row a life of an instance. The lease is the instance's: one heartbeat renews all its claims.
CREATE TABLE hidb_instances (
  id             TEXT    PRIMARY KEY,
  host           TEXT    NOT NULL,
  -- Kernel boot and pid namespace: within one of these a pid can be checked, outside only the lease counts.
  boot           TEXT    NOT NULL,
  pid            INTEGER NOT NULL,
  pid_started_at TEXT    NOT NULL,
  process_id     INTEGER NOT NULL,
  state          TEXT    NOT NULL CHECK (state IN ('starting', 'working', 'draining', 'gone')),
  started_at     INTEGER NOT NULL,
  lease_until    INTEGER NOT NULL,
  gone_at        INTEGER,
  gone_because   TEXT,
  completed      INTEGER NOT NULL DEFAULT 0,
  retried        INTEGER NOT NULL DEFAULT 0,
  failed         INTEGER NOT NULL DEFAULT 0,
  released       INTEGER NOT NULL DEFAULT 0,
  lost           INTEGER NOT NULL DEFAULT 0,
  busy_ms        INTEGER NOT NULL DEFAULT 0,
  in_hand        INTEGER NOT NULL DEFAULT 0,
  rss_bytes      INTEGER NOT NULL DEFAULT 0,
  CHECK ((state = 'gone') = (gone_at IS NOT NULL))
);

CREATE INDEX hidb_live ON hidb_instances (state) WHERE gone_at IS NULL;

-- What went wrong: one row for each attempt that did not complete. Success writes none.
CREATE TABLE hidb_attempts (
  attempt_id INTEGER PRIMARY KEY,
  video_id   INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  instance   TEXT    NOT NULL,
  outcome    TEXT    NOT NULL CHECK (outcome IN ('retry', 'failed', 'died')),
  reason     TEXT    NOT NULL,
  claimed_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL
);

CREATE INDEX hidb_attempts_of ON hidb_attempts (video_id);

-- What holds for the whole pool, e.g. ('paused', '1').
CREATE TABLE hidb_pool (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- A settlement's statements stand behind a row that this table refuses when the claim is lost, so that the whole
-- transaction is undone: D1 has no other way to make a batch depend on a condition. It stays empty.
CREATE TABLE hidb_fence (
  held INTEGER NOT NULL CONSTRAINT claim_is_held CHECK (held = 1)
);
