// How many requests to D1 this instance may make: its share of the limit of the account, spent evenly.
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";

/** The limit holds for any period of this length. */
const WINDOW_MS = 300_000;
/** The part of the share that may be spent at once after a pause; the rest is refilled evenly. */
const BURST = 1 / 11;
/** What an instance may spend before it has a share: enough to register. */
const STARTING_TOKENS = 10;
/** For a drain: its start, the releases, the last settlements, and leaving the pool. */
const PARTING_TOKENS = 5;
const CHECK_EVERY_MS: Millis = 500;
/** The part of the pool's requests that is kept back for starts and for commands. */
const RESERVE = 0.1;

/** What the requests of this instance have cost, as D1 counts it. */
export interface Costs {
  requests: number;
  /** Within the last five minutes. */
  requestsRecent: number;
  rowsRead: number;
  rowsWritten: number;
}

/**
 * A token bucket. All shares together stay within the pool's requests (the database sees to that), and a share of `s`
 * lets through at most `s` requests in any five minutes: a burst of s/11 and s/330 a second.
 */
export class RequestBudget {
  /** Requests in five minutes that all instances have together. */
  readonly shared: number;
  readonly #clock: Clock;
  readonly #starting: number;
  readonly #times: Millis[] = [];
  readonly #total = { requests: 0, rowsRead: 0, rowsWritten: 0 };
  #share: number;
  #tokens: number;
  #filledAt: Millis;

  constructor(clock: Clock, requestsPerWindow: number) {
    this.shared = Math.floor(requestsPerWindow * (1 - RESERVE));
    this.#clock = clock;
    this.#starting = Math.min(STARTING_TOKENS, Math.max(4, Math.floor(requestsPerWindow / 100)));
    this.#share = this.#starting;
    this.#tokens = this.#starting;
    this.#filledAt = clock.monotonic();
  }

  /** The share changes with every instance that joins or leaves; it never falls below what a heartbeat needs. */
  grant(share: number): void {
    this.#fill();
    this.#share = Math.max(share, this.#starting);
    this.#tokens = Math.min(this.#tokens, Math.max(this.#burst, this.#starting));
  }

  /** For a drain: with the share of an idle instance alone it would take longer than PM2 waits. */
  useReserve(): void {
    this.#fill();
    this.#tokens = Math.max(this.#tokens, PARTING_TOKENS);
  }

  /** Resolves once a request may be sent, without spending anything: calls are gathered until then. */
  async ready(): Promise<void> {
    for (this.#fill(); this.#tokens < 1; this.#fill()) {
      // In steps: a larger share, or the reserve, may be granted meanwhile.
      await this.#clock.sleep(Math.min(CHECK_EVERY_MS, Math.ceil((1 - this.#tokens) / this.#rate)));
    }
  }

  /** Spends one request, once there is one. */
  async take(): Promise<void> {
    await this.ready();
    this.#tokens--;
    this.#total.requests++;
    this.#times.push(this.#clock.monotonic());
  }

  /** Adds the rows that an answer has counted. */
  note({ rowsRead, rowsWritten }: Pick<Costs, "rowsRead" | "rowsWritten">): void {
    this.#total.rowsRead += rowsRead;
    this.#total.rowsWritten += rowsWritten;
  }

  get costs(): Costs {
    const since = this.#clock.monotonic() - WINDOW_MS;
    while (this.#times[0] !== undefined && this.#times[0] < since) this.#times.shift();
    return { ...this.#total, requestsRecent: this.#times.length };
  }

  /** Tokens a millisecond. */
  get #rate(): number {
    return (this.#share * (1 - BURST)) / WINDOW_MS;
  }

  get #burst(): number {
    return Math.max(1, this.#share * BURST);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    // Filling stops at the burst; tokens above it, from the start, are kept.
    const full = Math.max(this.#burst, this.#tokens);
    this.#tokens = Math.min(full, this.#tokens + (now - this.#filledAt) * this.#rate);
    this.#filledAt = now;
  }
}
