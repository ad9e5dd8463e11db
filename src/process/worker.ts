// Stage `process`, the processor `worker`: the user's own Cloudflare Worker, unmodified, gets each video as a request, a message of
// a batch or a cron event.
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import { hideSecrets, secretParts } from "../shown.js";
import type { Millis, Outcome, Video } from "../video.js";
import { deliverBatch } from "../workerd/broker/deliver.js";
import { makePlan, type PlannedWorker } from "../workerd/config/plan.js";
import { ThreadEnded } from "../workerd/host/ended.js";
import type { Host } from "../workerd/host/host.js";
import type { FetchAnswer, LogLevel } from "../workerd/host/protocol.js";
import { type LimitsInForce, readLimits } from "../workerd/limits/settings.js";
import type { HostWorkerOptions } from "../workerd/options.js";
import type { WorkerPlan } from "../workerd/plan.js";
import { outcomeOfAnswer } from "./answer-outcome.js";
import type { AttemptContext, Processor } from "./processor.js";
import { openLane } from "./worker/alone.js";
import { openBatches } from "./worker/batch-calls.js";
import { type PoolParts, placeD1 } from "./worker/databases.js";
import { loadWorker, tryWorker } from "./worker/load.js";
import { type Judging, judgeEnd, judgeException, judgeScheduled, judgeThreadEnd } from "./worker/outcomes.js";
import { openPoolQueues } from "./worker/queues.js";
import { buildCall, eventTime, readRequest, shownRequest } from "./worker/settings.js";
import { checkWhere, isWranglerConfig, whereWorker } from "./worker/where.js";

export interface WorkerParts extends PoolParts {
  clock: Clock;
  /** Takes what the Worker prints, and what is to be said of it. */
  log: (level: LogLevel, text: string) => void;
}

/** A video whose thread ended because of another one is given to the next thread so often before it counts as failed. */
const BYSTANDER_TRIES = 3;
/** Messages and requests under way may end before the instance does. */
const CLOSE_GRACE_MS: Millis = 3000;
/** Of the instance's memory: its thread must end before the instance is recycled. */
const THREAD_SHARE = 0.56;
/** Of the time-out: what stands in the way of others must leave them the time to be done elsewhere. */
const BLOCK_SHARE = 0.25;

/** Errors: WRANGLER_CONFIG, WORKER_UNSUPPORTED, WORKER_BROKEN, SETTING_INVALID. */
export async function createWorker(config: Config, parts: WorkerParts): Promise<Processor> {
  const { clock } = parts;
  const { plan, secrets, warnings, limits, placed } = await planWorker(config, parts);
  const log = (level: LogLevel, text: string) => parts.log(level, hideSecrets(text, secrets));
  for (const warning of warnings) log("warn", warning);
  const { consumers } = plan;
  const queues = openPoolQueues(config, {
    ...{ consumers, clock, log, database: parts.database },
    deliver: (queue, messages) => deliverBatch(host, { queue, messages }),
  });
  const host = await loadWorker(config, {
    ...{ plan, secrets },
    isolation: config.workerIsolation,
    clock,
    databases: placed.databases,
    onLog: log,
    onSend: (queue, messages) => queues.send(queue, messages),
    maxMemoryMb:
      limits.mode === "enforce" ? limits.limits.memoryMb : Math.round(config.instanceMemoryMb * THREAD_SHARE),
    ...(config.timeoutMs > 0 && { maxBlockMs: config.timeoutMs * BLOCK_SHARE }),
  });
  queues.start();
  const server =
    config.workerPort === 0
      ? undefined
      : await (await import("./worker/serve.js")).serveWorker({
          port: config.workerPort,
          host,
          clock,
          onTrouble: (text) => log("error", text),
        });
  const judging: Judging = { limits, secrets };
  const call = chooseCall(config, { host, plan, judging, clock });
  const lane = openLane();
  return {
    async process(video, context) {
      for (let tries = 1, alone = false; ; tries++) {
        if (context.signal.aborted) return { kind: "released" };
        try {
          return await (alone ? lane(context.signal, () => call(video, context, true)) : call(video, context, false));
        } catch (error) {
          if (!(error instanceof ThreadEnded)) throw error;
          if (error.reason === "closed") return { kind: "released" };
          // The stop decides what becomes of the attempt; what it has used is told with it.
          if (error.reason === "aborted" && context.signal.aborted) return judgeThreadEnd(error, judging);
          // Whose doing it was shows when each has a thread to itself; the innocent are not charged.
          if (error.shared && !alone) alone = true;
          else if (!isOthersDoing(error) || tries === BYSTANDER_TRIES) return judgeThreadEnd(error, judging);
        }
      }
    },
    async close() {
      const drained = queues.drain();
      const over = new AbortController();
      await Promise.all([server?.close(), Promise.race([drained, clock.sleep(CLOSE_GRACE_MS, over.signal)])]);
      over.abort();
      // A batch that takes longer is delivered again, by another instance.
      await host.close();
      await drained;
      await placed.close();
    },
  };
}

