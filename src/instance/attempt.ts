// One attempt: from claim to outcome, with a time-out that does not depend on the processor's good will.
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import { messageOf } from "../errors.js";
import type { AttemptContext, Processor } from "../process/processor.js";
import { usageOf } from "../settle/usage.js";
import { hideSecrets, shownReason, sourceSecrets } from "../shown.js";
import type { Claim, Millis, Outcome, Video } from "../video.js";
import type { Deadlines } from "./deadlines.js";

/** D1 takes no longer value; what it refuses would end the instance, and cost the others of its group their settlement. */
const MOST_OUTPUT_BYTES = 2_000_000;

/** Why an attempt was told to stop: its time is over, its instance drains, or its claim is no longer held. */
export type StopReason = "timeout" | "drain" | "lost";

/** A processor that has not come back this long after its signal was aborted is given up. */
export const ABORT_GRACE_MS: Millis = 5000;

export interface AttemptOptions {
  claim: Claim;
  processor: Processor;
  database: Database;
  clock: Clock;
  deadlines: Deadlines;
}

/** Is the processor's context, too: at 100,000 no-op videos a second an object more each is felt. */
export class Attempt implements AttemptContext {
  readonly claim: Claim;
  readonly #options: AttemptOptions;
  readonly #over = Promise.withResolvers<Outcome>();
  #controller: AbortController | undefined;
  #stopReason: StopReason | undefined;
  #startedAt: Millis | undefined;
  #ended = false;
  /** The processor ignored its signal: its code still runs and only the end of the process will stop it. */
  hung = false;

  constructor(options: AttemptOptions) {
    this.claim = options.claim;
    this.#options = options;
  }

  get attempt(): number {
    return this.claim.attempt;
  }

  get rank(): number {
    return this.claim.rank;
  }

  get count(): number {
    return this.claim.count;
  }

  get database(): Database {
    return this.#options.database;
  }

  /** Made when a processor first asks for it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#abort();
    }
    return this.#controller.signal;
  }

  get lost(): boolean {
    return this.#stopReason === "lost";
  }

  /** How long it has been running. */
  get ageMs(): Millis {
    return this.#startedAt === undefined ? 0 : this.#options.clock.monotonic() - this.#startedAt;
  }

  /** Never rejects: an error of the processor is an outcome. */
  run(): Promise<Outcome> {
    const { claim, deadlines, clock } = this.#options;
    this.#startedAt = clock.monotonic();
    if (this.#stopReason !== undefined) this.#end({ kind: "released" });
    else if (claim.video.source === "") this.#end({ kind: "failed", reason: "the catalogue no longer has this video" });
    else {
      deadlines.add(this);
      this.#process();
    }
    return this.#over.promise;
  }

  /** Aborts the signal; a processor that does not come back within the grace is given up as hung. */
  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.#abort();
    if (this.#startedAt !== undefined) this.#options.clock.timer(ABORT_GRACE_MS, () => this.#giveUp()).unref();
  }

  #abort(): void {
    if (this.#stopReason !== undefined) this.#controller?.abort(new Error(`stopped: ${this.#stopReason}`));
  }

  #process(): void {
    const { claim, processor } = this.#options;
    const fail = (error: unknown) => this.#end({ kind: "retry", reason: reasonOf(error) });
    try {
      // Promises rather than an async function: of those this path makes one less a video.
      Promise.resolve(processor.process(claim.video, this)).then((outcome) => this.#end(readOutcome(outcome)), fail);
    } catch (error) {
      fail(error);
    }
  }

  #end(outcome: Outcome): void {
    this.#ended = true;
    this.#options.deadlines.delete(this);
    this.#over.resolve(this.#judge(outcome));
  }

  #giveUp(): void {
    if (this.#ended) return;
    this.hung = true;
    this.#end({ kind: "released" });
  }

  /** What an outcome means once the attempt was told to stop: finished work counts, anything else is the stop's doing. */
  #judge(outcome: Outcome): Outcome {
    if (outcome.kind === "completed") return outcome;
    switch (this.#stopReason) {
      case undefined:
        if (outcome.kind !== "released") return withoutSecrets(outcome, this.#options.claim.video);
        return { kind: "retry", reason: "the processor gave up without a reason" };
      case "timeout": {
        const after = `no result after ${this.#options.deadlines.timeoutMs / 1000} s (HIDB_TIMEOUT_MS)`;
        const reason = this.hung ? `${after}, and it ignored its signal` : after;
        return { kind: "retry", reason, ...usageOf(outcome) };
      }
      case "drain":
      case "lost":
        return { kind: "released" };
      default:
        return this.#stopReason satisfies never;
    }
  }
}

/** A processor may be anybody's code: one bad answer must not cost the others of its group their settlement. */
function readOutcome(outcome: Outcome | undefined): Outcome {
  switch (outcome?.kind) {
    case "completed":
      if (outcome.output === null) return outcome;
      if (typeof outcome.output === "string") return fits(outcome.output) ? outcome : tooLong(outcome);
      break;
    case "retry":
      if (typeof outcome.reason === "string" && Number.isFinite(outcome.afterMs ?? 0)) return shown(outcome);
      break;
    case "failed":
      if (typeof outcome.reason === "string") return shown(outcome);
      break;
    case "released":
      return outcome;
  }
  return { kind: "retry", reason: "expected the processor to answer with an outcome, got something else" };
}

/** Programs and servers say what they were given, and a source may be a URL that lets in whoever has it. */
function withoutSecrets<O extends { reason: string }>(outcome: O, { source }: Video): O {
  // Most are paths, or URLs for everybody.
  if (!source.includes("://")) return outcome;
  const secrets = sourceSecrets(source);
  return secrets.length === 0 ? outcome : { ...outcome, reason: hideSecrets(outcome.reason, secrets) };
}

function fits(output: string): boolean {
  return output.length * 3 <= MOST_OUTPUT_BYTES || Buffer.byteLength(output) <= MOST_OUTPUT_BYTES;
}

function tooLong(outcome: Extract<Outcome, { kind: "completed" }>): Outcome {
  const reason = `expected an output of ${MOST_OUTPUT_BYTES} bytes at most, got ${Buffer.byteLength(outcome.output ?? "")}`;
  return { kind: "failed", reason, ...usageOf(outcome) };
}

function shown<O extends { reason: string }>(outcome: O): O {
  return { ...outcome, reason: shownReason(outcome.reason) };
}

/** Anything can be thrown, even what cannot be turned into text. */
function reasonOf(error: unknown): string {
  try {
    return shownReason(`${messageOf(error)}`);
  } catch {
    return "the processor threw something that has no message";
  }
}
