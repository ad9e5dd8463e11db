// The lines of a journal in memory, 40 bytes each, sorted by video and time: a million of them fit anywhere.
import type { Millis } from "../video.js";
import type { JournalVideoLine } from "./journal.js";
import type { JournalPlace } from "./journal-read.js";

const EVENTS = [
  "claim",
  "settle",
  "release",
  "lost",
  "reclaim",
  "retry",
  "cancel",
  "remove",
] as const satisfies JournalVideoLine["event"][];

/** So long a person's command may have waited for the database. */
const PERSON_MS = 10_000;

/** What is kept of a line. */
export interface KeptLine extends JournalPlace {
  time: Millis;
  event: JournalVideoLine["event"];
  video: number;
  attempt: number;
  instance: string;
  outcome: string | undefined;
  /** Of what a person did: just after it, or some time after; of anything else the same as the time. */
  done: Millis;
}

export class JournalColumns {
  #size = 0;
  #capacity = 1024;
  #times = new Float64Array(1024);
  #dones = new Float64Array(1024);
  #videos = new Float64Array(1024);
  #attempts = new Uint32Array(1024);
  #places = new Uint32Array(1024);
  #files = new Uint16Array(1024);
  #instances = new Uint32Array(1024);
  #kinds = new Uint8Array(1024);
  #outcomes = new Uint8Array(1024);
  readonly #names = new Names();
  readonly #results = new Names();

  get size(): number {
    return this.#size;
  }

  add(line: JournalVideoLine, { file, line: number }: JournalPlace): void {
    if (this.#size === this.#capacity) this.#grow();
    const at = this.#size++;
    const done = line.done ?? line.time + (line.event === "retry" || line.event === "remove" ? PERSON_MS : 0);
    // After a cancellation nothing happens to a video, and before a retry nothing that it makes possible.
    this.#times[at] = line.event === "cancel" ? done : line.time;
    this.#dones[at] = done;
    this.#videos[at] = line.video;
    this.#attempts[at] = line.attempt;
    this.#places[at] = number;
    this.#files[at] = file;
    this.#instances[at] = this.#names.numberOf(line.instance);
    this.#kinds[at] = EVENTS.indexOf(line.event);
    this.#outcomes[at] = this.#results.numberOf(line.outcome ?? "");
  }

  /** The histories of all videos in the order of their ids; lines of the same moment stay as they were written. */
  *histories(): Generator<KeptLine[]> {
    const order = new Uint32Array(this.#size).map((_, at) => at);
    const [videos, times] = [this.#videos, this.#times];
    const value = (column: Float64Array, at: number) => column[at] as number;
    order.sort((a, b) => value(videos, a) - value(videos, b) || value(times, a) - value(times, b) || a - b);
    for (let from = 0; from < order.length; ) {
      const video = value(videos, order[from] as number);
      const history: KeptLine[] = [];
      while (from < order.length && value(videos, order[from] as number) === video) {
        history.push(this.#at(order[from++] as number));
      }
      yield history;
    }
  }

  #at(at: number): KeptLine {
    const outcome = this.#results.nameOf(this.#outcomes[at] as number);
    return {
      time: this.#times[at] as number,
      done: this.#dones[at] as number,
      event: EVENTS[this.#kinds[at] as number] as JournalVideoLine["event"],
      video: this.#videos[at] as number,
      attempt: this.#attempts[at] as number,
      instance: this.#names.nameOf(this.#instances[at] as number),
      outcome: outcome === "" ? undefined : outcome,
      file: this.#files[at] as number,
      line: this.#places[at] as number,
    };
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#times = enlarge(this.#times, new Float64Array(this.#capacity));
    this.#dones = enlarge(this.#dones, new Float64Array(this.#capacity));
    this.#videos = enlarge(this.#videos, new Float64Array(this.#capacity));
    this.#attempts = enlarge(this.#attempts, new Uint32Array(this.#capacity));
    this.#places = enlarge(this.#places, new Uint32Array(this.#capacity));
    this.#files = enlarge(this.#files, new Uint16Array(this.#capacity));
    this.#instances = enlarge(this.#instances, new Uint32Array(this.#capacity));
    this.#kinds = enlarge(this.#kinds, new Uint8Array(this.#capacity));
    this.#outcomes = enlarge(this.#outcomes, new Uint8Array(this.#capacity));
  }
}

function enlarge<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Names as numbers: few of them, many times. */
class Names {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];

  numberOf(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#names.push(name) - 1;
      this.#numbers.set(name, number);
    }
    return number;
  }

  nameOf(number: number): string {
    return this.#names[number] as string;
  }
}

export function isSameClaim(one: KeptLine, other: KeptLine): boolean {
  return one.attempt === other.attempt && one.instance === other.instance;
}

export function isEndOf(line: KeptLine, held: KeptLine): boolean {
  if (line.event === "reclaim") return line.attempt === held.attempt;
  return (line.event === "settle" || line.event === "release") && isSameClaim(line, held);
}
