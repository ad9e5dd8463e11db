// An account of a soak of its own: from the journal, the rows and the list of what we have killed. Shares no code with
// `hidb verify`, and knows more: when each instance was killed, and that nobody has touched the pool behind its back.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type BetterSqlite3 from "better-sqlite3";
import type { Kill } from "./mischief.ts";

interface Line {
  time: number;
  done?: number;
  event: string;
  video?: number;
  attempt: number;
  instance: string;
  pid: number;
  outcome?: string;
  exitCode?: number;
}

export interface Account {
  problems: string[];
  claims: number;
  completions: number;
  releases: number;
  failures: number;
  reclaims: number;
  quarantined: number;
  deaths: number;
  /** Starts that a full disk has cut short: of lives that never claimed anything. */
  neverBegan: number;
  /** Lines that a killed instance has owed. */
  owed: number;
  journalLines: number;
  /** From a kill to the next claim of each video that its instance held. */
  recoveriesMs: number[];
}

/** Kills and lines are timed by different processes. */
const SLACK_MS = 50;
/** An instance whose daemon was killed may first have to wait for the database, and register before it hears of it. */
const LATE_MS = 30_000;

export async function takeAccount(
  database: BetterSqlite3.Database,
  { journal, kills, expectedDeaths }: { journal: string; kills: Kill[]; expectedDeaths: number },
): Promise<Account> {
  const lines = await readLines(journal);
  const account: Account = {
    ...{ problems: [], claims: 0, completions: 0, releases: 0, failures: 0, reclaims: 0, quarantined: 0, deaths: 0 },
    ...{ neverBegan: 0, owed: 0, journalLines: lines.length, recoveriesMs: [] },
  };
  // Where the disk is full as well, an instance leaves with empty hands and cannot write that it does.
  const left = new Set(
    lines.filter((line) => line.event === "gone" && line.exitCode === 0).map((line) => line.instance),
  );
  const claimed = new Set(lines.filter((line) => line.event === "claim").map((line) => line.instance));
  const killedAt = judgeLives(database, { kills, left, claimed, expectedDeaths }, account);
  for (const line of lines) tally(line, account);
  const histories = Map.groupBy(
    lines.filter((line) => line.video !== undefined),
    (line) => line.video as number,
  );
  const spent = Map.groupBy(readAttempts(database), (row) => row.video);
  for (const row of readVideos(database)) {
    const history = (histories.get(row.id) ?? []).toSorted((a, b) => momentOf(a) - momentOf(b));
    const say = (what: string) =>
      account.problems.push(
        `video ${row.id} ${what}: ${history.map(describe).join(", ")}; in the end ${JSON.stringify(row)}`,
      );
    new History({ row, history, spent: spent.get(row.id) ?? [], killedAt, account, say }).judge();
  }
  return account;
}

async function readLines(journal: string): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const text of createInterface({ input: createReadStream(journal) })) lines.push(JSON.parse(text) as Line);
  return lines;
}

/** A cancellation has its time from before and after; nothing else can come after it. */
function momentOf({ event, time, done }: Line): number {
  return event === "cancel" ? (done ?? time) : time;
}

function tally({ event, outcome }: Line, account: Account): void {
  if (event === "claim") account.claims++;
  if (event === "release") account.releases++;
  if (event === "settle" && outcome === "completed") account.completions++;
  if (event === "settle" && outcome !== "completed") account.failures++;
  if (event === "reclaim") account.reclaims++;
  if (event === "reclaim" && outcome === "quarantined") account.quarantined++;
}

/** Why an instance may leave, other than by dying. */
const ORDERLY = /^(SIGINT|SIGTERM|shutdown message|memory above HIDB_INSTANCE_MEMORY_MB|the box is full)$/;

interface LifeFacts {
  kills: Kill[];
  /** Those that have said goodbye in the journal, and those that have ever claimed anything. */
  left: Set<string>;
  claimed: Set<string>;
  expectedDeaths: number;
}

