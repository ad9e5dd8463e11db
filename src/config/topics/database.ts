// Settings of the database and the catalogue in it.
import * as v from "valibot";
import { flag, identifier, oneOf, path, type Setting, text, url, whole } from "../setting.js";

export const DATABASE = {
  database: oneOf("HIDB_DATABASE", "sqlite", ["sqlite", "d1"], "A SQLite file, or Cloudflare D1 over HTTP."),
  sqliteFile: {
    ...path("HIDB_SQLITE_FILE", "data/hidb.sqlite", "The database file."),
    // All instances open the same file; SQLite's URIs are not supported.
    schema: v.pipe(v.string(), v.regex(/^(?!:memory:|file:)/i)),
  },
  strict: flag("HIDB_STRICT", "1 enforces all of D1's limits and refusals on the SQLite file, too."),
  synchronous: oneOf(
    "HIDB_SYNCHRONOUS",
    "normal",
    ["normal", "full"],
    "What a power cut may undo: `normal` what was settled in the last second, `full` nothing settled.",
  ),
  accountId: text(
    "CLOUDFLARE_ACCOUNT_ID",
    "",
    "The account that the D1 database belongs to; else from the wrangler config.",
  ),
  apiToken: text("CLOUDFLARE_API_TOKEN", "", "A token with the permission D1 Edit.", "secret"),
  d1Database: text(
    "HIDB_D1_DATABASE",
    "",
    "The D1 database: its id, its name or its binding; else the only one of the wrangler config.",
  ),
  wranglerConfig: path(
    "HIDB_WRANGLER_CONFIG",
    "",
    "wrangler.jsonc, .json or .toml; without it the nearest one, from the current folder upwards.",
  ),
  d1BaseUrl: url("HIDB_D1_BASE_URL", "https://api.cloudflare.com/client/v4", "The address of Cloudflare's API."),
  d1Requests: whole(
    "HIDB_D1_REQUESTS_PER_5MIN",
    "1000",
    { min: 100, max: 1_000_000 },
    "Requests that the whole pool makes in 5 minutes at most; Cloudflare blocks an account above 1,200.",
  ),
  spoolDir: path("HIDB_SPOOL_DIR", "data/spool", "Folder for outcomes that D1 has not accepted yet."),
  catalogueTable: identifier(
    "HIDB_CATALOGUE_TABLE",
    "videos",
    "The table of the catalogue; one that hidb did not make is never altered.",
  ),
  catalogueId: identifier("HIDB_CATALOGUE_ID", "id", "Its column of whole numbers that name the videos."),
  catalogueSource: identifier("HIDB_CATALOGUE_SOURCE", "source", "Its column of paths or URLs."),
  catalogueTitle: identifier("HIDB_CATALOGUE_TITLE", "title", "Its column of titles; need not exist."),
  catalogueDuration: identifier("HIDB_CATALOGUE_DURATION", "duration_s", "Its column of seconds; need not exist."),
} as const satisfies Record<string, Setting<unknown>>;
