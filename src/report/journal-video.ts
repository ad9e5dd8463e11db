// One video's history, line by line: who held it, and whether everything that follows was allowed to. A line may be missing
// where its instance was killed between a commit and the line; what the database says must then fill the gap.
import type { Millis } from "../video.js";
import { isEndOf, isSameClaim, type KeptLine } from "./journal-columns.js";
import { compareWithRow, type VideoRow } from "./journal-compare.js";
import { Gaps, type SpentRow } from "./journal-gaps.js";
import { areOnOneHost, type JournalLife, type JournalLives } from "./journal-lives.js";
import type { JournalPlace } from "./journal-read.js";

export interface VideoFinding {
  rule: string;
  message: string;
}

export interface HistoryParts {
  video: number;
  lives: JournalLives;
  /** What it says now; without it the lines are judged alone. */
  database?: {
    row: VideoRow | undefined;
    /** Asked for only where the journal leaves a doubt. */
    spent: SpentRow[] | undefined;
  };
  name: (places: JournalPlace[]) => string;
}

/** Clocks of several hosts may differ by this much. */
const SKEW_MS = 1000;

export class VideoHistory {
  readonly findings: VideoFinding[] = [];
  readonly #gaps: Gaps;
  readonly #parts: HistoryParts;
  readonly #claims: KeptLine[] = [];
  /** Claims without an end so far. */
  #held: KeptLine[] = [];
  /** The same, of what a person has sent round again. */
  #retired: KeptLine[] = [];
  /** The same, of what a person has cancelled: their instances hear of it later. */
  readonly #cut: KeptLine[] = [];
  /** All claims that were ever cancelled. */
  readonly #cancelled: KeptLine[] = [];
  /** Claims whose release may have been that of a cancelled claim of the same instance and number: perhaps still held. */
  readonly #perhapsHeld: KeptLine[] = [];
  #ended: KeptLine | undefined;
  /** Attempts that count since the last retry. */
  #spent = 0;
  #completions = 0;
  #completionsAllowed = 1;
  /** A person has sent it round again, or meant to: it is noted before it is done. */
  #mayBeginAnew = false;
  #retriedUntil: Millis = Number.NEGATIVE_INFINITY;
  /** Attempts that were taken back, with or without a line. */
  readonly #takenBack = new Map<number, "told" | "untold">();

  constructor(parts: HistoryParts) {
    this.#parts = parts;
    this.#gaps = new Gaps(parts);
  }

  /** Only the attempts in the database can tell. */
  get doubtful(): boolean {
    return this.#gaps.doubtful;
  }

