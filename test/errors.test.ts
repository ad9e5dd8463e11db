import { describe, expect, it } from "vitest";
import { describeError, type ErrorCode, HidbError, messageOf } from "../src/errors.js";

const EXITS: Record<ErrorCode, number> = {
  SETTING_UNKNOWN: 2,
  SETTING_INVALID: 2,
  USAGE: 2,
  LIST_UNREADABLE: 2,
  FILE_UNREADABLE: 2,
  LIST_REFUSED: 2,
  CATALOGUE_TABLE: 2,
  VIDEO_UNKNOWN: 2,
  CATALOGUE_EMPTY: 3,
  PROCESSOR_PREFLIGHT: 3,
  WORKER_UNSUPPORTED: 3,
  WORKER_BROKEN: 3,
  MEMORY_TOO_SMALL: 3,
  HANDLES_TOO_FEW: 3,
  PM2_FAILED: 3,
  POOL_UNHEALTHY: 3,
  FILE_UNWRITABLE: 3,
  TABLES_FOREIGN: 3,
  DATABASE_MISSING: 5,
  DATABASE_UNREADABLE: 5,
  DATABASE_READ_ONLY: 5,
  DATABASE_CORRUPT: 5,
  DATABASE_LOCKED: 5,
  DATABASE_FULL: 5,
  DATABASE_DISK: 5,
  DATABASE_FOREIGN: 5,
  DATABASE_UNREACHABLE: 5,
  DATABASE_OUTCOME_UNKNOWN: 5,
  DATABASE_REFUSED: 5,
  DATABASE_GONE: 5,
  DATABASE_QUOTA: 5,
  WRANGLER_CONFIG: 2,
};

describe("an error that a person can mend", () => {
  it.each(Object.entries(EXITS))("with the code %s ends a command with %i", (code, exitCode) => {
    expect(new HidbError({ code: code as ErrorCode, message: "m", fix: "f" }).exitCode).toBe(exitCode);
  });

  it("reads as two lines, and keeps its cause", () => {
    const cause = new Error("deep");
    const error = new HidbError({ code: "USAGE", message: "expected a, got b", fix: "say a", cause });
    expect(describeError(error)).toBe("error: expected a, got b\nfix:   say a");
    expect(error.cause).toBe(cause);
    expect("cause" in new HidbError({ code: "USAGE", message: "m", fix: "f" })).toBe(false);
  });
});

describe("any other error", () => {
  it("reads as one line without a stack", () => {
    expect(describeError(new TypeError("x is not a function"))).toBe("error: x is not a function");
    expect(describeError("text")).toBe("error: text");
    expect(messageOf(undefined)).toBe("undefined");
  });
});
