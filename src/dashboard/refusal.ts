// What goes wrong with a request: a status, and the same three things that every error of hidb says.
import { EXIT, HidbError, messageOf } from "../errors.js";

export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 | 500 | 503;

export interface RefusalParts {
  status: RefusalStatus;
  code: string;
  /** `expected ..., got ...` in one line. */
  message: string;
  fix: string;
  headers?: Record<string, string>;
}

export class ApiRefusal extends Error {
  readonly parts: RefusalParts;

  constructor(parts: RefusalParts) {
    super(parts.message);
    this.parts = parts;
  }
}

/** Anything that was thrown, as an answer; what nobody has foreseen says nothing about the inside. */
export function toApiRefusal(error: unknown): ApiRefusal {
  if (error instanceof ApiRefusal) return error;
  if (!(error instanceof HidbError)) {
    console.error(`hidb: expected to answer a request, got ${error instanceof Error ? error.stack : messageOf(error)}`);
    const message = "expected to answer, but something went wrong";
    return new ApiRefusal({ status: 500, code: "INTERNAL", message, fix: "the error log of this instance says what" });
  }
  const { code, message, fix } = error;
  return new ApiRefusal({ status: statusOf(error), code, message, fix });
}

function statusOf(error: HidbError): RefusalStatus {
  if (error.code === "VIDEO_UNKNOWN") return 404;
  if (error.exitCode === EXIT.usage) return 422;
  return error.exitCode === EXIT.database ? 503 : 500;
}
