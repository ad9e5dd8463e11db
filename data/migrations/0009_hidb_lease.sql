-- Migration number: 0009 	 2026-12-01T00:00:00.000Z
-- How long a lease of this instance is at most: one that lies further ahead was written before the clock was set back.
ALTER TABLE hidb_instances ADD COLUMN lease_ms INTEGER;
