// The process that shim.ts starts: hosts a Worker, makes its calls, sends the answers, and waits for the next one.
import { type HostedWorker, type HostWorkerOptions, hostWorker } from "../../../dist/workerd/public.js";
import { answerOf, callUrl, errorText, withinTime, withoutPort } from "./answers.ts";
import type { Answer, Call, Consumed, WorkerCase } from "./case.ts";
import type { ShimTask } from "./shim.ts";

/** As in oracle.ts. */
const BATCH_TIMEOUT_MS = 50;
/** A Worker's globals may take the place of this one. */
const { process } = globalThis;

process.on("message", (task: ShimTask) => {
  if (task.isolation === "process") hearWhatNobodyHandles();
  void askShim(task).then((answers) => process.send?.(answers));
});

/** Without a thread around the Worker, its unhandled errors are the program's to hear, or they end it. */
function hearWhatNobodyHandles(): void {
  if (process.listenerCount("unhandledRejection") > 0) return;
  process.on("unhandledRejection", () => undefined);
  process.on("uncaughtException", () => undefined);
}

async function askShim({ worker, isolation, outside }: ShimTask): Promise<Answer[]> {
  let hosted: HostedWorker;
  try {
    hosted = await withinTime(hostWorker({ ...hostOptions(worker, outside), isolation }));
  } catch (error) {
    return [{ error: withoutPort(startError(error), outside) }];
  }
  const answers: Answer[] = [];
  for (const call of worker.calls) answers.push(await ask(hosted, call, outside));
  await withinTime(hosted.close()).catch((error: unknown) => answers.push({ error: errorText(error) }));
  return answers;
}

/** hidb says it in a sentence of its own; what counts is what the Worker's own error says. */
function startError(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^expected the Worker to load, got /, "");
}

async function ask(hosted: HostedWorker, call: Call, outside: string): Promise<Answer> {
  try {
    if ("scheduled" in call) return { result: await withinTime(hosted.scheduled(call.scheduled)) };
    if ("queue" in call) return { result: await withinTime(hosted.queue(call.queue, call.messages)) };
    const { method = "GET", headers = {}, body } = call;
    const init = { method, headers, ...(body === undefined ? {} : { body }) };
    const asked = hosted.fetch(callUrl(call.fetch), init).then((response) => answerOf(response, outside));
    return await withinTime(asked);
  } catch (error) {
    return { error: withoutPort(errorText(error), outside) };
  }
}

function hostOptions(worker: WorkerCase, outside: string): HostWorkerOptions {
  const { source = "", modules = {}, consumes = [] } = worker;
  return {
    modules: [
      { type: "ESModule", path: "index.js", contents: source },
      ...Object.entries(modules).map(([path, module]) => ({ ...module, path })),
    ],
    vars: { ...worker.vars, OUTSIDE: outside },
    d1: worker.d1 ?? [],
    kv: worker.kv ?? [],
    r2: worker.r2 ?? [],
    queues: {
      producers: worker.queues ?? {},
      consumers: consumes.map((consumed) => {
        const { retryDelay, ...consumer }: Consumed = typeof consumed === "string" ? { queue: consumed } : consumed;
        // miniflare's own defaults, which are not those of production.
        const defaults = { maxBatchSize: 5, maxRetries: 2, maxBatchTimeoutMs: BATCH_TIMEOUT_MS };
        return { ...defaults, ...consumer, ...(retryDelay === undefined ? {} : { retryDelayS: retryDelay }) };
      }),
    },
    services: worker.services ?? {},
    compatibilityDate: worker.compatibilityDate ?? "2026-07-30",
    compatibilityFlags: worker.compatibilityFlags ?? [],
  };
}