  /** Completed and never sent round again. */
  get isCompleted(): boolean {
    return this.#ended?.outcome === "completed" && !this.#mayBeginAnew;
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
        if (!this.#claims.some((claim) => isSameClaim(claim, line)) && this.#parts.lives.knows(line.instance)) {
          this.#complain(
            "unclaimed",
            `attempt ${line.attempt} was lost by ${line.instance}, which did not hold it`,
            line,
          );
        }
        // Cancelled and tried again, the video may have come back to the same instance under the same number by now.
        if (takeFirst(this.#cut, line)) return;
        this.#held = this.#held.filter((held) => !isSameClaim(held, line));
        this.#retired = this.#retired.filter((held) => !isSameClaim(held, line));
        return;
      case "reclaim":
        this.#reclaim(line);
        return;
      case "retry":
      // What has the same id later is another video.
      case "remove":
        this.#retry(line);
        return;
      case "cancel":
        if (this.#mayBeginAnew) this.#beginAnew();
        if (this.#ended?.outcome === "completed")
          this.#complain("resurrection", "it was cancelled after it was completed", this.#ended, line);
        this.#cut.push(...this.#held);
        this.#cancelled.push(...this.#held);
        this.#complainOfUnended(this.#held.splice(0), line);
        this.#ended = line;
        return;
      default:
        line.event satisfies never;
    }
  }

  #claim(line: KeptLine): void {
    for (const held of this.#held) this.#leaveBehind(held, line);
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
    this.#ended = undefined;
    this.#spent = line.attempt - 1;
    this.#held.push(line);
    this.#claims.push(line);
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
    // A release leaves no other trace: the next one has the same number.
    const released = claim.attempt === held.attempt;
    if (!released) this.#takenBack.set(held.attempt, "untold");
    this.#spent = released ? held.attempt - 1 : held.attempt;
    if (!this.#parts.lives.knows(held.instance)) return;
    if (this.#hadLeft(held, claim.time)) this.#complain("unended", describeUnended(held), held, claim);
    else if (!released && !this.#gaps.records(held)) {
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
    if (missing.length > 0 && missing.every((attempt) => this.#gaps.explains(attempt))) return;
    this.#complain(
      "order",
      `attempt ${line.attempt} was claimed by ${line.instance}, expected attempt ${expected}`,
      line,
    );
  }

  #end(line: KeptLine): void {
    const { event, attempt, instance, outcome } = line;
    const at = this.#held.findLastIndex((held) => isSameClaim(held, line));
    const retired = this.#retired.findIndex((one) => isSameClaim(one, line) && line.time <= this.#retriedUntil);
    if (event === "release" && this.#cancelled.some((claim) => isSameClaim(claim, line))) {
      // Cancelled and tried again, the video looks as if it had been released: whoever asks after a lost answer reads it so.
      if (at < 0) return;
      this.#perhapsHeld.push(line);
    }
    if (at < 0 && retired >= 0) this.#retired.splice(retired, 1);
    else if (at < 0 && !takeFirst(this.#perhapsHeld, line)) {
      const what = event === "settle" ? `settled as ${outcome}` : "released";
      this.#complain(
        "unclaimed",
        `attempt ${attempt} was ${what} by ${instance}, which did not hold it`,
        ...this.#held.slice(-1),
        line,
      );
    } else if (at >= 0) this.#held.splice(at, 1);
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
    if (held === undefined && attempt === 1 && this.#mayBeginAnew) this.#beginAnew();
    const before = this.#takenBack.get(attempt);
    this.#takenBack.set(attempt, "told");
    if (held === undefined) {
      // Between other hosts the claim that it made possible may seem to have come first.
      if (before === "untold") return;
      const late = this.#held.some((one) => areOnOneHost(this.#lifeOf(one), this.#lifeOf(line)));
      if (before === "told" || this.#ended !== undefined || late) {
        this.#complain("unclaimed", `attempt ${attempt} was taken back by ${instance}, though nobody held it`, line);
      } else if (this.#parts.lives.knows(instance) && !this.#gaps.explains(attempt, "died")) {
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
      } else this.#complainOfUnended([held], line);
    }
    if (this.#held.length > 0) return;
    this.#spent = attempt;
    if (outcome === "failed" || outcome === "quarantined") this.#ended = line;
  }

  #retry(line: KeptLine): void {
    this.#mayBeginAnew = true;
    this.#retriedUntil = line.done;
    // Nothing that runs is retried: whoever held it has settled it, even if that is told later or not at all.
    this.#retired.push(...this.#held.splice(0));
  }

  #beginAnew(): void {
    if (this.#ended?.outcome === "completed") this.#completionsAllowed++;
    this.#ended = undefined;
    this.#spent = 0;
    this.#takenBack.clear();
  }

  #compare(): void {
    const { lives, database } = this.#parts;
    this.#complainOfUnended([...this.#held, ...this.#retired]);
    const end = { last: this.#ended, held: this.#held, mayBeginAnew: this.#mayBeginAnew };
    const found = database && compareWithRow(end, database.row, lives);
    if (found !== undefined) this.#complain(found.rule, found.what, ...found.lines);
  }

  #complainOfUnended(claims: KeptLine[], ...by: KeptLine[]): void {
    for (const held of claims) {
      if (this.#hadLeft(held, by[0]?.time)) this.#complain("unended", describeUnended(held), held, ...by);
    }
  }

  /** One that another host took for dead may leave in good order much later. */
  #hadLeft({ instance }: KeptLine, by = Number.POSITIVE_INFINITY): boolean {
    const { lives } = this.#parts;
    const { leftInOrder, lastLine } = lives.of(instance);
    return lives.knows(instance) && leftInOrder && lastLine <= by;
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

function describeUnended({ attempt, instance }: KeptLine): string {
  return `attempt ${attempt} of ${instance} has no end, though ${instance} left in good order`;
}

/** The oldest of the same claim leaves the list; false if there is none. */
function takeFirst(claims: KeptLine[], line: KeptLine): boolean {
  const at = claims.findIndex((claim) => isSameClaim(claim, line));
  if (at >= 0) claims.splice(at, 1);
  return at >= 0;
}
