// Histories of random pools in which instances are killed between commits and lines; and the same with one line changed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JournalLine, JournalVideoLine } from "../../src/report/journal.js";
import { JournalColumns } from "../../src/report/journal-columns.js";
import type { VideoRow } from "../../src/report/journal-compare.js";
import type { SpentRow } from "../../src/report/journal-gaps.js";
import { JournalLives } from "../../src/report/journal-lives.js";
import { VideoHistory } from "../../src/report/journal-video.js";

const VIDEOS = [1, 2, 3];
const MAX_ATTEMPTS = 3;
const STEP_MS = 2000;

interface Step {
  what:
    | "claim"
    | "complete"
    | "retry"
    | "release"
    | "kill"
    | "kill after commit"
    | "reclaim"
    | "leave"
    | "again"
    | "cancel";
  life: number;
  video: number;
}

interface Row extends VideoRow {
  spentRows: SpentRow[];
  deaths: number;
  claimedAt: number;
  heldByKilled: boolean;
}

interface Life {
  id: string;
  pid: number;
  state: "alive" | "killed" | "left";
}

/** A pool of three that follows DESIGN.md, and writes its journal. */
class RandomPool {
  readonly lines: JournalLine[] = [];
  readonly rows = new Map<number, Row>(
    VIDEOS.map((video) => [
      video,
      {
        state: "pending",
        attempt: 0,
        instance: null,
        finishedAt: null,
        spentRows: [],
        deaths: 0,
        claimedAt: 0,
        heldByKilled: false,
      },
    ]),
  );
  readonly #lives: Life[] = [];
  #time = 1000;

  constructor(steps: Step[]) {
    for (let slot = 0; slot < 3; slot++) this.#begin(slot);
    for (const step of steps) {
      this.#time += STEP_MS;
      this.#do(step);
    }
    this.#time += STEP_MS;
    this.#begin(3);
    this.#reclaim(this.#lives[3] as Life);
    for (const life of this.#lives) this.#leave(life);
  }

  #begin(slot: number): void {
    const life: Life = { id: `life-${slot}-${this.#time}`, pid: 100 + this.lines.length, state: "alive" };
    this.#lives[slot] = life;
    this.lines.push({ time: this.#time, event: "begin", ...this.#who(life), boot: "host" });
  }

  #who({ id, pid }: Life) {
    return { instance: id, pid, rank: 0 };
  }

  #tell(life: Life, event: JournalVideoLine["event"], video: number, attempt: number, outcome?: string): void {
    const what = { time: this.#time, event, video, attempt, ...this.#who(life) };
    this.lines.push(outcome === undefined ? what : { ...what, outcome });
  }

  #do({ what, life: slot, video }: Step): void {
    const life = this.#lives[slot] as Life;
    const row = this.rows.get(video) as Row;
    const holds = row.state === "running" && row.instance === life.id;
    if (life.state !== "alive") {
      this.#begin(slot);
      return;
    }
    switch (what) {
      case "claim":
        if (row.state === "pending") this.#tell(life, "claim", video, this.#claim(life, row));
        return;
      case "complete":
        if (!holds) return;
        this.#tell(life, "settle", video, row.attempt, "completed");
        this.#complete(row);
        return;
      case "retry": {
        if (!holds) return;
        const outcome = row.attempt >= MAX_ATTEMPTS ? "failed" : "retry";
        this.#tell(life, "settle", video, row.attempt, outcome);
        this.#fail(row, outcome);
        return;
      }
      case "release":
        if (holds) this.#release(life, video, row);
        return;
      case "kill":
        this.#kill(life);
        return;
      case "kill after commit":
        if (holds) this.#complete(row);
        else if (row.state === "pending") this.#claim(life, row);
        this.#kill(life);
        return;
      case "reclaim":
        this.#reclaim(life);
        return;
      case "leave":
        this.#leave(life);
        return;
      case "again":
        if (row.state === "pending" || row.state === "running") return;
        this.#person("retry", video);
        Object.assign(row, { state: "pending", attempt: 0, deaths: 0, instance: null, finishedAt: null });
        return;
      case "cancel":
        if (row.state !== "pending" && row.state !== "running") return;
        this.#person("cancel", video);
        // Heard of at once, which is as good as later.
        if (row.state === "running") this.#tellLost(row, video);
        Object.assign(row, { state: "cancelled", finishedAt: this.#time });
    }
  }

  #tellLost(row: Row, video: number): void {
    const holder = this.#lives.find((one) => one.id === row.instance);
    if (holder?.state === "alive") this.#tell(holder, "lost", video, row.attempt);
  }

  #person(event: "retry" | "cancel", video: number): void {
    this.lines.push({
      time: this.#time,
      event,
      video,
      attempt: 0,
      instance: "hidb",
      pid: 1,
      rank: -1,
      done: this.#time + 1,
    });
    this.#time += 2;
  }