/** Each death must have a kill; resolves to when those lives were killed. */
function judgeLives(
  database: BetterSqlite3.Database,
  { kills, left, claimed, expectedDeaths }: LifeFacts,
  account: Account,
): Map<string, number> {
  const lives = database
    .prepare<[], { id: string; pid: number; startedAt: number; goneAt: number | null; because: string | null }>(
      "SELECT id, pid, started_at AS startedAt, gone_at AS goneAt, gone_because AS because FROM hidb_instances",
    )
    .all();
  const tookVideosAlong = database.prepare(
    "SELECT 1 FROM hidb_attempts WHERE instance = ? AND outcome = 'died' LIMIT 1",
  );
  const byPid = Map.groupBy(kills, (kill) => kill.pid);
  const killedAt = new Map<string, number>();
  const unexplained: string[] = [];
  for (const { id, pid, startedAt, goneAt, because } of lives) {
    if (because === "died" && left.has(id)) {
      if (tookVideosAlong.get(id) !== undefined) account.problems.push(`instance ${id} left with videos in hand`);
      continue;
    }
    if (because !== "died") {
      if (goneAt === null) account.problems.push(`instance ${id} (pid ${pid}) has not left`);
      else if (!ORDERLY.test(because ?? "")) account.problems.push(`instance ${id} (pid ${pid}) left: ${because}`);
      continue;
    }
    account.deaths++;
    const kill = byPid.get(pid)?.find(({ at }) => at >= startedAt - LATE_MS && at <= (goneAt ?? at));
    // A start that a full disk or a locked database has cut short ends with exit code 1, and PM2 tries again.
    if (kill === undefined && !claimed.has(id) && tookVideosAlong.get(id) === undefined) account.neverBegan++;
    else if (kill === undefined)
      unexplained.push(`instance ${id} (pid ${pid}) died at ${goneAt}, and nobody had killed it`);
    killedAt.set(id, kill?.at ?? startedAt);
  }
  if (unexplained.length > expectedDeaths) account.problems.push(...unexplained);
  return killedAt;
}

interface AttemptRow {
  video: number;
  attempt: number;
  instance: string;
  outcome: string;
}

function readAttempts(database: BetterSqlite3.Database): AttemptRow[] {
  return database
    .prepare<[], AttemptRow>(
      "SELECT video_id AS video, attempt, instance, outcome FROM hidb_attempts ORDER BY attempt_id",
    )
    .all();
}

interface VideoRow {
  id: number;
  rows: number;
  state: string | null;
  attempt: number | null;
  deaths: number | null;
  instance: string | null;
}

function readVideos(database: BetterSqlite3.Database): VideoRow[] {
  return database
    .prepare<[], VideoRow>(
      `SELECT id, count(video_id) AS rows, state, attempt, deaths, instance
         FROM (SELECT id FROM videos UNION SELECT video_id FROM hidb_videos) LEFT JOIN hidb_videos ON video_id = id
        GROUP BY id`,
    )
    .all();
}

interface HistoryParts {
  row: VideoRow;
  history: Line[];
  spent: AttemptRow[];
  killedAt: Map<string, number>;
  account: Account;
  say: (what: string) => void;
}

