// One invocation under way: what it has been asked to wait for, what went wrong in that, and what it has used.
import pLimit, { type LimitFunction } from "p-limit";
import type { Invocation } from "../invocation.js";
import { Meter, type Usage } from "../limits/meter.js";
import { WAIT_UNTIL_EXCEEDED } from "../limits/texts.js";
import { threadCpuMs } from "../limits/watch.js";
import { native } from "../native.js";
import type { Realm } from "../realm.js";
import { describeThrown } from "./thrown.js";

/** How an invocation ended, long after its answer perhaps. */
export interface Ended {
  usage: Usage;
  /** What the handler threw; null when it did not. */
  exception: string | null;
  /** What promises given to waitUntil were rejected with. */
  failures: string[];
  /** Others ran in its thread meanwhile, and nobody can tell their CPU from its own. */
  shared?: boolean;
}

/** The first one tells what went wrong; a Worker can have millions. */
const MOST_FAILURES = 100;

export class Call implements Invocation {
  readonly kind: Invocation["kind"];
  readonly meter: Meter;
  readonly #realm: Realm;
  readonly #startedCpuMs: number;
  readonly #failures: string[] = [];
  readonly #over = Promise.withResolvers<void>();
  #connect: LimitFunction | undefined;
  #open = 0;
  #answeredAt: number | undefined;

  constructor(kind: Invocation["kind"], realm: Realm) {
    const { limits, limitsMode } = realm.plan;
    this.kind = kind;
    this.#realm = realm;
    this.meter = new Meter(limits, limitsMode);
    this.#startedCpuMs = limitsMode === "off" ? 0 : threadCpuMs();
  }

  /** Made when first asked for: most invocations never call out. */
  get connect(): LimitFunction {
    this.#connect ??= pLimit(this.#realm.plan.limits.connections);
    return this.#connect;
  }

  waitUntil(work: unknown): void {
    this.#open++;
    Promise.resolve(work).then(
      () => this.#close(),
      (error: unknown) => {
        this.#fail(describeThrown(error));
        this.#close();
      },
    );
  }

  /** Resolves once all that was to be waited for is over; call it once, when the handler has answered or thrown. */
  async end(exception: string | null): Promise<Ended> {
    this.#answeredAt = performance.now();
    if (this.#open > 0) await this.#outwait();
    return { usage: this.#measure(), exception, failures: this.#failures };
  }

  async #outwait(): Promise<void> {
    const { limits, limitsMode } = this.#realm.plan;
    if (limitsMode !== "enforce") return this.#over.promise;
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = native.setTimeout(() => resolve("late"), limits.waitUntilMs);
    const ended = await Promise.race([this.#over.promise, late]);
    native.clearTimeout(timer);
    // There the unfinished work is cancelled, here it is only no longer waited for.
    if (ended === "late") this.#fail(WAIT_UNTIL_EXCEEDED);
  }

  #close(): void {
    this.#open--;
    if (this.#open === 0 && this.#answeredAt !== undefined) this.#over.resolve();
  }

  #fail(reason: string): void {
    if (this.#failures.length < MOST_FAILURES) this.#failures.push(reason);
    this.#realm.log("error", `Uncaught (in promise) ${reason}`);
  }

  #measure(): Usage {
    const { usage } = this.meter;
    if (this.#realm.plan.limitsMode === "off") return usage;
    usage.cpuMs = threadCpuMs() - this.#startedCpuMs;
    usage.waitUntilMs = performance.now() - (this.#answeredAt ?? 0);
    return usage;
  }
}
