// The values that the stages hand on: Video -> Claim -> Outcome -> PoolEvent.
import type { D1PreparedStatement } from "@cloudflare/workers-types";

/** Milliseconds, either a duration or a moment since 1970-01-01 UTC. */
export type Millis = number;

/** One row of the catalogue: the unit of work. */
export interface Video {
  /** Integer within +-2^53, negative ones included. */
  id: number;
  /** A local path or an http(s) URL. */
  source: string;
  title: string | null;
  durationS: number | null;
}

/** Where the catalogue lives: checked names, safe to stand in a statement; a missing column is null. */
export interface CatalogueTable {
  table: string;
  id: string;
  source: string;
  title: string | null;
  duration: string | null;
}

export const STATES = ["pending", "running", "completed", "failed", "quarantined", "cancelled"] as const;
export type State = (typeof STATES)[number];

/** What an instance holds after it has claimed a video: the right to settle this one attempt. */
export interface Claim {
  video: Video;
  /** Counted from 1. */
  attempt: number;
  /** How many instances have died with this video in hand. */
  deaths: number;
  /** The moment of the claim. */
  claimedAt: Millis;
  /** The instance's place in the pool when it claimed, 0..count-1. */
  rank: number;
  /** How many instances were live when it claimed. */
  count: number;
}

/** What Cloudflare Workers bounds, by the words that people use for it. */
export const LIMIT_NAMES = [
  "cpu",
  "memory",
  "subrequests",
  "services",
  "cache",
  "d1",
  "connections",
  "request",
  "response",
  "log",
  "waitUntil",
  "batch",
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** What an attempt in a hosted Worker has used, and what of it Workers would not have allowed. */
export interface UsageReport {
  plan: "free" | "paid";
  over: LimitName[];
  cpuMs: number;
  memoryMb: number;
  subrequests: number;
  serviceCalls: number;
  cacheCalls: number;
  d1Queries: number;
  requestBytes: number;
  responseBytes: number;
  logBytes: number;
  waitUntilMs: number;
  /** Those exceeded, each in the unit of its figure. */
  limits: Partial<Record<LimitName, number>>;
}

/** How an attempt ended. */
export type Outcome =
  | {
      kind: "completed";
      /** JSON text, or null for none. */
      output: string | null;
      /** Committed in one transaction with the state, or not at all. */
      statements?: D1PreparedStatement[];
      usage?: UsageReport;
    }
  | {
      kind: "retry";
      reason: string;
      /** How long to wait at least; without it the backoff of the attempt counts. */
      afterMs?: Millis;
      /** It was a quota, which concerns every other video as well: the pool waits, and the attempt is given back. */
      quota?: boolean;
      /** It was a want of this machine, which is never the video's doing however often it is met; goes with `quota`. */
      trouble?: boolean;
      usage?: UsageReport;
    }
  | { kind: "failed"; reason: string; usage?: UsageReport }
  | { kind: "released" }; // A drain cut it short: the attempt is given back.

/** What was written in the end, and whether the claim still held. */
export interface Settlement {
  outcome: Outcome;
  held: boolean;
  /** Taken before the transaction, so that a claim that follows it has a later time. */
  settledAt: Millis;
}

/** Whoever asks a pool to wait for more is asked again then: another's wrong clock must not stop a pool for days. */
export const LONGEST_HOLD_MS: Millis = 3_600_000;
