// What one invocation uses of what Cloudflare would let it use. Counting is a number more in an object: it runs at each
// subrequest and each query.
import type { Limits, LimitsMode } from "./tables.js";
import * as texts from "./texts.js";

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

/**
 * What the Worker's own call is refused with. Not here is what Cloudflare does not refuse: an answer has no limit of its
 * own, and of a log that is too long only the rest is lost; who counts those asks `isOver`.
 */
const REFUSALS: Readonly<Record<Countable, string | null>> = {
  subrequests: texts.TOO_MANY_SUBREQUESTS,
  serviceCalls: texts.TOO_MANY_API_REQUESTS,
  cacheCalls: texts.TOO_MANY_API_REQUESTS,
  d1Queries: `D1_ERROR: ${texts.TOO_MANY_API_REQUESTS}`,
  requestBytes: texts.REQUEST_TOO_LARGE,
  responseBytes: null,
  logBytes: null,
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

  /** Throws what Cloudflare throws when the limit is enforced and this is past it. */
  count(what: Countable, amount = 1): void {
    this.usage[what] += amount;
    if (this.#enforces && this.isOver(what)) refuse(REFUSALS[what]);
  }

  isOver(what: Countable): boolean {
    const limit = this.#limits[what];
    return limit > 0 && this.usage[what] > limit;
  }
}

function refuse(text: string | null): void {
  if (text !== null) throw new Error(text);
}
