// What an invocation may use on Cloudflare, by plan. The figures are the account limits of developers.cloudflare.com/
// workers/platform/limits (November 2026); workerd by itself enforces none of them.

export type LimitsMode = "off" | "report" | "enforce";
export type LimitsPlan = "free" | "paid";

/** All of one invocation, unless said otherwise. */
export interface Limits {
  cpuMs: number;
  /** Heap and buffers of the isolate. */
  memoryMb: number;
  /** Requests to the outside, each hop of a redirect and each call of the Cache API included. */
  subrequests: number;
  /** Calls of own services: KV, R2, D1, queues. */
  serviceCalls: number;
  cacheCalls: number;
  d1Queries: number;
  /** Requests that wait for their response's headers at the same time; one more queues. */
  connections: number;
  requestBytes: number;
  /** 0 for no limit: Cloudflare has none. */
  responseBytes: number;
  logBytes: number;
  /** Work after the response. */
  waitUntilMs: number;
  queueMessageBytes: number;
  queueBatchMessages: number;
  queueBatchBytes: number;
}

const BOTH = {
  memoryMb: 128,
  connections: 6,
  requestBytes: 100_000_000,
  responseBytes: 0,
  logBytes: 256_000,
  waitUntilMs: 30_000,
  queueMessageBytes: 128_000,
  queueBatchMessages: 100,
  queueBatchBytes: 256_000,
};

export const LIMITS_OF: Readonly<Record<LimitsPlan, Limits>> = {
  free: { ...BOTH, cpuMs: 10, subrequests: 50, serviceCalls: 1000, cacheCalls: 50, d1Queries: 50 },
  paid: { ...BOTH, cpuMs: 30_000, subrequests: 10_000, serviceCalls: 10_000, cacheCalls: 1000, d1Queries: 1000 },
};
