// Judges a run by its journal. A line may be missing when its instance was killed between a commit and the line, so an
// attempt without an end is taken to last until the last line that its instance has written.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { splitIntoTexts } from "../database/chunks.js";
import type { Database } from "../database/database.js";
import { HidbError, messageOf } from "../errors.js";
import type { Millis } from "../video.js";
import type { JournalLine } from "./journal.js";
import * as sql from "./statements.js";
import { type Problem, toProblems } from "./verify.js";

/** Errors: FILE_UNREADABLE when there is no such journal. */
export async function verifyJournal(database: Database, file: string): Promise<Problem[]> {
  const { lines, problems } = await readJournal(file);
  const judged = judgeLines(lines);
  return [...problems, ...judged.problems, ...(await compareCompletions(database, judged.completed))];
}

/** Lines in the order of their times; `completed`: the videos that must be so in the end. */
export function judgeLines(lines: JournalLine[]): { problems: Problem[]; completed: number[] } {
  const problems: Problem[] = [];
  const lastSign = new Map<string, Millis>();
  for (const line of lines) {
    if (isByInstance(line)) lastSign.set(line.instance, line.time);
  }
  const completed: number[] = [];
  for (const [video, history] of Map.groupBy(lines, (line) => line.video)) {
    const life = new VideoLife(video, lastSign);
    for (const line of history) life.follow(line);
    problems.push(...life.problems);
    if (life.mustBeCompleted) completed.push(video);
  }
  return { problems, completed };
}

const EVENTS = new Set(["claim", "settle", "release", "reclaim", "retry", "cancel"]);

/** By time; lines of the same moment stay in the order in which they were written. */
async function readJournal(file: string): Promise<{ lines: JournalLine[]; problems: Problem[] }> {
  const lines: JournalLine[] = [];
  const unreadable: { detail: string }[] = [];
  let number = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      const line = parseLine(text);
      if (line !== undefined) lines.push(line);
      else if (text !== "") unreadable.push({ detail: `line ${number}: ${text.slice(0, 80)}` });
    }
  } catch (cause) {
    throw new HidbError({
      code: "FILE_UNREADABLE",
      message: `expected to read the journal ${file}, got ${messageOf(cause)}`,
      fix: "correct HIDB_JOURNAL or --journal",
      cause,
    });
  }
  lines.sort((a, b) => a.time - b.time);
  const say = ({ detail }: { detail?: unknown }) => `the journal has a line that cannot be read (${detail})`;
  return { lines, problems: toProblems("journal.line", unreadable, say) };
}

function parseLine(text: string): JournalLine | undefined {
  try {
    const line = JSON.parse(text) as Partial<JournalLine> | null;
    const whole = typeof line?.time === "number" && typeof line.video === "number" && typeof line.attempt === "number";
    return whole && EVENTS.has(String(line.event)) ? (line as JournalLine) : undefined;
  } catch {
    return undefined;
  }
}

function isByInstance(line: JournalLine): boolean {
  return line.event !== "retry" && line.event !== "cancel";
}

interface Held {
  attempt: number;
  instance: string;
  /** Its instance was alive until then, and nothing says that the attempt had ended before. */
  until: Millis;
}

/** Follows one video through the journal, line by line. */
class VideoLife {
  readonly problems: Problem[] = [];
  readonly #video: number;
  readonly #lastSign: ReadonlyMap<string, Millis>;
  #held: Held[] = [];
  #ended: string | undefined;
  #highest = 0;
  #completions = 0;
  #completionsAllowed = 1;

  constructor(video: number, lastSign: ReadonlyMap<string, Millis>) {
    this.#video = video;
    this.#lastSign = lastSign;
  }

  /** Completed and never sent round again. */
  get mustBeCompleted(): boolean {
    return this.#ended === "completed";
  }

  follow(line: JournalLine): void {
    switch (line.event) {
      case "claim":
        this.#claim(line);
        return;
      case "settle":
      case "release":
        this.#end(line);
        return;
      case "reclaim":
        this.#reclaim(line);
        return;
      case "retry":
        if (this.#ended === "completed") this.#completionsAllowed++;
        this.#ended = undefined;
        return;
      case "cancel":
        this.#held = [];
        this.#ended = "cancelled";
        return;
      default:
        line.event satisfies never;
    }
  }

  #claim({ time, attempt, instance }: JournalLine): void {
    this.#held = this.#held.filter((other) => other.until > time);
    for (const other of this.#held) {
      const both = `attempt ${attempt} of ${instance} began at ${time} while ${other.instance} had attempt ${other.attempt}`;
      this.#complain("journal.overlap", both);
    }
    // After a retry by hand the attempts are counted from 1 again; of a completed video the journal must know it.
    const allowed = this.#ended === undefined || (this.#ended !== "completed" && attempt === 1);
    if (!allowed) {
      this.#complain("journal.resurrection", `attempt ${attempt} was claimed after the video was ${this.#ended}`);
    }
    this.#ended = undefined;
    this.#highest = attempt;
    this.#held.push({ attempt, instance, until: this.#lastSign.get(instance) ?? time });
  }

  #end({ time, event, attempt, instance, outcome }: JournalLine): void {
    const at = this.#held.findLastIndex((held) => held.attempt === attempt && held.instance === instance);
    if (at < 0) {
      const what = event === "settle" ? `settled as ${outcome}` : "released";
      this.#complain("journal.unclaimed", `attempt ${attempt} was ${what} by ${instance}, which did not hold it`);
    } else this.#held.splice(at, 1);
    if (event === "release" || outcome === "retry") return;
    this.#ended = outcome ?? "settled";
    if (outcome !== "completed") return;
    this.#completions++;
    if (this.#completions > this.#completionsAllowed) {
      this.#complain("journal.completed", `it was completed ${this.#completions} times, last at ${time}`);
    }
  }

  /**
   * Its time says little: another instance may have claimed the video again before the line was written. Whether the
   * owner was really dead is not taken on trust either: a later line of the owner's will show an overlap.
   */
  #reclaim({ attempt, outcome }: JournalLine): void {
    const terminal = outcome === "failed" || outcome === "quarantined";
    if (terminal && attempt >= this.#highest) this.#ended = outcome;
  }

  #complain(rule: string, what: string): void {
    this.problems.push({ rule, video: this.#video, message: `video ${this.#video}: ${what}` });
  }
}

/** What was settled stays settled. */
async function compareCompletions(database: Database, videos: number[]): Promise<Problem[]> {
  const findings: { video: number; detail: string }[] = [];
  for (const text of splitIntoTexts(videos)) {
    const { results } = await database.prepare(sql.NOT_COMPLETED).bind(text).all<{ video: number; detail: string }>();
    findings.push(...results);
  }
  return toProblems("journal.settled", findings, ({ video, detail }) => {
    return `video ${video}: the journal has it completed, the database says ${detail}`;
  });
}
