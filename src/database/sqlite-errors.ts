// What SQLite's result codes mean for a person.
import { codeOf, type ErrorCode, HidbError, messageOf } from "../errors.js";

const MEANING: [prefix: string, code: ErrorCode, expected: string, fix: string][] = [
  [
    "SQLITE_BUSY",
    "DATABASE_LOCKED",
    "expected the database to be free for writing",
    "another program holds it locked: end that program (`fuser FILE` names it) and try again",
  ],
  [
    "SQLITE_PROTOCOL",
    "DATABASE_LOCKED",
    "expected the database to be free",
    "too many programs open it at once: try again",
  ],
  [
    "SQLITE_LOCKED",
    "DATABASE_LOCKED",
    "expected the database to be free for writing",
    "another program holds it locked: end that program (`fuser FILE` names it) and try again",
  ],
  [
    "SQLITE_FULL",
    "DATABASE_FULL",
    "expected room for the database to grow",
    "free some disk space; what was settled stays settled",
  ],
  [
    "SQLITE_READONLY",
    "DATABASE_READ_ONLY",
    "expected to write to the database",
    "give this user write permission on the file and its folder (SQLite keeps a log beside the file)",
  ],
  [
    "SQLITE_CANTOPEN",
    "DATABASE_UNREADABLE",
    "expected to open the database",
    "check that the path is a file and that its folder can be written (SQLite keeps a log beside the file)",
  ],
  [
    "SQLITE_NOTADB",
    "DATABASE_CORRUPT",
    "expected a SQLite database",
    "correct HIDB_SQLITE_FILE, or move the file away and start with a new one",
  ],
  [
    "SQLITE_CORRUPT",
    "DATABASE_CORRUPT",
    "expected a sound SQLite database",
    "restore it from a backup, or save what is left with `sqlite3 FILE .recover`",
  ],
  [
    "SQLITE_IOERR",
    "DATABASE_UNREADABLE",
    "expected to read and write the database",
    "check the disk (`dmesg`, free space, permissions) and try again",
  ],
];

export function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(code);
}

/** Trouble with the file becomes a HidbError that names it; an error of the statement itself reads as D1's. */
export function describeSqliteError(error: unknown, file: string): unknown {
  const code = codeOf(error);
  if (error instanceof HidbError) return error;
  if (!code.startsWith("SQLITE_")) return describeRefusal(error);
  for (const [prefix, meaning, expected, fix] of MEANING) {
    if (!code.startsWith(prefix)) continue;
    return new HidbError({
      code: meaning,
      message: `${expected} ${file}, got ${code} (${messageOf(error)})`,
      fix: fix.replace(/\bFILE\b/, file),
      cause: error,
    });
  }
  const primary = code.split("_", 2).join("_");
  const extended = code === primary ? "" : ` (extended: ${code})`;
  return sqlError(`${messageOf(error)}: ${primary}${extended}`, error);
}

/** What the driver refuses by itself, before SQLite has seen it. */
const REFUSALS: [pattern: RegExp, text: string][] = [
  [/parameter value|named parameter/i, "Wrong number of parameter bindings for SQL query."],
  [/contains no statements/i, "No SQL statements detected."],
  [/more than one statement/i, "A prepared SQL statement must contain only one statement."],
];

function describeRefusal(error: unknown): unknown {
  const known = REFUSALS.find(([pattern]) => pattern.test(messageOf(error)));
  return known === undefined ? error : sqlError(known[1], error);
}

/** An error of a statement, with D1's prefix; its cause has the text alone. */
export function sqlError(text: string, driverError?: unknown): Error {
  return new Error(`D1_ERROR: ${text}`, {
    cause: new Error(text, { cause: driverError }),
  });
}
