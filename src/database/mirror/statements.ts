// The mirror's own tables. `hidb_mirror*` and `hidb_outbox` are in the local file, `hidb_mirror_applied` in D1.
import type { Database } from "../database.js";

export const MAKE_LOCAL = [
  "CREATE TABLE IF NOT EXISTS hidb_mirror (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  // Pages of a pull that is under way: `rows` is a JSON array of rows, `after` and `last` are keys between which they lie.
  `CREATE TABLE IF NOT EXISTS hidb_mirror_pages (
     name TEXT NOT NULL, page INTEGER NOT NULL, after TEXT, last TEXT, rows TEXT NOT NULL, size INTEGER NOT NULL,
     checked INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (name, page))`,
  "CREATE TABLE IF NOT EXISTS hidb_mirror_kept (name TEXT NOT NULL, key TEXT NOT NULL, row TEXT, PRIMARY KEY (name, key))",
  // One row for each row that has changed here since it was last equal on both sides; `base` is what it was then, and
  // `sent` what is on its way.
  `CREATE TABLE IF NOT EXISTS hidb_outbox (
     id INTEGER PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, base TEXT, version INTEGER NOT NULL DEFAULT 1,
     sent TEXT, sent_version INTEGER, sequence INTEGER, UNIQUE (name, key))`,
];

// One row for each local file that pushes. A sequence that is not higher than the last one breaks the CHECK, and so does
// a row that is not as it was: either undoes the whole batch. `burnt`: this sequence must not be applied any more.
export const MAKE_REMOTE = `
  CREATE TABLE IF NOT EXISTS hidb_mirror_applied (
    source TEXT PRIMARY KEY, sequence INTEGER NOT NULL, burnt INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 1 CONSTRAINT mirror_row_is_as_pulled CHECK (held = 1)) WITHOUT ROWID`;
export const GUARD_NAME = "mirror_row_is_as_pulled";

export const BEGIN_SEQUENCE = `
  INSERT INTO hidb_mirror_applied (source, sequence) VALUES (?, ?)
  ON CONFLICT (source) DO UPDATE SET burnt = 0, held = excluded.sequence > sequence, sequence = excluded.sequence`;
export const BURN_SEQUENCE = `
  INSERT INTO hidb_mirror_applied (source, sequence, burnt) VALUES (?, ?, 1)
  ON CONFLICT (source) DO UPDATE SET burnt = 1, sequence = excluded.sequence WHERE excluded.sequence > sequence`;
export const ASK_SEQUENCE = "SELECT sequence, burnt FROM hidb_mirror_applied WHERE source = ?";

export const GET = "SELECT value FROM hidb_mirror WHERE key = ?";
export const SET =
  "INSERT INTO hidb_mirror (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
export const FORGET = "DELETE FROM hidb_mirror WHERE key = ?";

/** Breaks the NOT NULL of `value`, and with it the batch, when this pull is not the one that is under way any more. */
export const HOLD_PULL = `
  INSERT INTO hidb_mirror (key, value) SELECT 'pulling', NULL
   WHERE NOT EXISTS (SELECT 1 FROM hidb_mirror WHERE key = 'pulling' AND value = ?)`;
export const HOLD_FAILED = "hidb_mirror.value";

export interface MirrorPage {
  name: string;
  page: number;
  after: string | null;
  last: string | null;
  size: number;
  isChecked: boolean;
  rows: { sql: string; params: (string | null)[] };
}

export function addPage(local: Database, { name, page, after, last, size, isChecked, rows }: MirrorPage) {
  return local
    .prepare(
      `INSERT INTO hidb_mirror_pages (name, page, after, last, size, checked, rows) VALUES (?, ?, ?, ?, ?, ?, ${rows.sql})`,
    )
    .bind(name, page, after, last, size, isChecked ? 1 : 0, ...rows.params);
}
export const LAST_PAGES = `
  SELECT name, max(page) AS page, last, size, json_array_length(rows) AS count FROM hidb_mirror_pages GROUP BY name`;
export const PAGES_TO_CHECK = `
  SELECT name, page, after, last, rows, size FROM hidb_mirror_pages p
   WHERE checked = 0 ORDER BY name, page LIMIT 8`;
export const CHECK_PAGE = "UPDATE hidb_mirror_pages SET checked = 1 WHERE name = ? AND page = ?";
export const UNCHECK_TABLE = "UPDATE hidb_mirror_pages SET checked = 0 WHERE name = ?";
// The last page of a table has no end: meanwhile it may have grown beyond one request.
export const RESUME_PAGES = [
  "DELETE FROM hidb_mirror_pages WHERE last IS NULL",
  "UPDATE hidb_mirror_pages SET checked = 0",
];
export const changePage = (rows: string) =>
  `UPDATE hidb_mirror_pages SET rows = ${rows}, size = ? WHERE name = ? AND page = ?`;
export const FORGET_PAGES = "DELETE FROM hidb_mirror_pages";

export const OUTBOX = `
  SELECT id, name, key, base, version, sent, sent_version AS sentVersion, sequence FROM hidb_outbox
   WHERE id > ? ORDER BY id LIMIT ?`;
export const IN_FLIGHT = `
  SELECT id, name, key, base, version, sent, sent_version AS sentVersion, sequence FROM hidb_outbox
   WHERE sequence IS NOT NULL ORDER BY id`;
export const markSent = (row: string) =>
  `UPDATE hidb_outbox SET sent = ${row}, sent_version = ?, sequence = ? WHERE id = ?`;
export const UNMARK =
  "UPDATE hidb_outbox SET sent = NULL, sent_version = NULL, sequence = NULL WHERE sequence IS NOT NULL";
export const DONE = "DELETE FROM hidb_outbox WHERE sequence = ? AND version = sent_version";
// Changed again while it was under way: now it is what was sent that the other side has.
export const DONE_IN_PART = `
  UPDATE hidb_outbox SET base = sent, sent = NULL, sent_version = NULL, sequence = NULL WHERE sequence = ?`;
export const DROP_ENTRY = "DELETE FROM hidb_outbox WHERE id = ? AND version = ?";
export const newBase = (row: string) => `UPDATE hidb_outbox SET base = ${row} WHERE id = ?`;
