// The Workers runtime itself: workerd, through miniflare, with all recorded Workers in it at once.
import { createRequire } from "node:module";
import type { Readable } from "node:stream";
import { kCurrentWorker, Miniflare, type WorkerOptions } from "miniflare";
import pLimit from "p-limit";
import { answerOf, callUrl, errorText, withinTime, withoutPort } from "./answers.ts";
import type { Answer, Call, WorkerCase } from "./case.ts";
import { builtCase } from "./projects.ts";

const ROOT = "/worker";
/** A batch that is not full waits so long for company; nobody wants to wait a second for each. */
const BATCH_TIMEOUT_S = 0.05;
/** What miniflare answers where a handler has thrown: the error and the place in its own code that has seen it. */
const THROWN = /^([\s\S]*?)\n {4}at [^\n]*miniflare[^\n]*entry\.worker\.js/;

/** The answers of each Worker to its calls, in the order given. */
export async function askWorkerd(workers: readonly WorkerCase[], outside: string): Promise<Answer[][]> {
  const built = await Promise.all(workers.map(builtCase));
  const answers = new Map<WorkerCase, Answer[]>();
  const side = pLimit(4);
  await Promise.all(
    groups(built).map((group) =>
      side(async () => {
        for (const [worker, of] of await askGroup(group, outside)) answers.set(worker, of);
      }),
    ),
  );
  return built.map((worker) => answers.get(worker) ?? []);
}

/** The version that miniflare has brought along: behaviour belongs to it. */
export function workerdVersion(): string {
  const fromMiniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const { version } = fromMiniflare("workerd/package.json") as { version: string };
  return version;
}

/** miniflare has one cache and one name for each queue for all its Workers: those that use them stay by themselves. */
function groups(workers: WorkerCase[]): WorkerCase[][] {
  const alone = workers.filter(
    ({ source = "", queues, consumes }) => queues !== undefined || consumes !== undefined || /\bcaches?\b/.test(source),
  );
  return [workers.filter((worker) => !alone.includes(worker)), ...alone.map((worker) => [worker])];
}

async function askGroup(group: WorkerCase[], outside: string): Promise<Map<WorkerCase, Answer[]>> {
  const names = new Map(group.map((worker, at) => [`w${at}`, worker]));
  const answers = new Map<WorkerCase, Answer[]>();
  while (names.size > 0) {
    const miniflare = new Miniflare({
      workers: [...names].map(([name, worker]) => workerOptions(name, worker, outside)),
      handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
        stdout.resume();
        stderr.resume();
      },
    });
    try {
      const broken = await brokenWorkers(miniflare);
      for (const [name, error] of broken) {
        answers.set(names.get(name) as WorkerCase, [{ error }]);
        names.delete(name);
      }
      if (broken.size > 0) continue;
      for (const [name, worker] of names) {
        const of: Answer[] = [];
        for (const call of worker.calls) of.push(await ask(miniflare, name, call, outside));
        answers.set(worker, of);
      }
      break;
    } finally {
      await miniflare.dispose().catch(() => undefined);
    }
  }
  return answers;
}

/** Workers whose top level throws keep the whole workerd from starting: it names them, and the others get another. */
async function brokenWorkers(miniflare: Miniflare): Promise<Map<string, string>> {
  try {
    await miniflare.ready;
    return new Map();
  } catch (error) {
    const found = errorText(error).matchAll(/service core:user:(\w+): (?:Uncaught )?(.*)/g);
    const broken = new Map([...found].map(([, name = "", text = ""]) => [name, text]));
    if (broken.size === 0) throw error;
    return broken;
  }
}

async function ask(miniflare: Miniflare, name: string, call: Call, outside: string): Promise<Answer> {
  try {
    if ("fetch" in call) {
      // Else miniflare packs every body, and a body that breaks off is lost with what came before.
      const headers = { "accept-encoding": "identity", ...call.headers, "mf-route-override": name };
      const init = { method: call.method ?? "GET", headers, redirect: "manual" as const };
      const response = await withinTime(
        miniflare.dispatchFetch(callUrl(call.fetch), call.body === undefined ? init : { ...init, body: call.body }),
      );
      const answer = await answerOf(response, outside);
      const thrown = answer.status === 500 ? THROWN.exec(answer.body)?.[1] : undefined;
      return thrown === undefined ? answer : { ...answer, body: thrown };
    }
    const worker = await miniflare.getWorker(name);
    if ("scheduled" in call) {
      const { cron, scheduledTime } = call.scheduled;
      const event = {
        ...(cron === undefined ? {} : { cron }),
        ...(scheduledTime === undefined ? {} : { scheduledTime: new Date(scheduledTime) }),
      };
      return { result: await withinTime(worker.scheduled(event)) };
    }
    const messages = call.messages.map((message) => ({ ...message, timestamp: new Date(message.timestamp) }));
    return { result: await withinTime(worker.queue(call.queue, messages)) };
  } catch (error) {
    return { error: withoutPort(errorText(error), outside) };
  }
}

function workerOptions(name: string, worker: WorkerCase, outside: string): WorkerOptions {
  const { source = "", modules = {}, queues = {}, consumes = [], services = {} } = worker;
  const own = (names: string[] = []) => Object.fromEntries(names.map((binding) => [binding, `${name}-${binding}`]));
  const consumers = consumes.map((consumed) => (typeof consumed === "string" ? { queue: consumed } : consumed));
  return {
    name,
    ...(worker.serviceWorker === true
      ? { script: source }
      : {
          modules: Object.entries({ "index.js": { type: "ESModule" as const, contents: source }, ...modules }).map(
            ([path, module]) => ({ ...module, path: `${ROOT}/${path}` }),
          ),
          modulesRoot: ROOT,
        }),
    compatibilityDate: worker.compatibilityDate ?? "2026-07-30",
    compatibilityFlags: worker.compatibilityFlags ?? [],
    // biome-ignore lint/suspicious/noExplicitAny: miniflare's own type of JSON, which it does not export.
    bindings: { ...worker.vars, OUTSIDE: outside } as Record<string, any>,
    d1Databases: own(worker.d1),
    kvNamespaces: own(worker.kv),
    r2Buckets: own(worker.r2),
    queueProducers: queues,
    queueConsumers: Object.fromEntries(
      consumers.map(({ queue, ...consumer }) => [queue, { maxBatchTimeout: BATCH_TIMEOUT_S, ...consumer }]),
    ),
    serviceBindings: Object.fromEntries(
      Object.entries(services).map(([binding, entrypoint]) => [
        binding,
        entrypoint === "" ? { name: kCurrentWorker } : { name: kCurrentWorker, entrypoint },
      ]),
    ),
  };
}
