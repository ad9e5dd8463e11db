// What one invocation uses of what Cloudflare would let it use. Counting is a number more in an object: it runs at each
// subrequest and each query.
import type { Limits, LimitsMode } from "./tables.js";

/** What is counted while it happens, and stopped at its limit in the mode `enforce`. */
export type Countable =
  | "subrequests"
  | "serviceCalls"
  | "cacheCalls"
  | "d1Queries"
  | "requestBytes"
  | "responseBytes"
  | "logBytes";

/** What an invocation has used; figures that were not measured are 0. */
export interface Usage extends Record<Countable, number> {
  /** Of its thread, while it ran: with several invocations side by side, of all of them together. */
  cpuMs: number;
  /** The highest seen, heap and buffers. */
  memoryMb: number;
  waitUntilMs: number;
}

/** workerd's own words, where it has some. */
const REFUSALS: Readonly<Record<Countable, string>> = {
  subrequests: "Too many subrequests by single Worker invocation.",
  serviceCalls: "Too many API requests by single Worker invocation.",
  cacheCalls: "Too many API requests by single Worker invocation.",
  d1Queries: "D1_ERROR: Too many API requests by single Worker invocation.",
  requestBytes: "Request body is larger than the limit.",
  responseBytes: "Response body is larger than the limit.",
  logBytes:
    "Log size limit exceeded: More than 256KB of data (across console.log statements, exception, request metadata and headers) was logged during a single request.",
};

export class Meter {
  readonly usage: Usage = {
    cpuMs: 0,
    memoryMb: 0,
    waitUntilMs: 0,
    subrequests: 0,
    serviceCalls: 0,
    cacheCalls: 0,
    d1Queries: 0,
    requestBytes: 0,
    responseBytes: 0,
    logBytes: 0,
  };
  readonly #limits: Limits;
  readonly #enforces: boolean;

  constructor(limits: Limits, mode: LimitsMode) {
    this.#limits = limits;
    this.#enforces = mode === "enforce";
  }

  /** Throws what workerd throws when the limit is enforced and this is past it. */
  count(what: Countable, amount = 1): void {
    this.usage[what] += amount;
    if (this.#enforces && this.isOver(what)) throw new Error(REFUSALS[what]);
  }

  isOver(what: Countable): boolean {
    const limit = this.#limits[what];
    return limit > 0 && this.usage[what] > limit;
  }
}
