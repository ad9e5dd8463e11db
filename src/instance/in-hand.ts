// What an instance has in hand: attempts that wait, run, or wait for their settlement; and whether there is room for more.
import type { Suspect } from "../claim/claimer.js";
import type { Millis, Outcome } from "../video.js";
import type { Attempt, StopReason } from "./attempt.js";
import type { Pace } from "./pace.js";
import type { Signal } from "./signal.js";

/** An attempt that is over, and what came of it. */
export interface EndedAttempt {
  attempt: Attempt;
  outcome: Outcome;
  durMs: Millis;
}

interface InHandOptions {
  pace: Pace;
  /** Notified when something leaves the hand. */
  signal: Signal;
  /** Whether attempts that wait for their settlement leave room for new ones. */
  claimsBeforeSettled: boolean;
}

export class InHand {
  /** As of the last heartbeat: whether a video that has killed an instance waits. */
  suspect: Suspect = "none";
  readonly #options: InHandOptions;
  readonly #attempts = new Map<number, Attempt>();
  /** Claimed, not started; a part of the attempts. */
  #unstarted: Attempt[] = [];
  #unsettled = 0;
  #settledLast: EndedAttempt[] = [];

  constructor(options: InHandOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#attempts.size;
  }

  /** How many videos to claim now; 0: none. `running`: attempts under way, of `concurrency` at most. */
  room({ running, concurrency }: { running: number; concurrency: number }): number {
    // A suspect may kill its instance: it gets it to itself, so that no other video dies with it.
    if (this.size > 0 && (this.suspect === "mine" || this.#holdsSuspect())) return 0;
    const { wanted } = this.#options.pace;
    const busy = this.#options.claimsBeforeSettled ? this.size - this.#unsettled : this.size;
    // A claim of many videos costs little more than a claim of one, so half empty is soon enough.
    const hasRoom = busy <= wanted / 2 || (busy < wanted && running < concurrency);
    return hasRoom ? wanted - busy : 0;
  }

  add(attempt: Attempt): void {
    const { id } = attempt.claim.video;
    // Still in hand from an earlier claim: that one was cancelled and retried meanwhile.
    this.#attempts.get(id)?.stop("lost");
    this.#attempts.set(id, attempt);
    this.#unstarted.push(attempt);
  }

  /** The next attempt to start. */
  next(): Attempt | undefined {
    return this.#unstarted.shift();
  }

  /** All attempts that have not started: they start no more. */
  takeUnstarted(): Attempt[] {
    const unstarted = this.#unstarted;
    this.#unstarted = [];
    return unstarted;
  }

  remove(attempt: Attempt): void {
    const { id } = attempt.claim.video;
    // Cancelled and retried meanwhile, the video may be in hand once more.
    if (this.#attempts.get(id) === attempt) this.#attempts.delete(id);
    this.#options.signal.notify();
  }

  beginSettling(): void {
    this.#unsettled++;
  }

  endSettling(): void {
    this.#unsettled--;
  }

  /** No other attempt is running whose outcome could join the group that waits to be settled. */
  get isAllSettling(): boolean {
    return this.#unsettled === this.size;
  }

  /** Its outcome is settled at the end of the instance. */
  settleLast(ended: EndedAttempt): void {
    this.#settledLast.push(ended);
  }

  takeSettledLast(): EndedAttempt[] {
    const ended = this.#settledLast;
    this.#settledLast = [];
    return ended;
  }

  /** Videos whose attempts have been running for longer than that. */
  runningLongerThan(ms: Millis): number[] {
    return [...this.#attempts].filter(([, attempt]) => attempt.ageMs > ms).map(([id]) => id);
  }

  stop(videoIds: number[], reason: StopReason): void {
    for (const id of videoIds) this.#attempts.get(id)?.stop(reason);
  }

  stopAll(reason: StopReason): void {
    for (const attempt of this.#attempts.values()) attempt.stop(reason);
  }

  #holdsSuspect(): boolean {
    const [first] = this.#attempts.values();
    return first !== undefined && first.claim.deaths > 0;
  }
}
