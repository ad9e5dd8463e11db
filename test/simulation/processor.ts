// What simulated videos are like: how long they take, and what goes wrong with them, decided by the seed, the video and
// the attempt alone.
import type { D1Database } from "@cloudflare/workers-types";
import type { AttemptContext, Processor } from "../../src/process/processor.ts";
import type { Claim, Outcome, Video } from "../../src/video.ts";
import type { Process } from "./process.ts";
import { Random } from "./random.ts";
import type { Millis, Scheduler } from "./scheduler.ts";

/** One attempt as it really runs, whatever the database says of it. */
export interface Run {
  video: number;
  attempt: number;
  claimedAt: Millis;
  instance: string;
  process: Process;
  startedAt: Millis;
  /** Still working. */
  active: boolean;
  /** It was told to stop: what it says from then on may be the stop's doing. */
  stopped: boolean;
  /** What it came to; undefined while it runs, and for ever where it hangs. */
  outcome: Outcome | undefined;
  /** Unique to it: what it writes carries it. */
  token: string;
}

/** What happens in the end. */
export type Mishap =
  | "none"
  | "statements"
  | "broken statements"
  | "retry"
  | "throw"
  | "permanent"
  | "hang"
  | "deaf"
  | "quota"
  | "block"
  | "die";

export interface Nature {
  durationMs: Millis;
  mishap: Mishap;
}

export interface Temper {
  seed: string;
  /** Mean time of a video. */
  meanMs: Millis;
  /** The share of attempts with each. */
  rates: Partial<Record<Mishap, number>>;
  /** The share of videos that kill whoever processes them. */
  poison: number;
}

export function natureOf(video: number, attempt: number, temper: Temper): Nature {
  const ofVideo = new Random(`${temper.seed} video ${video}`);
  const length = ofVideo.chance(0.2) ? temper.meanMs / 1000 : temper.meanMs;
  const durationMs = length * ofVideo.magnitude(0.2, 3);
  if (ofVideo.chance(temper.poison)) return { durationMs, mishap: "die" };
  if (ofVideo.chance(temper.rates.permanent ?? 0)) return { durationMs, mishap: "permanent" };
  const ofAttempt = new Random(`${temper.seed} video ${video} attempt ${attempt}`);
  let draw = ofAttempt.next();
  for (const [mishap, rate] of Object.entries(temper.rates) as [Mishap, number][]) {
    if (mishap === "permanent") continue;
    draw -= rate;
    if (draw < 0) return { durationMs, mishap };
  }
  return { durationMs, mishap: "none" };
}

export interface Workshop {
  scheduler: Scheduler;
  temper: Temper;
  /** No mishaps any more: the end of a run is to be reached. */
  tame: boolean;
  onStart: (run: Run) => void;
  onEnd: (run: Run) => void;
  die: (process: Process) => void;
  count: (what: string) => void;
}

export class SimulatedProcessor implements Processor {
  readonly #process: Process;
  readonly #workshop: Workshop;
  readonly #runs = new Set<Run>();
  readonly #isLimited: boolean;
  #begun = 0;

  /** `timeoutMs` 0: what hangs would hang for ever, so nothing does. */
  constructor(process: Process, workshop: Workshop, timeoutMs: Millis) {
    this.#isLimited = timeoutMs > 0;
    this.#process = process;
    this.#workshop = workshop;
  }

  process(video: Video, context: AttemptContext): Promise<Outcome> {
    const { scheduler, temper, tame, onStart, count } = this.#workshop;
    const process = this.#process;
    const { claimedAt } = (context as AttemptContext & { claim: Claim }).claim;
    const run: Run = {
      ...{ video: video.id, attempt: context.attempt, claimedAt, process, instance: process.label },
      ...{ startedAt: scheduler.now, active: true, stopped: false, outcome: undefined },
      token: `${process.label} ${++this.#begun}`,
    };
    const nature = natureOf(video.id, context.attempt, temper);
    const mishap = this.#isPossible(nature.mishap, tame) ? nature.mishap : "none";
    if (mishap !== "none") count(`processor: ${mishap}`);
    this.#runs.add(run);
    onStart(run);
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const end = (outcome: Outcome) => {
      if (this.#finish(run, outcome)) resolve(outcome);
    };
    const { signal } = context;
    signal.addEventListener("abort", () => {
      run.stopped = true;
    });
    if (mishap !== "deaf" && mishap !== "block") {
      signal.addEventListener("abort", () => {
        // It hears of it, and stops soon; or has just finished after all.
        const lateMs = process.random.between(0, 4000);
        scheduler.after(lateMs, process, "obey", () => {
          end(process.random.chance(0.3) ? this.#completed(run, context.database) : { kind: "released" });
        });
      });
    }
    const { durationMs } = nature;
    switch (mishap) {
      case "hang":
      case "deaf":
        return promise;
      case "block":
        process.frozenUntil = Math.max(process.frozenUntil, scheduler.now + durationMs);
        break;
      case "die":
        scheduler.after(durationMs * process.random.next(), process, "die", () => {
          if (run.active) this.#workshop.die(process);
        });
        return promise;
      default:
    }
    scheduler.after(durationMs, process, "work", () => {
      if (mishap === "throw") {
        const outcome: Outcome = { kind: "retry", reason: "thrown" };
        if (this.#finish(run, outcome)) reject(new Error("thrown"));
      } else end(this.#outcomeOf(mishap, run, context.database));
    });
    return promise;
  }

  #isPossible(mishap: Mishap, tame: boolean): boolean {
    if (tame) return mishap === "permanent";
    return this.#isLimited || (mishap !== "hang" && mishap !== "deaf");
  }

  async close(): Promise<void> {
    for (const run of this.#runs) run.active = false;
  }

  #finish(run: Run, outcome: Outcome): boolean {
    if (run.outcome !== undefined) return false;
    run.active = false;
    run.outcome = outcome;
    this.#runs.delete(run);
    this.#workshop.onEnd(run);
    return true;
  }

  #outcomeOf(mishap: Mishap, run: Run, database: D1Database): Outcome {
    const { random } = this.#process;
    switch (mishap) {
      case "retry":
        return random.chance(0.5)
          ? { kind: "retry", reason: "once more" }
          : { kind: "retry", reason: "once more, later", afterMs: random.magnitude(10, 60_000) };
      case "quota":
        return { kind: "retry", reason: "quota", quota: true, afterMs: random.magnitude(1000, 120_000) };
      case "permanent":
        return { kind: "failed", reason: "broken for good" };
      case "statements":
      case "broken statements":
        return this.#completed(run, database, mishap);
      default:
        return this.#completed(run, database);
    }
  }

  #completed(run: Run, database: D1Database, mishap: Mishap = "none"): Outcome {
    const output = JSON.stringify({ token: run.token });
    if (mishap === "none") return { kind: "completed", output };
    const statements = [
      database.prepare("INSERT INTO notes (video_id, token) VALUES (?, ?)").bind(run.video, run.token),
    ];
    if (mishap === "broken statements") {
      statements.push(database.prepare("INSERT INTO notes (video_id, token) VALUES (?, NULL)").bind(run.video));
    }
    return { kind: "completed", output, statements };
  }
}
