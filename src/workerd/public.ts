// What `import { hostWorker } from "hidb/workerd"` gives: a Cloudflare Worker, unmodified, inside Node.
import type { D1Database } from "@cloudflare/workers-types";
import { systemClock } from "../clock.js";
import { Broker } from "./broker/broker.js";
import { deliverBatch } from "./broker/deliver.js";
import { MemoryQueueStore } from "./broker/memory-store.js";
import { makePlan } from "./config/plan.js";
import { ThreadEnded } from "./host/ended.js";
import { openHost } from "./host/open.js";
import type { DeliveredMessage, FetchAnswer, QueueResult, ScheduledResult } from "./host/protocol.js";
import { toCall, toResponse } from "./host/web.js";
import type { HostWorkerOptions } from "./options.js";

export type { QueueResult, ScheduledResult } from "./host/protocol.js";
export type { GivenModule, HostWorkerOptions } from "./options.js";

export interface GivenMessage {
  /** Made up if not said. */
  id?: string;
  timestamp?: Date | number;
  body: unknown;
  /** Deliveries so far, this one included; 1 if not said. */
  attempts?: number;
}

export interface HostedWorker {
  /** Like a request from outside; answers 500 where the Worker throws. A path alone is taken to be on http://localhost. */
  fetch(url: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Resolves to workerd's own result. */
  scheduled(event?: { cron?: string; scheduledTime?: Date | number }): Promise<ScheduledResult>;
  /** Resolves to workerd's own result: what the Worker wants done with the messages is the caller's to do. */
  queue(name: string, messages: readonly GivenMessage[]): Promise<QueueResult>;
  /** Ends what the Worker runs in, whatever it is doing. */
  close(): Promise<void>;
}

/** The most that a Worker's thread may hold when nothing else is said. */
const MAX_MEMORY_MB = 512;
/** Messages wait in memory, and their sender wakes whoever delivers them. */
const QUEUE_POLL_MS = 1000;
const QUEUE_LEASE_MS = 60_000;

/** Resolves when the Worker has loaded; errors: WRANGLER_CONFIG, WORKER_UNSUPPORTED, WORKER_BROKEN, SETTING_INVALID. */
export async function hostWorker(options: HostWorkerOptions): Promise<HostedWorker> {
  const { plan, warnings } = await makePlan(options);
  const onLog = options.onLog ?? (() => undefined);
  for (const warning of warnings) onLog("warn", warning);
  const broker = new Broker({
    store: new MemoryQueueStore(),
    consumers: plan.consumers,
    deliver: (queue, messages) => deliverBatch(host, { queue, messages }),
    ...{ clock: systemClock, onLog, leaseMs: QUEUE_LEASE_MS, pollMs: QUEUE_POLL_MS },
  });
  const host = await openHost({
    plan,
    isolation: options.isolation ?? "thread",
    clock: systemClock,
    databases: givenDatabases(options.d1),
    onLog,
    onSend: (queue, messages) => broker.send(queue, messages),
    maxMemoryMb: plan.limitsMode === "enforce" ? plan.limits.memoryMb : MAX_MEMORY_MB,
  });
  broker.start();
  return {
    async fetch(url, init) {
      const call = await toCall(url, init);
      const { answer } = host.run({ kind: "fetch", call }, init?.signal ?? undefined);
      return toResponse(await answer.catch(answerForEnded));
    },
    async scheduled({ cron = "", scheduledTime } = {}) {
      const call = { cron, scheduledTime: Number(scheduledTime ?? systemClock.now()) };
      return host.run({ kind: "scheduled", call }).answer;
    },
    async queue(queue, messages) {
      return host.run({ kind: "queue", call: { queue, messages: messages.map(toMessage) } }).answer;
    },
    async close() {
      await Promise.all([broker.drain(), host.close()]);
    },
  };
}

/** Those that are objects live here; the Worker's thread asks for what it needs of them. */
function givenDatabases(d1: HostWorkerOptions["d1"] = []): Map<string, D1Database> {
  const databases = new Map<string, D1Database>();
  for (const [binding, given] of Object.entries(d1)) if (typeof given !== "string") databases.set(binding, given);
  return databases;
}

function toMessage({ id, timestamp, body, attempts = 1 }: GivenMessage): DeliveredMessage {
  return { id: id ?? systemClock.uniqueId(), timestamp: Number(timestamp ?? systemClock.now()), body, attempts };
}

/** The thread ended under the request: to who only fetches that is an answer, too. */
function answerForEnded(error: unknown): FetchAnswer {
  if (!(error instanceof ThreadEnded)) throw error;
  const body = new TextEncoder().encode(error.message);
  return { status: 500, statusText: "", headers: [["content-type", "text/plain;charset=UTF-8"]], body };
}
