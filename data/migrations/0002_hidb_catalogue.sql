-- Migration number: 0002 	 2026-11-22T00:00:00.000Z
-- The default catalogue, for those who have no table of their own.
CREATE TABLE IF NOT EXISTS videos (
  id         INTEGER PRIMARY KEY,
  source     TEXT NOT NULL UNIQUE,
  title      TEXT,
  duration_s REAL
);
