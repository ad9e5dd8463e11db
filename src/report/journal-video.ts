// One video's history, line by line: who held it, and whether everything that follows was allowed to. A line may be missing
// where its instance was killed between a commit and the line; what the database says must then fill the gap.
import type { Millis } from "../video.js";
import type { KeptLine } from "./journal-columns.js";
import { compareWithRow, type VideoRow } from "./journal-compare.js";
<<<<<<< HEAD
import { Gaps, type SpentRow } from "./journal-gaps.js";
import { areOnOneHost, type JournalLife, type JournalLives } from "./journal-lives.js";
import type { Place } from "./journal-read.js";

=======
import { areOnOneHost, type JournalLife, type JournalLives } from "./journal-lives.js";
import type { Place } from "./journal-read.js";

/** An attempt that did not complete, as the database has it. */
export interface SpentRow {
  attempt: number;
  instance: string;
  outcome: string;
  claimedAt: Millis;
}

>>>>>>> 8eb28cf (wip)
export interface VideoFinding {
  rule: string;
  message: string;
}

export interface HistoryParts {
  video: number;
  lives: JournalLives;
<<<<<<< HEAD
  /** What it says now; without it the lines are judged alone. */
  database?: {
    row: VideoRow | undefined;
    /** Asked for only where the journal leaves a doubt. */
    spent: SpentRow[] | undefined;
  };
=======
  row: VideoRow | undefined;
  /** Asked for only where the journal alone leaves a doubt. */
  spent: SpentRow[] | undefined;
>>>>>>> 8eb28cf (wip)
  name: (places: Place[]) => string;
}

/** Clocks of several hosts may differ by this much. */
const SKEW_MS = 1000;
<<<<<<< HEAD

export class VideoHistory {
  readonly findings: VideoFinding[] = [];
  readonly #gaps: Gaps;
  readonly #parts: HistoryParts;
  /** Claims without an end so far. */
  #held: KeptLine[] = [];
  /** The same, of what a person has sent round again. */
  #retired: KeptLine[] = [];
  #ended: KeptLine | undefined;
=======
/** A claim whose answer was lost is undone before the next one: so long its instance may live on without a line of it. */
const UNDONE_MS = 10_000;

export class VideoHistory {
  readonly findings: VideoFinding[] = [];
  /** Only the attempts in the database can tell. */
  doubtful = false;
  readonly #parts: HistoryParts;
  /** Claims without an end so far. */
  #held: KeptLine[] = [];
  #ended: KeptLine | undefined;
  #endedAt: Millis = Number.NEGATIVE_INFINITY;
>>>>>>> 8eb28cf (wip)
  /** Attempts that count since the last retry. */
  #spent = 0;
  #completions = 0;
  #completionsAllowed = 1;
<<<<<<< HEAD
  /** A person has sent it round again, or meant to: it is noted before it is done. */
  #mayBeginAnew = false;
=======
>>>>>>> 8eb28cf (wip)
  #retriedUntil: Millis = Number.NEGATIVE_INFINITY;
  /** Attempts that were taken back, with or without a line. */
  readonly #takenBack = new Map<number, "told" | "untold">();

  constructor(parts: HistoryParts) {
    this.#parts = parts;
<<<<<<< HEAD
    this.#gaps = new Gaps(parts);
  }

  /** Only the attempts in the database can tell. */
  get doubtful(): boolean {
    return this.#gaps.doubtful;
  }

  /** Completed and never sent round again. */
  get isCompleted(): boolean {
    return this.#ended?.outcome === "completed" && !this.#mayBeginAnew;
=======
>>>>>>> 8eb28cf (wip)
  }

  judge(history: KeptLine[]): void {
    const early = new Set<KeptLine>();
    for (const [at, line] of history.entries()) {
      if (early.has(line)) continue;
      for (const end of line.event === "claim" ? this.#endsElsewhere(history, at) : []) {
        early.add(end);
        this.#follow(end);
      }
      this.#follow(line);
    }
    this.#compare();
  }

