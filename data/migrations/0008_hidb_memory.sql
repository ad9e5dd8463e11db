-- Migration number: 0008 	 2026-11-24T00:00:00.000Z
-- What instances tell one another about memory, so that the pool fits into its box. All of it changes with the heartbeat's
-- row, and costs no row of its own.

-- By how much an attempt has made its instance grow, at most, of late.
ALTER TABLE hidb_instances ADD COLUMN rise_bytes INTEGER NOT NULL DEFAULT 0;

-- By how much it may grow yet with what it has in hand; others keep so much free for it.
ALTER TABLE hidb_instances ADD COLUMN expected_bytes INTEGER NOT NULL DEFAULT 0;

-- When it began to claim: instances begin HIDB_STAGGER_MS apart.
ALTER TABLE hidb_instances ADD COLUMN began_at INTEGER;

-- Why it claims nothing at the moment: 'admission', 'high', 'room' or 'pressure'; NULL when nothing holds it back.
ALTER TABLE hidb_instances ADD COLUMN held_back TEXT;
