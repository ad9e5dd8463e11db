CREATE TABLE IF NOT EXISTS videos (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  duration_s REAL,
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
  worker_id INTEGER,
  summary TEXT
);
CREATE INDEX IF NOT EXISTS videos_status ON videos (status);
