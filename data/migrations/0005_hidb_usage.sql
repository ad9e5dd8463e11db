-- Migration number: 0005 	 2026-11-24T00:00:00.000Z
-- What the last attempt at a video has used, where that is more than Workers allow; any other video has no row here. A
-- later attempt that keeps within the limits leaves the row as it is, and the row no longer counts: it names its attempt.
CREATE TABLE hidb_usage (
  video_id    INTEGER PRIMARY KEY,
  attempt     INTEGER NOT NULL,
  plan        TEXT    NOT NULL,
  -- A JSON array of names: ["cpu","subrequests"].
  over_limits TEXT    NOT NULL,
  -- A JSON object of what was used, and of the limits that were exceeded.
  figures     TEXT    NOT NULL
);