  #claim(life: Life, row: Row): number {
    row.attempt++;
    Object.assign(row, { state: "running", instance: life.id, claimedAt: this.#time });
    return row.attempt;
  }

  #complete(row: Row): void {
    Object.assign(row, { state: "completed", finishedAt: this.#time });
  }

  #fail(row: Row, outcome: string): void {
    this.#spend(row, outcome);
    if (outcome === "failed") Object.assign(row, { state: "failed", finishedAt: this.#time });
    else Object.assign(row, { state: "pending", instance: null });
  }

  #spend(row: Row, outcome: string): void {
    row.spentRows.push({ attempt: row.attempt, instance: row.instance ?? "", outcome, claimedAt: row.claimedAt });
  }

  #release(life: Life, video: number, row: Row): void {
    this.#tell(life, "release", video, row.attempt);
    Object.assign(row, { state: "pending", instance: null, attempt: row.attempt - 1 });
  }

  #kill(life: Life): void {
    life.state = "killed";
    for (const row of this.rows.values()) if (row.instance === life.id) row.heldByKilled = true;
  }

  #reclaim(life: Life): void {
    for (const [video, row] of this.rows) {
      const isDead = !this.#lives.some((one) => one.id === row.instance && one.state === "alive");
      if (row.state !== "running" || !isDead) continue;
      row.deaths++;
      const state = row.deaths >= 2 ? "quarantined" : row.attempt >= MAX_ATTEMPTS ? "failed" : "pending";
      this.#tell(life, "reclaim", video, row.attempt, state);
      this.#spend(row, "died");
      Object.assign(row, state === "pending" ? { state, instance: null } : { state, finishedAt: this.#time });
    }
  }

  #leave(life: Life): void {
    if (life.state !== "alive") return;
    for (const [video, row] of this.rows) {
      if (row.state === "running" && row.instance === life.id) this.#release(life, video, row);
    }
    life.state = "left";
    this.lines.push({ time: this.#time + 1, event: "gone", ...this.#who(life), exitCode: 0 });
  }
}

/** The rules of `hidb verify` without a database in between. */
function judge(lines: JournalLine[], rows: Map<number, Row>): string[] {
  const [lives, columns] = [new JournalLives(), new JournalColumns()];
  for (const [at, line] of lines.entries()) {
    lives.note(line);
    if ("video" in line) columns.add(line, { file: 0, line: at + 1 });
  }
  const histories = new Map([...columns.histories()].map((history) => [history[0]?.video, history]));
  return [...rows].flatMap(([video, row]) => {
    const name = (places: { line: number }[]) => places.map(({ line }) => `line ${line}`).join(", ");
    const judged = new VideoHistory({ video, lives, database: { row, spent: row.spentRows }, name });
    judged.judge(histories.get(video) ?? []);
    return judged.findings.map(({ message }) => message);
  });
}

const step = fc.record<Step>({
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step["what"]>("claim") },
    { weight: 6, arbitrary: fc.constantFrom<Step["what"]>("complete", "retry", "release", "reclaim") },
    { weight: 1, arbitrary: fc.constantFrom<Step["what"]>("kill", "kill after commit", "leave", "again", "cancel") },
  ),
  life: fc.nat(2),
  video: fc.constantFrom(...VIDEOS),
});
const steps = fc.array(step, { minLength: 10, maxLength: 60 });

