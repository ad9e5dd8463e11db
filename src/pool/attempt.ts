// One attempt: from claim to outcome, with a time-out that does not depend on the processor's good will.
import type { Clock } from "../clock.js";
import type { Database } from "../database/sqlite.js";
import { messageOf } from "../errors.js";
import type { Processor } from "../process/processor.js";
import type { Claim, Millis, Outcome } from "../video.js";

/** Why an attempt was told to stop: its time is over, its instance drains, or its claim is no longer held. */
export type StopReason = "timeout" | "drain" | "lost";

/** A processor that has not come back this long after its signal was aborted is given up. */
export const ABORT_GRACE_MS: Millis = 5000;

export interface AttemptOptions {
  claim: Claim;
  processor: Processor;
  database: Database;
  clock: Clock;
  /** 0: no limit. */
  timeoutMs: Millis;
}

export class Attempt {
  readonly claim: Claim;
  readonly #options: AttemptOptions;
  readonly #controller = new AbortController();
  readonly #gaveUp = Promise.withResolvers<Outcome>();
  #stopReason: StopReason | undefined;
  #startedAt: Millis | undefined;
  #returned = false;
  #withdrawn = false;
  /** The processor ignored its signal: its code still runs and only the end of the process will stop it. */
  hung = false;

  constructor(options: AttemptOptions) {
    this.claim = options.claim;
    this.#options = options;
  }

  /** Keeps an attempt that has not started from ever starting; false for one that has. */
  withdraw(): boolean {
    if (this.#startedAt !== undefined) return false;
    this.#withdrawn = true;
    return true;
  }

  get withdrawn(): boolean {
    return this.#withdrawn;
  }

  get lost(): boolean {
    return this.#stopReason === "lost";
  }

  /** How long it has been running. */
  get ageMs(): Millis {
    return this.#startedAt === undefined ? 0 : this.#options.clock.monotonic() - this.#startedAt;
  }

  /** Never rejects: an error of the processor is an outcome. */
  async run(): Promise<Outcome> {
    const { claim, timeoutMs, clock } = this.#options;
    this.#startedAt = clock.monotonic();
    if (claim.video.source === "") return { kind: "failed", reason: "the catalogue no longer has this video" };
    const timer = timeoutMs > 0 ? setTimeout(() => this.stop("timeout"), timeoutMs) : undefined;
    this.#process().then(this.#gaveUp.resolve);
    const outcome = await this.#gaveUp.promise;
    clearTimeout(timer);
    return this.#judge(outcome);
  }

  /** Aborts the signal; a processor that does not come back within the grace is given up as hung. */
  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.#controller.abort(new Error(`stopped: ${reason}`));
    setTimeout(() => this.#giveUp(), ABORT_GRACE_MS).unref();
  }

  async #process(): Promise<Outcome> {
    const { claim, processor, database } = this.#options;
    const { attempt, rank, count } = claim;
    try {
      return await processor.process(claim.video, {
        attempt,
        rank,
        count,
        signal: this.#controller.signal,
        database,
      });
    } catch (error) {
      return { kind: "retry", reason: messageOf(error) };
    } finally {
      this.#returned = true;
    }
  }

  #giveUp(): void {
    if (this.#returned) return;
    this.hung = true;
    this.#gaveUp.resolve({ kind: "released" });
  }

  /** What an outcome means once the attempt was told to stop: finished work counts, anything else is the stop's doing. */
  #judge(outcome: Outcome): Outcome {
    if (outcome.kind === "completed") return outcome;
    switch (this.#stopReason) {
      case undefined:
        return outcome.kind === "released"
          ? { kind: "retry", reason: "the processor gave up without a reason" }
          : outcome;
      case "timeout": {
        const after = `no result after ${this.#options.timeoutMs / 1000} s (HIDB_TIMEOUT_MS)`;
        return { kind: "retry", reason: this.hung ? `${after}, and it ignored its signal` : after };
      }
      case "drain":
      case "lost":
        return { kind: "released" };
      default:
        return this.#stopReason satisfies never;
    }
  }
}
