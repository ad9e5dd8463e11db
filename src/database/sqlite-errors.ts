// What SQLite's result codes mean for a person.
import { accessSync, closeSync, constants, existsSync, openSync } from "node:fs";
import { dirname } from "node:path";
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
    "check the disk (`dmesg`), then restore it from a backup, or save what is left with `sqlite3 FILE .recover`",
  ],
  [
    "SQLITE_IOERR",
    "DATABASE_DISK",
    "expected to read and write the database",
    "check the disk (`dmesg`, free space, permissions); what was settled stays settled",
  ],
];

export function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(code);
}

const IOERR = 10;

/** Whether what the integrity check has found is a page that could not be read: the low byte of an extended code tells. */
export function isReadFailure(finding: string): boolean {
  const [, code] = /unable to get the page\. error code=(\d+)/.exec(finding) ?? [];
  return code !== undefined && (Number(code) & 0xff) === IOERR;
}

export function readFailure(cause: unknown): Error {
  return Object.assign(new Error("disk I/O error", { cause }), { code: "SQLITE_IOERR_CORRUPTFS" });
}

/** Trouble with the file becomes a HidbError that names it; an error of the statement itself reads as D1's. */
export function describeSqliteError(error: unknown, file: string): unknown {
  const code = codeOf(error);
  if (error instanceof HidbError) return error;
  if (!code.startsWith("SQLITE_")) return error;
  if (/^SQLITE_(READONLY|CANTOPEN)/.test(code) && isOnReadOnlyDisk(file)) return diskReadOnly(file, error);
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

/** By permission a file is read-only for good; a disk is when the kernel has found an error on it, until somebody mends it. */
function isOnReadOnlyDisk(file: string): boolean {
  const log = `${file}-wal`;
  try {
    // After an error ext4 lets access() say yes. The database itself must not be opened here: to close it again would give
    // away the locks that SQLite has on it.
    if (existsSync(log)) closeSync(openSync(log, "r+"));
    else accessSync(dirname(file), constants.W_OK);
    return false;
  } catch (error) {
    return codeOf(error) === "EROFS";
  }
}

function diskReadOnly(file: string, cause: unknown): HidbError {
  return new HidbError({
    code: "DATABASE_DISK",
    message: `expected to write to the database ${file}, but its file system is mounted read-only`,
    fix: "see what `dmesg` says about the disk, then remount it; what was settled stays settled",
    cause,
  });
}

/** D1's own answer to BEGIN and its family. */
export const USE_BATCH =
  "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs " +
  "instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will " +
  "automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic " +
  "write coalescing.";

/** An error of a statement, with D1's prefix; its cause has the text alone. */
export function sqlError(text: string, driverError?: unknown): Error {
  const cause = driverError === undefined ? new Error(text) : new Error(text, { cause: driverError });
  return new Error(`D1_ERROR: ${text}`, { cause });
}

/** An error of compiling a statement: SQLite's text with the place. */
export function compileError(error: unknown, offset: number | undefined): Error {
  const place = offset === undefined ? "" : ` at offset ${offset}`;
  return sqlError(`${messageOf(error)}${place}: SQLITE_ERROR`, error);
}

/** What D1 says when the transaction ends with a foreign key that points nowhere. */
export function resetError(cause: unknown): Error {
  return remoteError(
    "Durable Object was reset and rolled back to its last known good state because the application left the database " +
      `in a state where constraints were violated: ${messageOf(cause)}: SQLITE_CONSTRAINT ` +
      "(extended: SQLITE_CONSTRAINT_FOREIGNKEY)",
  );
}

/** What D1 says when a statement has ended its transaction, as INSERT OR ROLLBACK does. */
export function lostTransactionError(reference: string): Error {
  return remoteError(`internal error; reference = ${reference}`);
}

/** Errors from beyond D1's own code come through the wall between two Workers, which marks them. */
function remoteError(message: string): Error {
  return Object.assign(new Error(message), { remote: true });
}