  /** By the clock of its own host an attempt may seem to end a little after the next one has begun on another. */
  #endsElsewhere(history: KeptLine[], at: number): KeptLine[] {
    const claim = history[at] as KeptLine;
    const ends: KeptLine[] = [];
    for (const held of this.#held) {
      if (areOnOneHost(this.#lifeOf(held), this.#lifeOf(claim))) continue;
      for (let next = at + 1; next < history.length; next++) {
        const line = history[next] as KeptLine;
        if (line.time > claim.time + SKEW_MS) break;
        if (isEndOf(line, held)) ends.push(line);
      }
    }
    return ends;
  }

  #follow(line: KeptLine): void {
    switch (line.event) {
      case "claim":
        this.#claim(line);
        return;
      case "settle":
      case "release":
        this.#end(line);
        return;
      case "lost":
        this.#held = this.#held.filter((held) => !isSameClaim(held, line));
<<<<<<< HEAD
        this.#retired = this.#retired.filter((held) => !isSameClaim(held, line));
=======
>>>>>>> 8eb28cf (wip)
        return;
      case "reclaim":
        this.#reclaim(line);
        return;
      case "retry":
        this.#retry(line);
        return;
      case "cancel":
<<<<<<< HEAD
        if (this.#mayBeginAnew) this.#beginAnew();
=======
>>>>>>> 8eb28cf (wip)
        if (this.#ended?.outcome === "completed")
          this.#complain("resurrection", "it was cancelled after it was completed", this.#ended, line);
        this.#held = [];
        this.#ended = line;
        return;
      default:
        line.event satisfies never;
    }
  }

  #claim(line: KeptLine): void {
    for (const held of this.#held) this.#leaveBehind(held, line);
<<<<<<< HEAD
    const ended = this.#ended;
    if (line.attempt === 1 && this.#mayBeginAnew) this.#beginAnew();
    else if (ended === undefined) {
      if (this.#held.length === 0) this.#count(line);
    } else if (ended.outcome === "completed" || line.attempt !== 1) {
      // Somebody may have typed `hidb retry` without HIDB_JOURNAL; of a completed video the journal must know it.
      const what = `attempt ${line.attempt} was claimed by ${line.instance} after the video was ${ended.outcome ?? "cancelled"}`;
      this.#complain("resurrection", what, ended, line);
    }
    this.#mayBeginAnew = false;
=======
    const retried = line.attempt === 1 && this.#retriedUntil >= this.#endedAt;
    const ended = this.#ended;
    if (ended !== undefined) {
      const how = ended.outcome ?? "cancelled";
      // Somebody may have typed `hidb retry` without HIDB_JOURNAL; of a completed video the journal must know it.
      const allowed = retried || (how !== "completed" && line.attempt === 1);
      if (!allowed) {
        this.#complain(
          "resurrection",
          `attempt ${line.attempt} was claimed by ${line.instance} after the video was ${how}`,
          ended,
          line,
        );
      } else if (how === "completed") this.#completionsAllowed++;
    } else if (!retried && this.#held.length === 0) this.#count(line);
>>>>>>> 8eb28cf (wip)
    this.#ended = undefined;
    this.#spent = line.attempt - 1;
    this.#held.push(line);
  }

  /** Whoever holds the video while somebody else claims it must have been dead by then, and must have left no line behind. */
  #leaveBehind(held: KeptLine, claim: KeptLine): void {
    const life = this.#lifeOf(held);
    const onOneHost = areOnOneHost(life, this.#lifeOf(claim));
    const lived = onOneHost ? life.lastLine > claim.time : life.lastHold > claim.time + SKEW_MS;
    if (lived || held.instance === claim.instance) {
      const both = `attempt ${claim.attempt} of ${claim.instance} began at ${claim.time} while ${held.instance} had attempt ${held.attempt}`;
      this.#complain("overlap", both, held, claim);
      return;
    }
    this.#held = this.#held.filter((other) => other !== held);
<<<<<<< HEAD
=======
    this.#endedAt = held.time;
>>>>>>> 8eb28cf (wip)
    // A release leaves no other trace: the next one has the same number.
    const released = claim.attempt === held.attempt;
    if (!released) this.#takenBack.set(held.attempt, "untold");
    this.#spent = released ? held.attempt - 1 : held.attempt;
    if (!this.#parts.lives.knows(held.instance)) return;
<<<<<<< HEAD
    if (this.#hadLeft(held, claim.time)) this.#complain("unended", describeUnended(held), held, claim);
    else if (!released && !this.#gaps.records(held)) {
=======
    if (life.leftInOrder) this.#complain("unended", describeUnended(held), held, claim);
    else if (!released && !this.#finds((one) => one.attempt === held.attempt && one.instance === held.instance)) {
>>>>>>> 8eb28cf (wip)
      this.#complain(
        "unended",
        `nothing tells how attempt ${held.attempt} of ${held.instance} ended before ${claim.instance} claimed it`,
        held,
        claim,
      );
    }
  }

  /** Attempts are counted one by one; a number without a claim must be a death before the line of the claim. */
  #count(line: KeptLine): void {
    const expected = this.#spent + 1;
    if (line.attempt === expected || !this.#parts.lives.knows(line.instance)) return;
    const missing = Array.from({ length: Math.max(0, line.attempt - expected) }, (_, at) => expected + at);
<<<<<<< HEAD
    if (missing.length > 0 && missing.every((attempt) => this.#gaps.explains(attempt))) return;
=======
    if (missing.length > 0 && missing.every((attempt) => this.#finds((one) => this.#isUnseen(one, attempt)))) return;
>>>>>>> 8eb28cf (wip)
    this.#complain(
      "order",
      `attempt ${line.attempt} was claimed by ${line.instance}, expected attempt ${expected}`,
      line,
    );
  }

<<<<<<< HEAD
  #end(line: KeptLine): void {
    const { event, attempt, instance, outcome } = line;
    const at = this.#held.findLastIndex((held) => isSameClaim(held, line));
    const retired = this.#retired.findIndex((one) => isSameClaim(one, line) && line.time <= this.#retriedUntil);
    if (at < 0 && retired >= 0) this.#retired.splice(retired, 1);
    else if (at < 0) {
=======
  #isUnseen(one: SpentRow, attempt: number): boolean {
    const life = this.#parts.lives.of(one.instance);
    const silent = !life.leftInOrder && life.lastHold <= one.claimedAt + UNDONE_MS;
    return one.attempt === attempt && (silent || !this.#parts.lives.knows(one.instance));
  }

  #end(line: KeptLine): void {
    const { event, attempt, instance, outcome } = line;
    const at = this.#held.findLastIndex((held) => isSameClaim(held, line));
    if (at < 0) {
>>>>>>> 8eb28cf (wip)
      const what = event === "settle" ? `settled as ${outcome}` : "released";
      this.#complain(
        "unclaimed",
        `attempt ${attempt} was ${what} by ${instance}, which did not hold it`,
        ...this.#held.slice(-1),
        line,
      );
    } else this.#held.splice(at, 1);
<<<<<<< HEAD
=======
    this.#endedAt = line.time;
>>>>>>> 8eb28cf (wip)
    if (event === "release" || outcome === "retry") {
      if (this.#held.length === 0) this.#spent = event === "release" ? attempt - 1 : attempt;
      return;
    }
    const before = this.#ended;
    this.#ended = line;
    if (outcome !== "completed") return;
    this.#completions++;
    if (this.#completions > this.#completionsAllowed) {
      this.#complain(
        "completed",
        `it was completed ${this.#completions} times, last as attempt ${attempt} of ${instance}`,
        ...(before ? [before] : []),
        line,
      );
    }
  }

  #reclaim(line: KeptLine): void {
    const { attempt, instance, outcome, time } = line;
    const held = this.#held.findLast((one) => one.attempt === attempt);
<<<<<<< HEAD
    if (held === undefined && attempt === 1 && this.#mayBeginAnew) this.#beginAnew();
=======
>>>>>>> 8eb28cf (wip)
    const before = this.#takenBack.get(attempt);
    this.#takenBack.set(attempt, "told");
    if (held === undefined) {
      // Between other hosts the claim that it made possible may seem to have come first.
      if (before === "untold") return;
      if (before === "told" || this.#ended !== undefined) {
        this.#complain("unclaimed", `attempt ${attempt} was taken back by ${instance}, though nobody held it`, line);
<<<<<<< HEAD
      } else if (this.#parts.lives.knows(instance) && !this.#gaps.explains(attempt, "died")) {
=======
      } else if (
        this.#parts.lives.knows(instance) &&
        !this.#finds((one) => one.outcome === "died" && this.#isUnseen(one, attempt))
      ) {
>>>>>>> 8eb28cf (wip)
        this.#complain("unclaimed", `attempt ${attempt} was taken back by ${instance} without a claim of it`, line);
      }
    } else {
      this.#held = this.#held.filter((one) => one !== held);
      const life = this.#lifeOf(held);
      const onOneHost = areOnOneHost(life, this.#lifeOf(line));
      if (onOneHost ? life.lastLine > time : Math.max(life.lastHold, life.leaseUntil) > time + SKEW_MS) {
        this.#complain(
          "overlap",
          `attempt ${attempt} was taken by ${instance} from ${held.instance}, which went on living`,
          held,
          line,
        );
<<<<<<< HEAD
      } else if (this.#hadLeft(held, time)) {
        this.#complain("unended", describeUnended(held), held, line);
      }
    }
=======
      } else if (life.leftInOrder && this.#parts.lives.knows(held.instance)) {
        this.#complain("unended", describeUnended(held), held, line);
      }
    }
    this.#endedAt = time;
>>>>>>> 8eb28cf (wip)
    if (this.#held.length > 0) return;
    this.#spent = attempt;
    if (outcome === "failed" || outcome === "quarantined") this.#ended = line;
  }

  #retry(line: KeptLine): void {
<<<<<<< HEAD
    this.#mayBeginAnew = true;
    this.#retriedUntil = line.done;
    // Nothing that runs is retried: whoever held it has settled it, even if that is told later or not at all.
    this.#retired.push(...this.#held.splice(0));
  }

  #beginAnew(): void {
=======
>>>>>>> 8eb28cf (wip)
    if (this.#ended?.outcome === "completed") this.#completionsAllowed++;
    this.#ended = undefined;
    this.#spent = 0;
    this.#takenBack.clear();
<<<<<<< HEAD
  }

  #compare(): void {
    const { lives, database } = this.#parts;
    for (const held of [...this.#held, ...this.#retired]) {
      if (this.#hadLeft(held)) this.#complain("unended", describeUnended(held), held);
    }
    const end = { last: this.#ended, held: this.#held, mayBeginAnew: this.#mayBeginAnew };
    const found = database && compareWithRow(end, database.row, lives);
    if (found !== undefined) this.#complain(found.rule, found.what, ...found.lines);
  }

  /** One that another host took for dead may leave in good order much later. */
  #hadLeft({ instance }: KeptLine, by = Number.POSITIVE_INFINITY): boolean {
    const { lives } = this.#parts;
    const { leftInOrder, lastLine } = lives.of(instance);
    return lives.knows(instance) && leftInOrder && lastLine <= by;
=======
    this.#retriedUntil = line.done;
    // Nothing that runs is retried: whoever seems to hold it has settled it without a line.
    for (const held of this.#held.filter((one) => this.#lifeOf(one).lastHold <= line.time)) {
      this.#held = this.#held.filter((one) => one !== held);
      if (this.#lifeOf(held).leftInOrder && this.#parts.lives.knows(held.instance)) {
        this.#complain("unended", describeUnended(held), held, line);
      }
    }
  }

  #compare(): void {
    const { row, lives } = this.#parts;
    for (const held of this.#held) {
      if (this.#lifeOf(held).leftInOrder && lives.knows(held.instance))
        this.#complain("unended", describeUnended(held), held);
    }
    const end = { last: this.#ended, held: this.#held, retriedUntil: this.#retriedUntil };
    const found = compareWithRow(end, row, lives);
    if (found !== undefined) this.#complain(found.rule, found.what, ...found.lines);
  }

  #finds(test: (one: SpentRow) => boolean): boolean {
    if (this.#parts.spent !== undefined) return this.#parts.spent.some(test);
    this.doubtful = true;
    return true;
>>>>>>> 8eb28cf (wip)
  }

  #lifeOf({ instance }: KeptLine): JournalLife {
    return this.#parts.lives.of(instance);
  }

  #complain(rule: string, what: string, ...lines: KeptLine[]): void {
    const { video, name } = this.#parts;
    const where = lines.length === 0 ? "" : ` (${name(lines)})`;
    this.findings.push({ rule: `journal.${rule}`, message: `video ${video}: ${what}${where}` });
  }
}

function isSameClaim(one: KeptLine, other: KeptLine): boolean {
  return one.attempt === other.attempt && one.instance === other.instance;
}

function isEndOf(line: KeptLine, held: KeptLine): boolean {
  if (line.event === "reclaim") return line.attempt === held.attempt;
  return (line.event === "settle" || line.event === "release") && isSameClaim(line, held);
}

function describeUnended({ attempt, instance }: KeptLine): string {
  return `attempt ${attempt} of ${instance} has no end, though ${instance} left in good order`;
}
