// What has happened in a run: a hash of all of it, to tell two runs apart, and its last lines, for people.

/** How much of it is kept as text; the hash is always of everything. */
export const tracing = { lines: false, steps: false };

const MOST_LINES = 100_000;

export class Trace {
  readonly lines: string[] = [];
  #hash = 0x811c9dc5;

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  step(now: number, actor: { readonly label: string } | undefined, what: string): void {
    this.#mix(Math.floor(now * 1000) | 0);
    this.#mix(actor === undefined ? 7 : actor.label.length * 31 + actor.label.charCodeAt(actor.label.length - 1));
    this.#mix(what.length * 131 + what.charCodeAt(0));
  }

  /** A line for people; who says it and what. */
  say(now: number, who: string, what: string): void {
    for (let at = 0; at < what.length; at++) this.#mix(what.charCodeAt(at));
    if (tracing.lines) this.note(now, who, what);
  }

  /** A line that is no part of the hash. */
  note(now: number, who: string, what: string): void {
    this.lines.push(`${(now / 1000).toFixed(3).padStart(10)} ${who.padEnd(10)} ${what}`);
    if (this.lines.length > 2 * MOST_LINES) this.lines.splice(0, MOST_LINES);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193);
  }
}
