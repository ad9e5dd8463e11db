// Settings of what is told: logs, the page and its API, notices, the journal.
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
    "Told when a run ends or is halted: a URL that gets a POST, or a program with its arguments.",
    "secret",
  ),
  logDir: path("HIDB_LOG_DIR", "data/logs", "One log file an instance goes here."),
  logLevel: oneOf("HIDB_LOG_LEVEL", "info", ["debug", "info", "warn", "error", "silent"], "What the log files hold."),
  logMaxMb: whole("HIDB_LOG_MAX_MB", "200", { min: 2, max: 1_048_576 }, "Disk for all log files; the oldest go first."),
  logFileMb: whole(
    "HIDB_LOG_FILE_MB",
    "10",
    { min: 1, max: 1024 },
    "Size at which a log file is set aside for a new one.",
  ),
  logFileHours: whole(
    "HIDB_LOG_FILE_HOURS",
    "24",
    { min: 1, max: 8760 },
    "Age at which a log file is set aside for a new one.",
  ),
  port: whole(
    "HIDB_PORT",
    "3000",
    { min: 0, max: 65_535 },
    "The page and its API, shared by all instances; each also has this + 1 + its process id to itself; 0 for none.",
  ),
  host: setting(
    "HIDB_HOST",
    "127.0.0.1",
    "an address of this machine",
    v.pipe(v.string(), v.regex(/^[\w.:-]+$/)),
    "The address they are on; anything but 127.0.0.1 lets others in, who can read without the token.",
  ),
  token: setting(
    "HIDB_TOKEN",
    "",
    "16 to 256 characters without blanks",
    v.pipe(v.string(), v.regex(/^([!-~]{16,256})?$/)),
    "What changes through the page or the API need; without it one is made and kept in `token` beside the database.",
    "secret",
  ),
  allowedHosts: hostNames(
    "HIDB_ALLOWED_HOSTS",
    "Further names under which the page may be asked for, besides localhost and HIDB_HOST.",
  ),
  journal: path(
    "HIDB_JOURNAL",
    "",
    "Appends every life, claim, renewal, settlement, release and reclaim to this file as a JSON line.",
  ),
} as const satisfies Record<string, Setting<unknown>>;
