// What a host and the runtime in its thread say to one another. Calls go one way, questions the other.
import type { Ended } from "../events/call.js";
import type { WorkerPlan } from "../plan.js";

/** A request as it goes in: everything that can cross between threads. */
export interface FetchCall {
  url: string;
  method: string;
  headers: [string, string][];
  body: Uint8Array | ReadableStream<Uint8Array> | null;
  cf?: unknown;
}

/** A response as it comes out. */
export interface FetchAnswer {
  status: number;
  statusText: string;
  headers: [string, string][];
  body: Uint8Array | ReadableStream<Uint8Array> | null;
}

export interface ScheduledCall {
  cron: string;
  scheduledTime: number;
}

/** workerd's own result of a scheduled event. */
export interface ScheduledResult {
  outcome: "ok" | "exception";
  noRetry: boolean;
}

/** A message as a consumer is given it; `attempts` counts deliveries, from 1. */
export interface DeliveredMessage {
  id: string;
  /** Milliseconds since 1970. */
  timestamp: number;
  body: unknown;
  attempts: number;
}

export interface QueueCall {
  queue: string;
  messages: DeliveredMessage[];
}

/** workerd's own result of a batch. */
export interface QueueResult {
  outcome: "ok" | "exception";
  ackAll: boolean;
  retryBatch: { retry: boolean; delaySeconds?: number };
  explicitAcks: string[];
  retryMessages: { msgId: string; delaySeconds?: number }[];
}

export type Event =
  | { kind: "fetch"; call: FetchCall }
  | { kind: "scheduled"; call: ScheduledCall }
  | { kind: "queue"; call: QueueCall };

export type EventAnswer<K extends Event["kind"]> = K extends "fetch"
  ? FetchAnswer
  : K extends "scheduled"
    ? ScheduledResult
    : QueueResult;

/** An event that was taken: `answer` comes when the handler is done, `ended` when its waitUntil work is. */
export interface Running<Answer> {
  answer: Promise<Answer>;
  ended: Promise<Ended>;
}

/** What the runtime asks of its host. */
export type Question =
  | { kind: "d1"; key: string; ask: D1Question }
  | { kind: "send"; queue: string; messages: OutgoingMessage[] };

export type D1Question =
  | { kind: "objects" | "rows"; statement: string; params: readonly unknown[] }
  | { kind: "batch"; queries: { statement: string; params: readonly unknown[] }[] }
  | { kind: "exec"; sql: string };

/** A message on its way to a queue. */
export interface OutgoingMessage {
  body: unknown;
  contentType: "json" | "text" | "bytes" | "v8";
  delayS: number;
}

export type LogLevel = "debug" | "log" | "info" | "warn" | "error";

/** Host to thread. */
export type ToThread =
  | { type: "event"; id: number; event: Event }
  | { type: "abort"; id: number }
  | { type: "told"; id: number; value: unknown }
  | { type: "refused"; id: number; error: unknown };

/** Thread to host. */
export type FromThread =
  | { type: "ready"; handlers: string[] }
  | { type: "broken"; error: { code: string | null; message: string; fix: string | null } }
  | { type: "answer"; id: number; answer: FetchAnswer | ScheduledResult | QueueResult }
  | { type: "ended"; id: number; ended: Ended }
  | { type: "log"; level: LogLevel; text: string }
  | { type: "ask"; id: number; question: Question };

export interface ThreadData {
  plan: WorkerPlan;
  /** How much of the log is on its way. */
  logs: SharedArrayBuffer;
}
