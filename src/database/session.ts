// Sessions: a local database is its own primary, so all a bookmark has to do is to look right, and to grow.
import type { Clock } from "../clock.js";

/** `seconds-count-00000000-anything`, as D1 writes them: hexadecimal, and comparable as texts. */
export class Bookmarks {
  readonly #clock: Clock;
  #seconds = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): string {
    const seconds = Math.floor(this.#clock.now() / 1000);
    if (seconds > this.#seconds) {
      this.#seconds = seconds;
      this.#count = 0;
    }
    this.#count++;
    const random = `${this.#clock.uniqueId()}${this.#clock.uniqueId()}`.toLowerCase().replace(/[^0-9a-f]/g, "0");
    return [hex(this.#seconds), hex(this.#count), hex(0), random.padEnd(32, "0").slice(0, 32)].join("-");
  }
}

function hex(number: number): string {
  return number.toString(16).padStart(8, "0");
}

const CONSTRAINTS = ["first-unconstrained", "first-primary"];

/** What one session has seen. */
export class BookmarkHolder {
  #held: string;

  /** A constraint such as `first-primary`, or the bookmark of an earlier session. */
  constructor(start: string) {
    this.#held = start;
  }

  /** Null until an answer has brought one. */
  get(): string | null {
    return CONSTRAINTS.includes(this.#held) ? null : this.#held;
  }

  /** A session never goes back, whatever it was started with. */
  advance(bookmark: string): void {
    const held = this.get();
    if (held === null || held.localeCompare(bookmark) < 0) this.#held = bookmark;
  }
}
