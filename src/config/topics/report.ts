// Settings of the logs, the page and its API, notices and the journal.
import * as v from "valibot";
import { hostNames, oneOf, path, type Setting, setting, whole } from "../setting.js";

export const REPORT = {
  notify: setting(
    "HIDB_NOTIFY",
    "",
    "an http or https URL, or a program with its arguments",
    v.pipe(
      v.string(),
      v.check((value) => (/^https?:/i.test(value) ? URL.canParse(value) : !/^[a-z][a-z0-9+.-]*:\/\//i.test(value))),
    ),
    "Called when a run ends or is halted: a URL that gets a POST, or a program with its arguments.",
    "secret",
  ),
  logDir: path("HIDB_LOG_DIR", "data/logs", "Folder of the log files, one an instance."),
  logLevel: oneOf(
    "HIDB_LOG_LEVEL",
    "info",
    ["debug", "info", "warn", "error", "silent"],
    "The least severe level that is logged.",
  ),
  logMaxMb: whole(
    "HIDB_LOG_MAX_MB",
    "200",
    { min: 2, max: 1_048_576 },
    "Disk space for all log files; the oldest are deleted first.",
  ),
  logFileMb: whole("HIDB_LOG_FILE_MB", "10", { min: 1, max: 1024 }, "Size at which a log file is rotated."),
  logFileHours: whole("HIDB_LOG_FILE_HOURS", "24", { min: 1, max: 8760 }, "Age at which a log file is rotated."),
  port: whole(
    "HIDB_PORT",
    "3000",
    { min: 0, max: 65_535 },
    "Port of the page and its API, shared by all instances; each also answers on this + 1 + its process id; 0 for none.",
  ),
  host: setting(
    "HIDB_HOST",
    "127.0.0.1",
    "an address of this machine",
    v.pipe(v.string(), v.regex(/^[\w.:-]+$/)),
    "The address of these ports; with any but 127.0.0.1, others can reach them and read without the token.",
  ),
  token: setting(
    "HIDB_TOKEN",
    "",
    "16 to 256 characters without blanks",
    v.pipe(v.string(), v.regex(/^([!-~]{16,256})?$/)),
    "The token that changes need; without it one is generated and kept in the file `token` beside the database.",
    "secret",
  ),
  allowedHosts: hostNames(
    "HIDB_ALLOWED_HOSTS",
    "More host names that a request to the page may have, besides localhost and HIDB_HOST.",
  ),
  journal: path(
    "HIDB_JOURNAL",
    "",
    "A file to which every start, claim, renewal, settlement, release and reclaim is appended as a JSON line.",
  ),
} as const satisfies Record<string, Setting<unknown>>;
