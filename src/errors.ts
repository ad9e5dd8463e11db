// What a person can mend, said in one message: what was expected, what came, and the mend.

/** The exit codes (src/cli/README.md); 42 and 75 are an instance's, for PM2. */
export const EXIT = {
  completed: 0,
  unfinished: 1,
  usage: 2,
  preflight: 3,
  halted: 4,
  database: 5,
  doNotRestart: 42,
  recycle: 75,
} as const;

export type ErrorCode =
  | "SETTING_UNKNOWN"
  | "SETTING_INVALID"
  | "USAGE"
  | "LIST_UNREADABLE"
  | "LIST_REFUSED"
  | "CATALOGUE_EMPTY"
  | "CATALOGUE_TABLE"
  | "VIDEO_UNKNOWN"
  | "PROCESSOR_PREFLIGHT"
  | "MEMORY_TOO_SMALL"
  | "HANDLES_TOO_FEW"
  | "PM2_FAILED"
  | "POOL_UNHEALTHY"
  | "TABLES_FOREIGN"
  | "DATABASE_MISSING"
  | "DATABASE_UNREADABLE"
  | "DATABASE_READ_ONLY"
  | "DATABASE_CORRUPT"
  | "DATABASE_LOCKED"
  | "DATABASE_FULL"
  | "DATABASE_DISK"
  | "DATABASE_FOREIGN"
  | "DATABASE_UNREACHABLE"
  | "DATABASE_OUTCOME_UNKNOWN"
  | "DATABASE_REFUSED"
  | "DATABASE_GONE"
  | "DATABASE_QUOTA"
  | "WRANGLER_CONFIG"
  | "WORKER_UNSUPPORTED"
  | "WORKER_BROKEN"
  | "FILE_UNREADABLE"
  | "FILE_UNWRITABLE";

const EXIT_OF: Record<ErrorCode, number> = {
  SETTING_UNKNOWN: EXIT.usage,
  SETTING_INVALID: EXIT.usage,
  USAGE: EXIT.usage,
  LIST_UNREADABLE: EXIT.usage,
  LIST_REFUSED: EXIT.usage,
  CATALOGUE_EMPTY: EXIT.preflight,
  CATALOGUE_TABLE: EXIT.usage,
  VIDEO_UNKNOWN: EXIT.usage,
  PROCESSOR_PREFLIGHT: EXIT.preflight,
  MEMORY_TOO_SMALL: EXIT.preflight,
  HANDLES_TOO_FEW: EXIT.preflight,
  PM2_FAILED: EXIT.preflight,
  POOL_UNHEALTHY: EXIT.preflight,
  TABLES_FOREIGN: EXIT.preflight,
  DATABASE_MISSING: EXIT.database,
  DATABASE_UNREADABLE: EXIT.database,
  DATABASE_READ_ONLY: EXIT.database,
  DATABASE_CORRUPT: EXIT.database,
  DATABASE_LOCKED: EXIT.database,
  DATABASE_FULL: EXIT.database,
  DATABASE_DISK: EXIT.database,
  DATABASE_FOREIGN: EXIT.database,
  DATABASE_UNREACHABLE: EXIT.database,
  DATABASE_OUTCOME_UNKNOWN: EXIT.database,
  DATABASE_REFUSED: EXIT.database,
  DATABASE_GONE: EXIT.database,
  DATABASE_QUOTA: EXIT.database,
  WRANGLER_CONFIG: EXIT.usage,
  WORKER_UNSUPPORTED: EXIT.preflight,
  WORKER_BROKEN: EXIT.preflight,
  FILE_UNREADABLE: EXIT.usage,
  FILE_UNWRITABLE: EXIT.preflight,
};

export interface HidbErrorParts {
  code: ErrorCode;
  /** `expected ..., got ...` in one line. */
  message: string;
  /** What to do about it, in one line. */
  fix: string;
  cause?: unknown;
}

export class HidbError extends Error {
  readonly code: ErrorCode;
  readonly fix: string;

  constructor(parts: HidbErrorParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = "HidbError";
    this.code = parts.code;
    this.fix = parts.fix;
  }

  get exitCode(): number {
    return EXIT_OF[this.code];
  }
}

/** Two lines for a person: `error: ...` and `fix:   ...`. */
export function describeError(error: unknown, show: (text: string) => string = (text) => text): string {
  if (error instanceof HidbError) return `error: ${show(error.message)}\nfix:   ${show(error.fix)}`;
  return `error: ${show(messageOf(error))}`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system or driver error, such as ENOENT or SQLITE_BUSY; "" for any other. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

const PASSING: ReadonlySet<ErrorCode> = new Set([
  "DATABASE_LOCKED",
  "DATABASE_FULL",
  "DATABASE_DISK",
  "DATABASE_UNREACHABLE",
  "DATABASE_OUTCOME_UNKNOWN",
  "DATABASE_QUOTA",
]);

/** Trouble of a database that ends by itself or by a person's hand, with nothing lost meanwhile. */
export function isPassing(error: unknown): error is HidbError {
  return error instanceof HidbError && PASSING.has(error.code);
}

/** The answer to a write was lost: it may have been applied, or may be yet. Whoever wrote asks before writing again. */
export function isOutcomeUnknown(error: unknown): error is HidbError {
  return error instanceof HidbError && error.code === "DATABASE_OUTCOME_UNKNOWN";
}