/** One video from its first claim to its end, with its attempts counted as a person would on paper. */
class History {
  readonly #parts: HistoryParts;
  #holder: Line | undefined;
  /** Attempts spent since the last retry. */
  #spent = 0;
  #ended: string | undefined;
  /** A person has sent it round again, or meant to and was refused: noted before it is done. */
  #mayBeginAnew = false;
  #completions = 0;
  #awaits: number | undefined;
  /** Claims that a person has ended. */
  readonly #cancelled: Line[] = [];

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  judge(): void {
    const { row, history, say, killedAt, account } = this.#parts;
    for (const line of history) this.#follow(line);
    if (row.rows !== 1) say(`has ${row.rows} rows`);
    if (row.state !== "completed") say(`ended ${row.state}`);
    if (row.state !== "completed" || this.#ended === "completed") return;
    // The line may have died with its instance, between the commit and the journal, and only so.
    const held = this.#holder;
    const owed = held !== undefined && held.instance === row.instance && held.attempt === row.attempt;
    if (owed && killedAt.has(held.instance)) account.owed++;
    else say("was completed without a line");
  }

  #follow(line: Line): void {
    const { say } = this.#parts;
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
        // Whoever lives and seems to hold it settles it a moment later, before it is really sent round again.
        if (this.#holder === undefined || this.#parts.killedAt.has(this.#holder.instance)) this.#settleUnsaid();
        this.#mayBeginAnew = true;
        return;
      case "lost":
        if (!this.#cancelled.some((one) => one.attempt === line.attempt && one.instance === line.instance)) {
          say(`lost its attempt ${line.attempt} of ${line.instance}, which was alive`);
        }
        return;
      case "cancel":
        if (this.#mayBeginAnew) this.#beginAnew();
        if (this.#holder !== undefined) this.#cancelled.push(this.#holder);
        this.#holder = undefined;
        if (this.#ended !== undefined) say(`was cancelled after it was ${this.#ended}`);
        this.#ended = "cancelled";
        return;
      default:
        say(`has a line ${line.event}`);
        return;
    }
  }

  #beginAnew(): void {
    if (this.#ended === "completed") this.#completions--;
    this.#ended = undefined;
    this.#spent = 0;
    this.#mayBeginAnew = false;
  }

  #claim(line: Line): void {
    const { say, account, killedAt } = this.#parts;
    if (this.#mayBeginAnew && line.attempt === 1) this.#beginAnew();
    this.#mayBeginAnew = false;
    if (this.#ended !== undefined) say(`was claimed after it was ${this.#ended}`);
    this.#ended = undefined;
    this.#settleUnsaid(line);
    if (line.attempt !== this.#spent + 1) say(`was claimed as attempt ${line.attempt}, expected ${this.#spent + 1}`);
    this.#spent = line.attempt - 1;
    if (this.#awaits !== undefined) account.recoveriesMs.push(line.time - this.#awaits);
    this.#awaits = killedAt.get(line.instance);
    this.#holder = line;
  }

  /** A holder without an end: it must have been killed before, and what became of its attempt the rows must tell. */
  #settleUnsaid(next?: Line): void {
    const { say, account, killedAt, spent } = this.#parts;
    const held = this.#holder;
    this.#holder = undefined;
    if (held === undefined) {
      // The claim's own line may have been lost, and that of the reclaim with another kill.
      const lost = spent.filter((one) => one.attempt > this.#spent && one.attempt < (next?.attempt ?? 0));
      for (const one of lost) if (killedAt.has(one.instance)) this.#spent = Math.max(this.#spent, one.attempt);
      return;
    }
    const at = killedAt.get(held.instance);
    if (at === undefined || (next !== undefined && next.time < at - SLACK_MS)) say("was claimed while it was held");
    account.owed++;
    const recorded = spent.some((one) => one.attempt === held.attempt && one.instance === held.instance);
    if (recorded) this.#spent = held.attempt;
  }

  #end({ event, attempt, instance, outcome }: Line): void {
    const { say } = this.#parts;
    const held = this.#holder;
    if (held?.attempt !== attempt || held.instance !== instance)
      say(`has a ${event} of attempt ${attempt} without its claim`);
    this.#holder = undefined;
    this.#awaits = undefined;
    if (event === "release") return;
    if (outcome === "retry") this.#spent = attempt;
    else this.#ended = outcome;
    if (outcome === "completed" && ++this.#completions > 1) say("was completed twice");
  }

  #reclaim({ attempt, outcome, time }: Line): void {
    const { say, killedAt, spent } = this.#parts;
    const held = this.#holder;
    if (held === undefined) {
      const unseen = spent.find((one) => one.attempt === attempt && one.outcome === "died");
      if (unseen === undefined || !killedAt.has(unseen.instance))
        say(`has a reclaim of attempt ${attempt} without a claim`);
    } else {
      const at = killedAt.get(held.instance);
      if (held.attempt !== attempt) say(`has a reclaim of attempt ${attempt} while attempt ${held.attempt} is held`);
      if (at === undefined || time < at - SLACK_MS) say(`was taken from ${held.instance}, which was alive`);
    }
    this.#holder = undefined;
    this.#spent = attempt;
    if (outcome !== "pending") this.#ended = outcome;
  }
}

function describe({ time, event, attempt, instance, outcome }: Line): string {
  return `${time.toFixed(2)} ${event}${outcome === undefined ? "" : `/${outcome}`} #${attempt} ${instance}`;
}
