// SQL of the state that a Worker's KV namespaces and R2 buckets share. Parameters are plain `?` in order.

/** Any string that starts with a prefix is below the prefix and this, whatever follows. */
export const LAST = "\u{10FFFF}";

/** `blob` names a file where the value is too large for the table; `expires_at` is in seconds since 1970. */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS kv_entries (
    namespace  TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      BLOB,
    blob       TEXT,
    expires_at INTEGER,
    metadata   TEXT,
    PRIMARY KEY (namespace, key),
    CHECK ((value IS NULL) <> (blob IS NULL))
  );
  CREATE INDEX IF NOT EXISTS kv_expiring ON kv_entries (expires_at) WHERE expires_at IS NOT NULL;

  -- \`parts\` is a list of [blob, size]: one for what was put at once, several for what was uploaded in parts.
  CREATE TABLE IF NOT EXISTS r2_objects (
    bucket        TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    size          INTEGER NOT NULL,
    etag          TEXT    NOT NULL,
    uploaded      INTEGER NOT NULL,
    checksums     TEXT    NOT NULL,
    http          TEXT    NOT NULL,
    custom        TEXT    NOT NULL,
    storage_class TEXT    NOT NULL,
    parts         TEXT    NOT NULL,
    PRIMARY KEY (bucket, key)
  );
  CREATE TABLE IF NOT EXISTS r2_uploads (
    upload_id     TEXT PRIMARY KEY,
    bucket        TEXT NOT NULL,
    key           TEXT NOT NULL,
    http          TEXT NOT NULL,
    custom        TEXT NOT NULL,
    storage_class TEXT NOT NULL,
    is_open       INTEGER NOT NULL DEFAULT 1
  );
  CREATE TABLE IF NOT EXISTS r2_parts (
    upload_id TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    blob      TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    etag      TEXT    NOT NULL,
    md5       TEXT    NOT NULL,
    PRIMARY KEY (upload_id, number)
  );`;

export const KV_GET = `
  SELECT value, blob, expires_at AS expiresAt, metadata FROM kv_entries
   WHERE namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)`;

export const KV_BLOB = "SELECT blob FROM kv_entries WHERE namespace = ? AND key = ?";

export const KV_PUT = `
  INSERT INTO kv_entries (namespace, key, value, blob, expires_at, metadata) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (namespace, key) DO UPDATE SET
    value = excluded.value, blob = excluded.blob, expires_at = excluded.expires_at, metadata = excluded.metadata`;

export const KV_DELETE = "DELETE FROM kv_entries WHERE namespace = ? AND key = ? RETURNING blob";

export const KV_EXPIRE = "DELETE FROM kv_entries WHERE expires_at <= ? RETURNING blob";

/** Parameters: namespace, prefix, the prefix and LAST, the key to start after, now, how many. */
export const KV_LIST = `
  SELECT key, expires_at AS expiresAt, metadata FROM kv_entries
   WHERE namespace = ? AND key >= ? AND key < ? AND key > ? AND (expires_at IS NULL OR expires_at > ?)
   ORDER BY key LIMIT ?`;

const OBJECT = "key, version, size, etag, uploaded, checksums, http, custom, storage_class AS storageClass, parts";

export const R2_GET = `SELECT ${OBJECT} FROM r2_objects WHERE bucket = ? AND key = ?`;

export const R2_PUT = `
  INSERT INTO r2_objects (bucket, key, version, size, etag, uploaded, checksums, http, custom, storage_class, parts)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (bucket, key) DO UPDATE SET
    version = excluded.version, size = excluded.size, etag = excluded.etag, uploaded = excluded.uploaded,
    checksums = excluded.checksums, http = excluded.http, custom = excluded.custom,
    storage_class = excluded.storage_class, parts = excluded.parts`;

export const R2_DELETE = "DELETE FROM r2_objects WHERE bucket = ? AND key = ? RETURNING parts";

/** Parameters: bucket, prefix, the prefix and LAST. A key may be empty. */
export const R2_FIRST = `
  SELECT ${OBJECT} FROM r2_objects WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT 1`;

/** Parameters: those of R2_FIRST, the key to start after. */
export const R2_NEXT = R2_FIRST.replace("ORDER BY", "AND key > ? ORDER BY");

export const R2_UPLOAD_CREATE = `
  INSERT INTO r2_uploads (upload_id, bucket, key, http, custom, storage_class) VALUES (?, ?, ?, ?, ?, ?)`;

export const R2_UPLOAD_GET = `
  SELECT http, custom, storage_class AS storageClass, is_open AS isOpen FROM r2_uploads
   WHERE upload_id = ? AND bucket = ? AND key = ?`;

export const R2_UPLOAD_END = "UPDATE r2_uploads SET is_open = 0 WHERE upload_id = ?";

export const R2_PART_GET = "SELECT blob FROM r2_parts WHERE upload_id = ? AND number = ?";

export const R2_PART_PUT = `
  INSERT OR REPLACE INTO r2_parts (upload_id, number, blob, size, etag, md5) VALUES (?, ?, ?, ?, ?, ?)`;

export const R2_PARTS = "SELECT number, blob, size, etag, md5 FROM r2_parts WHERE upload_id = ?";

export const R2_PARTS_DELETE = "DELETE FROM r2_parts WHERE upload_id = ?";
