// A second opinion on a run, from the database and the journal alone; shares no code with `hidb verify`.
import { readFileSync } from "node:fs";
import type BetterSqlite3 from "better-sqlite3";

export interface JournalLine {
  time: number;
  /** A retry and a cancellation are a person's doing; the last three are of a life and name no video. */
  event:
    | "claim"
    | "settle"
    | "release"
    | "lost"
    | "reclaim"
    | "retry"
    | "cancel"
    | "remove"
    | "begin"
    | "renew"
    | "gone";
  video: number;
  attempt: number;
  instance: string;
  pid: number;
  rank: number;
  outcome?: string;
}

export interface JudgeOptions {
  /** Processes were killed: the last line that one of them owed may be missing. */
  killed?: boolean;
  /** States that this run may end in besides `completed`. */
  allowed?: string[];
}

interface Row {
  id: number;
  state: string | null;
  attempt: number;
  deaths: number;
  spent: number;
  rows: number;
}

/** What is wrong with a run that has ended; empty when every video was completed once and no two attempts overlapped. */
export function judge(database: BetterSqlite3.Database, lines: JournalLine[], options: JudgeOptions = {}): string[] {
  const rows = readRows(database);
  const retried = new Set(lines.filter((line) => line.event === "retry").map((line) => line.video));
  return [...judgeRows(database, rows, retried, options), ...judgeJournal(rows, lines, options)];
}

export function readJournal(file: string): JournalLine[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as JournalLine);
}

function readRows(database: BetterSqlite3.Database): Row[] {
  return database
    .prepare<[], Row>(
      `SELECT videos.id, state, coalesce(attempt, 0) AS attempt, coalesce(deaths, 0) AS deaths,
              (SELECT count(*) FROM hidb_attempts AS a WHERE a.video_id = videos.id) AS spent,
              (SELECT count(*) FROM hidb_videos AS v WHERE v.video_id = videos.id) AS rows
         FROM videos LEFT JOIN hidb_videos ON video_id = videos.id`,
    )
    .all();
}

function judgeRows(
  database: BetterSqlite3.Database,
  rows: Row[],
  retried: Set<number>,
  { allowed = [] }: JudgeOptions,
): string[] {
  const problems: string[] = [];
  const strangers = database
    .prepare<[], { id: number }>("SELECT video_id AS id FROM hidb_videos WHERE video_id NOT IN (SELECT id FROM videos)")
    .all();
  for (const { id } of strangers) problems.push(`video ${id} is in the pool but not in the catalogue`);
  for (const { id, state, attempt, deaths, spent, rows: count } of rows) {
    if (count !== 1) problems.push(`video ${id} has ${count} rows`);
    else if (state !== "completed" && !allowed.includes(state ?? "")) problems.push(`video ${id} ended ${state}`);
    // I6: what is given back costs nothing, what goes wrong costs one attempt and leaves one row.
    if (state === "completed" && attempt !== spent + 1 && !retried.has(id)) {
      problems.push(`video ${id} completed in attempt ${attempt} with ${spent} attempts spent before`);
    }
    if (deaths > spent) problems.push(`video ${id} has ${deaths} deaths but ${spent} attempts recorded`);
  }
  return problems;
}

function judgeJournal(rows: Row[], lines: JournalLine[], { killed = false }: JudgeOptions): string[] {
  const problems: string[] = [];
  const histories = Map.groupBy(
    // That a claim was lost is heard late, and changes nothing.
    lines.filter((line) => line.event !== "lost").toSorted((a, b) => a.time - b.time || a.attempt - b.attempt),
    (line) => line.video,
  );
  for (const row of rows) {
    const history = histories.get(row.id) ?? [];
    const tell = (what: string) => problems.push(`video ${row.id} ${what}: ${history.map(describe).join(", ")}`);
    const completions = history.filter((line) => line.event === "settle" && line.outcome === "completed");
    if (completions.length > 1) tell(`was completed ${completions.length} times`);
    if (completions.length === 0 && row.state === "completed" && !killed) tell("was completed without a line");
    if (completions.length === 1 && row.state !== "completed") tell(`was completed but ended ${row.state}`);
    if (completions.length === 1 && history.at(-1) !== completions[0]) tell("went on after it was completed");
    const disorder = judgeAlternation(history, killed);
    if (disorder !== undefined) tell(disorder);
  }
  return problems;
}

/** Claims and their ends take turns; a claim that follows a claim means two attempts at once. */
function judgeAlternation(history: JournalLine[], killed: boolean): string | undefined {
  let holder: JournalLine | undefined;
  for (const line of history) {
    if (line.event === "retry" || line.event === "cancel" || line.event === "remove") continue;
    if (line.event === "claim") {
      if (holder !== undefined) return "was claimed while it was held";
      holder = line;
      continue;
    }
    // The claim's line may have died with its instance; nobody but a reclaim can end it then.
    if (holder === undefined && killed && line.event === "reclaim") continue;
    if (holder === undefined) return `has a ${line.event} without a claim`;
    if (line.attempt !== holder.attempt) return `has a ${line.event} of attempt ${line.attempt}`;
    const own = line.instance === holder.instance;
    if (line.event === "reclaim" ? own : !own) return `has a ${line.event} by the wrong instance`;
    holder = undefined;
  }
  // A settlement's line may have died with its instance too, and only there.
  return holder === undefined || killed ? undefined : "was claimed and never heard of again";
}

function describe({ time, event, attempt, instance, outcome }: JournalLine): string {
  return `${time.toFixed(2)} ${event}${outcome === undefined ? "" : `/${outcome}`} #${attempt} ${instance}`;
}
