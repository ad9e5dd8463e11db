// What a person is told when it is not the statement that failed, but the way to D1 or the right to use it.
import { HidbError, type HidbErrorParts } from "../../errors.js";
import type { Millis } from "../../video.js";

/** Trouble that ends at a known time. */
export class DatabaseWaitError extends HidbError {
  /** When to ask again, in milliseconds since 1970. */
  readonly until: Millis;

  constructor(parts: HidbErrorParts, until: Millis) {
    super(parts);
    this.until = until;
  }
}

export function unreachable(host: string, got: string, cause?: unknown): HidbError {
  return new HidbError({
    code: "DATABASE_UNREACHABLE",
    message: `expected D1 to answer at ${host}, got ${got}`,
    fix: "nothing was changed; check the network, or wait: https://www.cloudflarestatus.com",
    cause,
  });
}

export function limited(until: Millis): HidbError {
  const parts = {
    code: "DATABASE_UNREACHABLE",
    message: `expected the account to be within Cloudflare's limit of requests, got 429 until ${isoOf(until)}`,
    fix: "nothing was changed; lower HIDB_D1_REQUESTS_PER_5MIN, or find what else uses this account's API",
  } as const;
  return new DatabaseWaitError(parts, until);
}

export function outcomeUnknown(got: string, cause?: unknown): HidbError {
  return new HidbError({
    code: "DATABASE_OUTCOME_UNKNOWN",
    message: `expected D1 to confirm a write, got ${got}: it may or may not have been applied, or may be yet`,
    fix: "look whether it was applied before writing it again",
    cause,
  });
}

export function refused(expected: string, got: string, fix: string): HidbError {
  return new HidbError({ code: "DATABASE_REFUSED", message: `expected ${expected}, got ${got}`, fix });
}

export function gone(databaseId: string, got: string): HidbError {
  return new HidbError({
    code: "DATABASE_GONE",
    message: `expected a D1 database ${databaseId} in this account, got ${got}`,
    fix: "`npx wrangler d1 list` shows the account's databases: correct HIDB_D1_DATABASE, or make it with `npx wrangler d1 create`",
  });
}

export function quotaSpent(text: string, now: Millis): HidbError {
  const until = nextMidnight(now);
  const parts = {
    code: "DATABASE_QUOTA",
    message: `expected the account's free plan to have something left for today, got: ${text}`,
    fix: `nothing was changed; wait until ${isoOf(until)}, or upgrade to the Workers Paid plan`,
  } as const;
  return new DatabaseWaitError(parts, until);
}

export function full(text: string): HidbError {
  return new HidbError({
    code: "DATABASE_FULL",
    message: `expected room for the D1 database to grow, got: ${text}`,
    fix: "delete what is no longer needed, or ask Cloudflare for more; what was settled stays settled",
  });
}

export function tooLong(megabytes: number): HidbError {
  return new HidbError({
    code: "DATABASE_UNREADABLE",
    message: `expected an answer of ${megabytes} MB at most, got a longer one`,
    fix: "ask for fewer rows at a time",
  });
}

export function closed(): HidbError {
  return new HidbError({
    code: "DATABASE_UNREACHABLE",
    message: "expected an open database, got one that was closed",
    fix: "open it again",
  });
}

/** Both of the free plan's days begin at 00:00 UTC. */
function nextMidnight(now: Millis): Millis {
  const DAY_MS = 86_400_000;
  return (Math.floor(now / DAY_MS) + 1) * DAY_MS;
}

function isoOf(time: Millis): string {
  return new Date(time).toISOString();
}
