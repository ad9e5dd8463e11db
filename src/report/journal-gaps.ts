// Where the journal lacks a line: which of the attempts that the database has on record explain that.
import type { Millis } from "../video.js";
import type { KeptLine } from "./journal-columns.js";
import type { JournalLives } from "./journal-lives.js";

/** An attempt that did not complete, as the database has it. */
export interface SpentRow {
  attempt: number;
  instance: string;
  outcome: string;
  claimedAt: Millis;
}

export interface GapParts {
  lives: JournalLives;
  database?: { spent: SpentRow[] | undefined };
}

/** A claim whose answer was lost is undone before the next one: until then its instance has no line of it. */
const UNDONE_MS = 10_000;

export class Gaps {
  /** The attempts have not been read yet: until then each gap counts as explained. */
  doubtful = false;
  readonly #parts: GapParts;

  constructor(parts: GapParts) {
    this.#parts = parts;
  }

  /** Whether this very attempt is on record. */
  records({ attempt, instance }: KeptLine): boolean {
    return this.#some((one) => one.attempt === attempt && one.instance === instance);
  }

  /** Whether an instance spent this attempt and was killed before it wrote the line of its claim. */
  explains(attempt: number, outcome?: string): boolean {
    const { lives } = this.#parts;
    return this.#some((one) => {
      const life = lives.of(one.instance);
      const silent = !life.leftInOrder && life.lastHold <= one.claimedAt + UNDONE_MS;
      const isMeant = one.attempt === attempt && (outcome === undefined || one.outcome === outcome);
      return isMeant && (silent || !lives.knows(one.instance));
    });
  }

  #some(test: (one: SpentRow) => boolean): boolean {
    const { database } = this.#parts;
    if (database?.spent !== undefined) return database.spent.some(test);
    this.doubtful = database !== undefined;
    return true;
  }
}
