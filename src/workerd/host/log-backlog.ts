// Lines of a Worker's log on their way to the host. They wait in memory that belongs to neither heap, and a Worker that
// prints in a loop is faster than whoever reads: beyond a bound its lines are counted instead of sent.

/** Of one line, in characters; Cloudflare keeps four times as much of a whole invocation. */
const LONGEST_LINE = 65_536;

/** One line of a Worker may be as long as its memory allows, and every reader of the log would have to hold it. */
export function cutLine(text: string): string {
  if (text.length <= LONGEST_LINE) return text;
  return `${text.slice(0, LONGEST_LINE)} ... and ${text.length - LONGEST_LINE} characters more`;
}

/** In characters, and a little for each line. */
const MOST = 1_000_000;
const LINE = 100;

export class LogBacklog {
  /** Seen by both threads: how much is on its way. */
  readonly shared: SharedArrayBuffer;
  readonly #waiting: Int32Array;
  #lost = 0;

  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#waiting = new Int32Array(shared);
  }

  /** For the sender: whether the line may go. */
  admits(text: string): boolean {
    if (Atomics.load(this.#waiting, 0) > MOST) {
      this.#lost++;
      return false;
    }
    Atomics.add(this.#waiting, 0, text.length + LINE);
    return true;
  }

  /** For the sender: how many lines did not go since it was last asked. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  /** For the receiver. */
  took(text: string): void {
    Atomics.sub(this.#waiting, 0, text.length + LINE);
  }
}