/** Another video had the thread ended, or was stopped and took its whole batch with it. */
function isOthersDoing({ reason }: ThreadEnded): boolean {
  return reason === "bystander" || reason === "aborted";
}

/** Throws what can be told from settings and config alone, and with `load` what shows when the Worker's top level runs. */
export async function checkWorker(config: Config, { load = false }: { load?: boolean } = {}): Promise<void> {
  readRequest(config);
  checkWhere(config);
  const made = await makePlan(planOptions(config));
  if (load) await tryWorker(config, made);
}

interface ReadyWorker extends Pick<PlannedWorker, "plan" | "warnings"> {
  secrets: string[];
  limits: LimitsInForce;
  placed: Awaited<ReturnType<typeof placeD1>>;
}

async function planWorker(config: Config, parts: WorkerParts): Promise<ReadyWorker> {
  const made = await makePlan(planOptions(config));
  const placed = await placeD1(made.d1, config, parts);
  // The plan has what its own config says of limits; what a person has set comes above that.
  const limits = readLimits(config, made.plan.limits);
  // A Worker may say what it was sent.
  const sent = readRequest(config).headers.filter(([name]) => !/^(content-type|accept)$/.test(name));
  const given = sent.map(([, value]) => value);
  const placedNames = placed.bindings.map(({ name }) => name);
  const plan: WorkerPlan = {
    ...made.plan,
    bindings: [...made.plan.bindings.filter(({ name }) => !placedNames.includes(name)), ...placed.bindings],
    limits: limits.limits,
    limitsMode: limits.mode,
  };
  return { plan, placed, limits, warnings: made.warnings, secrets: secretParts([...made.secrets, ...given]) };
}

function planOptions(config: Config): HostWorkerOptions {
  const { wranglerConfig, cloudflareEnv, workerNode, workerEval, workerDir } = config;
  const where = whereWorker(config);
  const isConfig = isWranglerConfig(where);
  return {
    ...(isConfig ? { config: where } : { file: where }),
    // A built module says nothing of its bindings; a config that is named does.
    ...(!isConfig && wranglerConfig !== "" && { config: wranglerConfig }),
    ...(cloudflareEnv !== "" && { env: cloudflareEnv }),
    ...(workerNode !== "auto" && { node: workerNode }),
    codeGeneration: workerEval,
    stateFolder: workerDir,
    limits: { plan: config.workerdPlan },
  };
}

interface CallParts {
  host: Host;
  plan: WorkerPlan;
  judging: Judging;
  clock: Clock;
}

type ProcessVideo = (video: Video, context: AttemptContext, alone: boolean) => Promise<Outcome>;

function chooseCall(config: Config, parts: CallParts): ProcessVideo {
  switch (config.workerCall) {
    case "fetch":
      return callFetch(config, parts);
    case "queue":
      return openBatches(config, parts);
    case "scheduled":
      return callScheduled(config, parts);
    default:
      return config.workerCall satisfies never;
  }
}

function callFetch(config: Config, { host, judging, clock }: CallParts): ProcessVideo {
  const template = readRequest(config);
  const maxBytes = Math.round(config.httpMaxMb * 1024 * 1024);
  const { secrets } = judging;
  return async (video, context, alone) => {
    const call = buildCall(template, video, context);
    const { answer, ended } = host.run({ kind: "fetch", call }, context.signal, { alone });
    const { status, headers, body } = await answer;
    const text = await whileOpen(readText(body, maxBytes), ended);
    const end = await ended;
    const target = shownRequest(template, call);
    if (end.exception !== null) return judgeEnd(judgeException(end.exception, target, secrets), end, judging);
    if (text === null) {
      return judgeEnd(
        { kind: "failed", reason: `expected ${target} to answer within HIDB_HTTP_MAX_MB, got more` },
        end,
        judging,
      );
    }
    const retryAfter = headers.find(([name]) => name.toLowerCase() === "retry-after")?.[1];
    return judgeEnd(outcomeOfAnswer({ status, retryAfter, text }, { target, secrets, now: clock.now() }), end, judging);
  };
}

function callScheduled(config: Config, { host, plan, judging, clock }: CallParts): ProcessVideo {
  const cron = config.workerCron || (plan.crons[0] ?? "* * * * *");
  return async (_video, context, alone) => {
    const call = { cron, scheduledTime: eventTime(clock.now()) };
    const { answer, ended } = host.run({ kind: "scheduled", call }, context.signal, { alone });
    const result = await answer;
    const end = await ended;
    return judgeEnd(judgeScheduled(result, end.exception ?? end.failures[0] ?? null, judging.secrets), end, judging);
  };
}

/** A body that is still to come from a thread that was ended never comes, and nobody else would tell. */
function whileOpen<T>(work: Promise<T>, ended: Promise<unknown>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  work.then(resolve, reject);
  ended.catch(reject);
  return promise;
}

/** Null when it is longer than that; what cannot be read to its end rejects. */
async function readText(body: FetchAnswer["body"], maxBytes: number): Promise<string | null> {
  const decoder = new TextDecoder();
  if (body === null) return "";
  if (body instanceof Uint8Array) return body.byteLength > maxBytes ? null : decoder.decode(body);
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
