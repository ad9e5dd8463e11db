// The shapes that the API answers with, for the check of its tests and for /api/v1/openapi.json. Times are milliseconds
// since 1970-01-01 UTC.
import * as v from "valibot";
import { LIMIT_NAMES, STATES } from "../video.js";

export const id = v.pipe(v.number(), v.integer());
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const time = v.pipe(v.number(), v.description("milliseconds since 1970-01-01 UTC"));
export const state = v.picklist(STATES);
export const limitName = v.picklist(LIMIT_NAMES);
const text = v.nullable(v.string());

const stop = v.nullable(v.object({ reason: text, until: v.nullable(time) }));

const failure = { reason: v.string(), state, count };
export const failureGroup = v.object({ ...failure, sample: id });

const heldVideo = v.object({ videoId: id, attempt: count, claimedAt: time, step: text });

export const instanceView = v.object({
  id: v.string(),
  rank: v.nullable(count),
  processId: v.pipe(v.number(), v.integer()),
  pid: count,
  host: v.string(),
  state: v.picklist(["starting", "working", "draining"]),
  inHand: count,
  completed: count,
  failed: count,
  rssBytes: count,
  startedAt: time,
  leaseUntil: time,
  heldBack: v.pipe(text, v.description("why it claims nothing, if memory is why")),
  restarts: count,
  held: v.array(heldVideo),
});

const COSTS = {
  requests: count,
  requestsRecent: count,
  rowsRead: count,
  rowsWritten: count,
  dollars: v.number(),
};
const costs = v.object(COSTS);

/** With what the whole pool may ask in five minutes. */
export const d1 = v.object({ ...COSTS, budget: count });

export const mirror = v.object({
  pulledAt: time,
  toPush: count,
  toPull: v.nullable(count),
  conflicts: v.nullable(count),
  requests: count,
  rowsRead: count,
});

const rate = v.nullable(v.pipe(v.number(), v.description("videos a second")));

export const overview = v.object({
  at: time,
  countedAt: time,
  counts: v.object({
    total: count,
    pending: count,
    running: count,
    completed: count,
    failed: count,
    quarantined: count,
    cancelled: count,
  }),
  paused: stop,
  hold: stop,
  draining: v.boolean(),
  halted: v.boolean(),
  rates: v.object({ minute: rate, quarter: rate, run: rate }),
  eta: v.nullable(
    v.pipe(
      v.object({ p50: time, p90: time, low: time, high: time }),
      v.description(
        "when no video is open any more: sooner than p50 by half a chance, between low and high by nine in ten",
      ),
    ),
  ),
  medianMs: v.nullable(v.number()),
  memory: v.object({ usedBytes: count, budgetBytes: v.nullable(v.number()) }),
  d1: v.nullable(costs),
  instances: v.array(instanceView),
  dead: v.object({ instances: count, inHand: count }),
  failures: v.array(v.object(failure)),
  lastFailures: v.array(v.object({ videoId: id, state, reason: v.string(), at: time })),
  over: v.array(
    v.object({
      plan: v.picklist(["free", "paid"]),
      videos: count,
      limits: v.record(v.string(), v.optional(count)),
    }),
  ),
});

export const series = v.object({ minutes: v.array(v.object({ at: time, completed: count, failed: count })) });

export const videoLine = v.object({
  id,
  source: text,
  title: text,
  durationS: v.nullable(v.number()),
  state,
  attempt: count,
  error: text,
  finishedAt: v.nullable(time),
});

const usage = v.object({
  plan: v.picklist(["free", "paid"]),
  over: v.array(limitName),
  cpuMs: v.number(),
  memoryMb: v.number(),
  subrequests: v.number(),
  serviceCalls: v.number(),
  cacheCalls: v.number(),
  d1Queries: v.number(),
  requestBytes: v.number(),
  responseBytes: v.number(),
  logBytes: v.number(),
  waitUntilMs: v.number(),
  limits: v.record(v.string(), v.optional(v.number())),
});

export const videoRecord = v.object({
  video: v.object({ id, source: text, title: text, durationS: v.nullable(v.number()) }),
  state,
  attempt: count,
  deaths: count,
  output: v.pipe(v.any(), v.description("what the processor has answered, as JSON")),
  attempts: v.array(
    v.object({
      attempt: count,
      instance: v.string(),
      outcome: v.picklist(["retry", "failed", "died"]),
      reason: v.string(),
      claimedAt: time,
      endedAt: time,
    }),
  ),
  error: text,
  instance: text,
  runAfter: time,
  claimedAt: v.nullable(time),
  finishedAt: v.nullable(time),
  over: v.array(limitName),
  usage: v.nullable(usage),
});

export const refusal = v.object({
  error: v.object({ code: v.string(), message: v.string(), fix: v.string() }),
});

export const batch = v.object({
  id,
  first: id,
  last: id,
  rank: v.nullable(count),
  total: count,
  ended: count,
  pending: count,
  running: count,
  completed: count,
  failed: count,
  quarantined: count,
  cancelled: count,
  rate,
  eta: v.nullable(time),
});

export const settingLine = v.object({
  name: v.string(),
  value: v.pipe(v.string(), v.description("as a person would type it; *** for a secret that is set")),
  origin: v.picklist(["flag", "environment", ".env", "default"]),
  fallback: v.string(),
  help: v.string(),
});

export const plan = v.object({
  videos: count,
  secondsPerVideo: v.nullable(v.number()),
  basis: v.picklist(["given", "measured", "unknown"]),
  measured: count,
  memoryPerInstanceBytes: count,
  measuredInstanceBytes: v.nullable(v.number()),
  budgetBytes: v.number(),
  budgetFrom: v.string(),
  rows: v.array(
    v.object({
      instances: count,
      p50S: v.number(),
      p90S: v.number(),
      speedUp: v.number(),
      memoryBytes: v.number(),
      fits: v.boolean(),
      d1Requests: v.number(),
      dollars: v.number(),
    }),
  ),
});
