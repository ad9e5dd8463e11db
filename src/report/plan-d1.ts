// What a run would cost on D1: as measured there, or else by what was measured of pools like it.
import type { PoolCosts } from "./costs.js";

export interface D1EstimateInput {
  videos: number;
  instances: number;
  /** How long all of it takes. */
  seconds: number;
  /** How long a video takes. */
  perVideoS: number;
  measured?: { costs: PoolCosts; completed: number } | undefined;
}

/** Short videos travel together, 25 in a request; one that takes longer than 30 s is claimed and settled by itself. */
const REQUESTS_SHORT = 0.04;
const REQUESTS_LONG = 1.1;
const LONG_S = 30;
/** An instance says that it lives in each third of its lease of 10 minutes, and asks six things at its start. */
const HEARTBEAT_S = 200;
const REQUESTS_TO_START = 6;
/** Claim, settlement and their indexes; a claim searches, and a settlement looks at its claim. */
const ROWS_WRITTEN = 4;
const ROWS_READ = 12;
const DOLLARS_PER_ROW_WRITTEN = 1e-6;
const DOLLARS_PER_ROW_READ = 1e-9;
/** With fewer videos behind it the cost of a start weighs too much. */
const ENOUGH = 100;

export function estimateD1(plan: D1EstimateInput): { d1Requests: number; dollars: number } {
  const { videos, instances, seconds, perVideoS, measured } = plan;
  const upkeep = instances * (REQUESTS_TO_START + seconds / HEARTBEAT_S);
  if (measured !== undefined && measured.completed >= ENOUGH) {
    const { costs, completed } = measured;
    return {
      d1Requests: Math.ceil((costs.requests / completed) * videos + instances * REQUESTS_TO_START),
      dollars: (costs.dollars / completed) * videos,
    };
  }
  const each = Math.min(REQUESTS_LONG, Math.max(REQUESTS_SHORT, (REQUESTS_LONG * perVideoS) / LONG_S));
  const written = ROWS_WRITTEN * videos + upkeep;
  return {
    d1Requests: Math.ceil(each * videos + upkeep),
    dollars: written * DOLLARS_PER_ROW_WRITTEN + ROWS_READ * videos * DOLLARS_PER_ROW_READ,
  };
}
