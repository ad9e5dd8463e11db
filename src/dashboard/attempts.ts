// Wrong tokens, by address: a few a minute are mistakes, more are somebody guessing.
import type { Millis } from "../video.js";

const ALLOWED = 10;
const WINDOW_MS: Millis = 60_000;
/** Who comes from more addresses than this has the oldest forgotten. */
const REMEMBERED = 1000;

interface Failures {
  since: Millis;
  count: number;
}

export class Attempts {
  readonly #failures = new Map<string, Failures>();

  /** How long this address is refused yet, the right token included: else a guess could be told from a refusal. */
  waitMs(address: string, now: Millis): Millis {
    const failures = this.#failures.get(address);
    if (failures === undefined || failures.count < ALLOWED) return 0;
    return Math.max(0, failures.since + WINDOW_MS - now);
  }

  noteFailure(address: string, now: Millis): void {
    const known = this.#failures.get(address);
    if (known !== undefined && now - known.since < WINDOW_MS) {
      known.count++;
      return;
    }
    this.#failures.delete(address);
    this.#failures.set(address, { since: now, count: 1 });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > REMEMBERED && oldest !== undefined) this.#failures.delete(oldest);
  }
}
