// Judges a run by its journal and by the database at the end. It checks mutual exclusion, the order of attempts, one
// completion a video, no settlement without its claim, and no change after the end.
import type { Database } from "../database/database.js";
import type { JournalLine } from "./journal.js";
import { JournalColumns, type KeptLine } from "./journal-columns.js";
import type { SpentRow } from "./journal-gaps.js";
import { JournalLives } from "./journal-lives.js";
import { findJournals, type JournalPlace, namePlace, readJournals, sizeOf } from "./journal-read.js";
import { PAGE_ROWS, type RowOfVideo, readRows, readSpent } from "./journal-rows.js";
import { VideoHistory } from "./journal-video.js";
import type { Problem } from "./verify.js";

/** How much of a journal is judged at a time: about three million lines in 150 MB. */
const PORTION_BYTES = 500_000_000;
/** How many problems of one rule are listed; the others are only counted. */
const NAMED = 100;

export interface JudgeOptions {
  portionBytes?: number;
}

/** A file, or a folder with one of each host. Errors: FILE_UNREADABLE when there is no such journal. */
export async function verifyJournal(
  database: Database,
  path: string,
  { portionBytes = PORTION_BYTES }: JudgeOptions = {},
): Promise<Problem[]> {
  const files = findJournals(path);
  const portions = Math.max(1, Math.ceil(sizeOf(files) / portionBytes));
  const judge = new Judge(files, database);
  for (let portion = 0; portion < portions; portion++) await judge.judgePortion(portion, portions);
  return judge.problems;
}

/** What follows from lines alone. `completed`: the videos that must be completed at the end. */
export function judgeLines(lines: JournalLine[]): { problems: Problem[]; completed: number[] } {
  const [lives, columns] = [new JournalLives(), new JournalColumns()];
  for (const [at, line] of lines.entries()) {
    lives.note(line);
    if ("video" in line) columns.add(line, { file: 0, line: at + 1 });
  }
  const problems: Problem[] = [];
  const completed: number[] = [];
  const name = (places: JournalPlace[]) => places.map(({ line }) => `line ${line}`).join(", ");
  for (const history of columns.histories()) {
    const video = videoOf(history);
    const judged = new VideoHistory({ video, lives, name });
    judged.judge(history);
    problems.push(...judged.findings.map((finding) => ({ ...finding, video })));
    if (judged.isCompleted) completed.push(video);
  }
  return { problems, completed };
}

/** A video whose history the attempts in the database must complete. */
interface Doubt {
  video: number;
  history: KeptLine[];
  row: RowOfVideo | undefined;
}

class Judge {
  readonly #files: string[];
  readonly #database: Database;
  readonly #lives = new JournalLives();
  readonly #found = new Map<string, Problem[]>();
  readonly #counts = new Map<string, number>();
  #doubts: Doubt[] = [];

  constructor(files: string[], database: Database) {
    this.#files = files;
    this.#database = database;
  }

  get problems(): Problem[] {
    return [...this.#found].flatMap(([rule, named]) => {
      const more = (this.#counts.get(rule) ?? 0) - named.length;
      const rest = { rule, video: null, message: `and ${more} more of this kind (${rule})` };
      return more > 0 ? [...named, rest] : named;
    });
  }

  /** The whole journal is read, and one part of its videos judged. */
  async judgePortion(portion: number, portions: number): Promise<void> {
    const isMine = (video: number) => Math.abs(video) % portions === portion;
    const columns = new JournalColumns();
    await readJournals(this.#files, {
      take: (line, place) => {
        if (portion === 0) this.#lives.note(line);
        if ("video" in line && isMine(line.video)) columns.add(line, place);
      },
      refuse: (text, place) => {
        if (portion === 0) this.#refuse(text, place);
      },
    });
    await this.#compareWithRows(columns.histories(), isMine);
    await this.#resolveDoubts();
  }

  /** Both are sorted by video id and read in step. */
  async #compareWithRows(histories: Iterator<KeptLine[], unknown>, isMine: (video: number) => boolean): Promise<void> {
    let next = histories.next();
    const pass = (until: number) => {
      while (!next.done && videoOf(next.value) < until) {
        this.#judge(videoOf(next.value), next.value, undefined);
        next = histories.next();
      }
    };
    for await (const rows of readRows(this.#database)) {
      for (const row of rows) {
        if (!isMine(row.video)) continue;
        pass(row.video);
        const isTold = !next.done && videoOf(next.value) === row.video;
        this.#judge(row.video, isTold ? (next.value as KeptLine[]) : [], row);
        if (isTold) next = histories.next();
      }
      if (this.#doubts.length >= PAGE_ROWS) await this.#resolveDoubts();
    }
    pass(Number.POSITIVE_INFINITY);
  }

  #judge(video: number, history: KeptLine[], row: RowOfVideo | undefined): void {
    const judged = this.#historyOf({ video, history, row });
    if (judged.doubtful) this.#doubts.push({ video, history, row });
    else this.#note(video, judged);
  }

  async #resolveDoubts(): Promise<void> {
    const doubts = this.#doubts.splice(0);
    if (doubts.length === 0) return;
    const spent = await readSpent(
      this.#database,
      doubts.map(({ video }) => video),
    );
    for (const doubt of doubts) this.#note(doubt.video, this.#historyOf(doubt, spent.get(doubt.video) ?? []));
  }

  #historyOf({ video, history, row }: Doubt, spent?: SpentRow[]): VideoHistory {
    const name = (places: JournalPlace[]) => places.map((place) => namePlace(this.#files, place)).join(", ");
    const database = { row, spent };
    const judged = new VideoHistory({ video, lives: this.#lives, database, name });
    judged.judge(history);
    return judged;
  }

  #note(video: number, { findings }: VideoHistory): void {
    for (const { rule, message } of findings) this.#add({ rule, video, message });
  }

  #refuse(text: string, place: JournalPlace): void {
    const message = `the journal has a line that cannot be read (${namePlace(this.#files, place)}: ${text.slice(0, 80)})`;
    this.#add({ rule: "journal.line", video: null, message });
  }

  #add(problem: Problem): void {
    const { rule } = problem;
    const named = this.#found.get(rule) ?? [];
    if (named.length < NAMED) named.push(problem);
    this.#found.set(rule, named);
    this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
  }
}

function videoOf(history: KeptLine[]): number {
  return (history[0] as KeptLine).video;
}
