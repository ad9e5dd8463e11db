// Settings of the processor `worker`: a Cloudflare Worker inside the instance.
import { DAY_MS, flag, oneOf, path, type Setting, text, whole } from "../setting.js";

export const WORKER = {
  workerdLimits: oneOf(
    "HIDB_WORKERD_LIMITS",
    "report",
    ["off", "report", "enforce"],
    "What a video that uses more than Workers allow leads to: nothing, a report, or the failure it would be there.",
  ),
  workerdPlan: oneOf("HIDB_WORKERD_PLAN", "paid", ["free", "paid"], "The Workers plan whose limits these are."),
  workerdCpuMs: whole("HIDB_WORKERD_CPU_MS", "0", { min: 0, max: 900_000 }, "CPU of an invocation; 0: of the plan."),
  workerdMemoryMb: whole(
    "HIDB_WORKERD_MEMORY_MB",
    "0",
    { min: 0, max: 65_536 },
    "Memory of the Worker; 0: of the plan.",
  ),
  workerdSubrequests: whole(
    "HIDB_WORKERD_SUBREQUESTS",
    "0",
    { min: 0, max: 10_000_000 },
    "Requests of an invocation to the outside; 0: of the plan.",
  ),
  workerdD1Queries: whole(
    "HIDB_WORKERD_D1_QUERIES",
    "0",
    { min: 0, max: 10_000_000 },
    "D1 queries of an invocation; 0: of the plan.",
  ),
  workerdConnections: whole(
    "HIDB_WORKERD_CONNECTIONS",
    "0",
    { min: 0, max: 1000 },
    "Requests of an invocation that wait for an answer at the same time; 0: of the plan.",
  ),
  workerdRequestMb: whole(
    "HIDB_WORKERD_REQUEST_MB",
    "0",
    { min: 0, max: 5000 },
    "The largest body sent to the Worker; 0: of the plan.",
  ),
  workerdLogKb: whole(
    "HIDB_WORKERD_LOG_KB",
    "0",
    { min: 0, max: 1_000_000 },
    "What an invocation may log; 0: of the plan.",
  ),
  workerdWaitUntilMs: whole(
    "HIDB_WORKERD_WAIT_UNTIL_MS",
    "0",
    { min: 0, max: DAY_MS },
    "Time for `waitUntil` after the answer; 0: of the plan.",
  ),
  worker: path(
    "HIDB_WORKER",
    "",
    "The Worker: a wrangler config, a built module, a Pages output; without it the wrangler config here.",
  ),
  workerCall: oneOf(
    "HIDB_WORKER_CALL",
    "fetch",
    ["fetch", "queue", "scheduled"],
    "Which of its handlers gets a video: a request, a message of a batch, or a cron event.",
  ),
  workerRequest: text(
    "HIDB_WORKER_REQUEST",
    "POST /api/videos/{id}/process?worker_id={rank}&worker_count={count}",
    "Method and path of that request, with the placeholders of HIDB_HTTP_URL.",
    "secret",
  ),
  workerHeaders: text("HIDB_WORKER_HEADERS", "", "Its headers as a JSON object.", "secret"),
  workerBody: text(
    "HIDB_WORKER_BODY",
    "",
    "Its body, with the same placeholders; without it the video as JSON.",
    "secret",
  ),
  workerQueue: text(
    "HIDB_WORKER_QUEUE",
    "",
    "The queue of those batches; without it the first that the Worker consumes.",
  ),
  workerBatch: whole("HIDB_WORKER_BATCH", "1", { min: 1, max: 100 }, "Videos in one batch at most."),
  workerCron: text("HIDB_WORKER_CRON", "", "The cron of that event; without it the Worker's first."),
  workerPort: whole(
    "HIDB_WORKER_PORT",
    "0",
    { min: 0, max: 65_535 },
    "Serves the whole Worker on this port of 127.0.0.1, shared by all instances; 0 for not at all.",
  ),
  workerNode: oneOf(
    "HIDB_WORKER_NODE",
    "auto",
    ["auto", "off", "compat", "full"],
    "What the Worker sees of Node: nothing, what Workers have of it, or all; `auto` by its compatibility date and flags.",
  ),
  workerEval: flag("HIDB_WORKER_EVAL", "1 lets the Worker's handlers compile code from strings, which Workers cannot."),
  workerIsolation: oneOf(
    "HIDB_WORKER_ISOLATION",
    "thread",
    ["thread", "process"],
    "Where the Worker runs: in a thread of its own, or in the instance itself.",
  ),
  workerDir: path("HIDB_WORKER_DIR", "data/worker", "Folder of its KV, R2, cache and further databases."),
  cloudflareEnv: text("CLOUDFLARE_ENV", "", "The environment (`env.<name>`) of the wrangler config."),
} as const satisfies Record<string, Setting<unknown>>;
