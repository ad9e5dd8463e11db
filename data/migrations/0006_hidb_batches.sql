-- Migration number: 0006 	 2026-11-24T00:00:00.000Z
-- Batches of ids, for HIDB_SHARDING=ranges: one row a batch, both ends included. They say whose a video is by preference,
-- no more than the shard does, so they may overlap, leave gaps, and change while the pool works.
CREATE TABLE hidb_batches (
  batch_id INTEGER PRIMARY KEY,
  from_id  INTEGER NOT NULL,
  to_id    INTEGER NOT NULL CHECK (to_id >= from_id)
);

-- One row a run: from the first look that finds open videos until none is open, or until a halt is lifted. Kept only while
-- HIDB_HALT or HIDB_NOTIFY is set. Counts are those of videos that ended in this run.
CREATE TABLE hidb_runs (
  run_id       INTEGER PRIMARY KEY,
  started_at   INTEGER NOT NULL,
  completed    INTEGER NOT NULL DEFAULT 0,
  -- Quarantined ones included.
  failed       INTEGER NOT NULL DEFAULT 0,
  halted_at    INTEGER,
  ended_at     INTEGER,
  -- Who sends the notice of its end or halt has until this moment; after it another one may try.
  notice_until INTEGER,
  noticed_at   INTEGER
);
