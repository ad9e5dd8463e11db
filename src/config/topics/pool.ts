// Settings of the pool: its instances, what they claim, how attempts are repeated, what memory they may take.
import { availableParallelism } from "node:os";
import * as v from "valibot";
import { DAY_MS, flag, onD1, oneOf, type Setting, setting, whole } from "../setting.js";

export const MAX_INSTANCES = 64;
/** PM2 takes a number for the id of a process, and `all` for every app. */
const APP_NAME = /^(?!all$)[A-Za-z][A-Za-z0-9_-]{0,63}$/;

export const POOL = {
  appName: setting(
    "HIDB_APP_NAME",
    "hidb",
    "a name of letters, digits, - and _ that begins with a letter and is not `all`",
    v.pipe(v.string(), v.regex(APP_NAME)),
    "The name of the pool's app in PM2; a second pool on one PM2 daemon needs another name, and another HIDB_PORT.",
  ),
  instances: setting(
    "HIDB_INSTANCES",
    "auto",
    `auto, max or a whole number from 1 to ${MAX_INSTANCES}`,
    v.pipe(
      v.string(),
      v.regex(/^(auto|max|\d+)$/),
      v.transform((value) =>
        value === "auto" ? value : value === "max" ? Math.min(availableParallelism(), MAX_INSTANCES) : Number(value),
      ),
      v.check((value) => value === "auto" || (value >= 1 && value <= MAX_INSTANCES)),
    ) as v.GenericSchema<string, "auto" | number>,
    "How many instances to start; `auto`: three, or one a core if there are more, as far as memory allows; `max`: one a core.",
  ),
  concurrency: whole(
    "HIDB_CONCURRENCY",
    "1",
    { min: 1, max: 1000 },
    "Videos that one instance processes at the same time.",
  ),
  sharding: oneOf(
    "HIDB_SHARDING",
    "modulo",
    ["modulo", "strict", "ranges", "none"],
    "Which instance takes a video: by `video_id % N`, the same without stealing, by ranges of ids, or any.",
  ),
  order: oneOf("HIDB_ORDER", "id", ["id", "longest"], "Which videos come first: by id, or the longest known duration."),
  maxAttempts: whole(
    "HIDB_MAX_ATTEMPTS",
    "3",
    { min: 1, max: 1000 },
    "Attempts at a video before it counts as failed.",
  ),
  backoffMs: whole(
    "HIDB_BACKOFF_MS",
    "1000",
    { min: 0, max: DAY_MS },
    "Longest backoff before the second attempt; doubles with each further one, with full jitter.",
  ),
  backoffMaxMs: whole("HIDB_BACKOFF_MAX_MS", "300000", { min: 0, max: DAY_MS }, "The cap of the backoff."),
  timeoutMs: whole(
    "HIDB_TIMEOUT_MS",
    "3600000",
    { min: 0, max: 30 * DAY_MS },
    "Time an attempt may take; 0 for no limit.",
  ),
  drainMs: whole(
    "HIDB_DRAIN_MS",
    "25000",
    { min: 0, max: DAY_MS },
    "Time that running attempts have to finish in a drain before they are released.",
  ),
  heartbeatMs: onD1(
    whole(
      "HIDB_HEARTBEAT_MS",
      "500",
      { min: 50, max: 60_000 },
      "How often an instance renews its lease, checks for dead ones and, when idle, for new videos.",
    ),
    "30000",
  ),
  leaseMs: onD1(
    whole(
      "HIDB_LEASE_MS",
      "30000",
      { min: 500, max: DAY_MS },
      "Time without a heartbeat after which another host reclaims an instance's videos.",
    ),
    "600000",
  ),
  claimCount: whole("HIDB_CLAIM_COUNT", "50", { min: 1, max: 1000 }, "Most short videos in one claim."),
  groupCount: whole(
    "HIDB_GROUP_COUNT",
    "50",
    { min: 1, max: 1000 },
    "Most outcomes of short videos settled in one transaction.",
  ),
  groupMs: onD1(
    whole(
      "HIDB_GROUP_MS",
      "50",
      { min: 0, max: 60_000 },
      "Longest time an outcome waits to be settled with others; that of a longer attempt is settled at once.",
    ),
    "10000",
  ),
  halt: setting(
    "HIDB_HALT",
    "",
    "a share such as 10%, a number of videos from 1, or nothing",
    v.pipe(
      v.string(),
      v.regex(/^(\d{1,12}|\d{1,3}(\.\d+)?%)?$/),
      v.check(
        (value) =>
          value === "" || (Number.parseFloat(value) > 0 && !(value.endsWith("%") && Number.parseFloat(value) > 100)),
      ),
    ),
    "Pauses the pool when so many videos of a run have failed: a number, or a share such as `10%` of those that have ended.",
  ),
  memoryMb: whole(
    "HIDB_MEMORY_MB",
    "0",
    { min: 0, max: 16_777_216 },
    "Memory for the whole pool; 0: what the machine or its cgroup has.",
  ),
  instanceMemoryMb: whole(
    "HIDB_INSTANCE_MEMORY_MB",
    "250",
    { min: 100, max: 1_048_576 },
    "Memory above which an instance drains and is restarted.",
  ),
  staggerMs: whole(
    "HIDB_STAGGER_MS",
    "500",
    { min: 0, max: 3_600_000 },
    "Time between two instances that begin to claim, where memory does not hold all of them at their limits.",
  ),
  force: flag("HIDB_FORCE", "1 starts more instances than the memory holds."),
} as const satisfies Record<string, Setting<unknown>>;