type Change = "drop" | "repeat" | "swap" | "attempt" | "instance" | "outcome";
const changes = fc.constantFrom<Change>("drop", "repeat", "swap", "attempt", "instance", "outcome");

/** Where an instance was killed or a person had a hand in it, a line may be lacking: there a change can be the truth. */
function findCandidates(lines: JournalLine[]): JournalVideoLine[] {
  const left = new Set(lines.filter((line) => line.event === "gone").map((line) => line.instance));
  const ofVideos = lines.filter((line): line is JournalVideoLine => "video" in line);
  const unsure = new Set(ofVideos.filter((line) => !left.has(line.instance)).map((line) => line.video));
  return ofVideos.filter(({ event, video }) => ["claim", "settle", "release"].includes(event) && !unsure.has(video));
}

/** One line changed; undefined where that would change nothing that matters. */
function change(lines: JournalLine[], line: JournalVideoLine, what: Change): JournalLine[] | undefined {
  const at = lines.indexOf(line);
  const put = (changed: JournalVideoLine) => lines.with(at, changed);
  switch (what) {
    case "drop":
      return lines.toSpliced(at, 1);
    case "repeat":
      return lines.toSpliced(at, 0, line);
    case "swap": {
      // With the one before it.
      const before = lines
        .slice(0, at)
        .findLast((one): one is JournalVideoLine => "video" in one && one.video === line.video);
      if (before === undefined) return undefined;
      return lines.with(lines.indexOf(before), { ...before, time: line.time }).with(at, { ...line, time: before.time });
    }
    case "attempt":
      return put({ ...line, attempt: line.attempt + 1 });
    case "instance": {
      const other = lines.find((one) => one.event === "begin" && one.instance !== line.instance);
      return other && put({ ...line, instance: other.instance, pid: other.pid });
    }
    case "outcome":
      if (line.event !== "settle") return undefined;
      return put({ ...line, outcome: line.outcome === "completed" ? "retry" : "completed" });
  }
}

const SEED = { seed: Number(process.env.TEST_SEED ?? 1) };

describe("random histories", () => {
  it("are found to be in order, whoever was killed before a line", () => {
    let killed = 0;
    fc.assert(
      fc.property(steps, (program) => {
        const { lines, rows } = new RandomPool(program);
        if ([...rows.values()].some((row) => row.heldByKilled)) killed++;
        expect(judge(lines, rows), lines.map((line) => JSON.stringify(line)).join("\n")).toEqual([]);
      }),
      { numRuns: 2000, ...SEED },
    );
    expect(killed).toBeGreaterThan(300);
  });

  it("are found out when a line of a claim, a settlement or a release is changed", () => {
    const tried = new Map<string, number>();
    fc.assert(
      fc.property(steps, fc.nat(), changes, (program, which, what) => {
        const { lines, rows } = new RandomPool(program);
        const candidates = findCandidates(lines);
        const line = candidates[which % Math.max(1, candidates.length)];
        const changed = line && change(lines, line, what);
        if (line === undefined || changed === undefined) return;
        tried.set(what, (tried.get(what) ?? 0) + 1);
        const text = changed.map((one) => JSON.stringify(one)).join("\n");
        expect(judge(changed, rows), `${what} of ${JSON.stringify(line)}\n${text}`).not.toEqual([]);
      }),
      { numRuns: 4000, ...SEED },
    );
    expect(Math.min(...tried.values())).toBeGreaterThan(30);
  });
});
