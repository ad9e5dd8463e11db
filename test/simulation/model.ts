// What must always hold, judged after every step from the tables alone and from what the simulator knows to be true:
// DESIGN.md, section 2, written down a second time. Nothing here is taken from src/.

import type { PoolEvent } from "../../src/report/event.ts";
import type { Outcome } from "../../src/video.ts";
import type { Store } from "./engine.ts";
import type { Process } from "./process.ts";
import { EPOCH } from "./process.ts";
import type { Run } from "./processor.ts";
import type { Millis } from "./scheduler.ts";

export class Broken extends Error {
  readonly rule: string;

  constructor(rule: string, what: string) {
    super(`${rule}: ${what}`);
    this.rule = rule;
  }
}

interface VideoRow {
  id: number;
  state: string;
  attempt: number;
  deaths: number;
  runAfter: number;
  instance: string | null;
  claimedAt: number | null;
  output: string | null;
}

interface InstanceRow {
  id: string;
  state: string;
  leaseUntil: number;
  because: string | null;
}

/** A table as it was after one statement. */
interface Captured {
  table: string;
  writer: string;
  rows: VideoRow[] | InstanceRow[] | AttemptRow[];
  stops?: Stop[];
}

interface Stop {
  key: string;
  until: number;
}

interface AttemptRow {
  id: number;
  video: number;
  attempt: number;
  outcome: string;
  endedAt: number;
}

const VIDEOS = `SELECT video_id AS id, state, attempt, deaths, run_after AS runAfter, instance, claimed_at AS claimedAt, output
  FROM hidb_videos`;
const INSTANCES = "SELECT id, state, lease_until AS leaseUntil, gone_because AS because FROM hidb_instances WHERE ";
const STOPS = "SELECT key, coalesce(value ->> '$.until', 9e15) AS until FROM hidb_pool WHERE key LIKE 'paused%'";
const ATTEMPTS =
  "SELECT attempt_id AS id, video_id AS video, attempt, outcome, ended_at AS endedAt FROM hidb_attempts WHERE attempt_id > ? ORDER BY attempt_id";

/** One life, as the simulator knows it. */
export interface Life {
  process: Process;
  leaseMs: Millis;
  maxAttempts: number;
  /** When it was last heard of, in true time. */
  heardAt: Millis;
  /** The attempts and videos it may have lost. */
  left: boolean;
}

/** Whoever writes and is no instance. */
export const PERSON = "person";
/** A sign of life is on its way for so long; on D1 it may have to wait for its turn among few requests. */
const SLACK_MS = 1000;
const DISTANT_SLACK_MS = 90_000;

/** Heartbeats may be a minute apart. */
const LONGEST_BEAT_MS = 60_000;

/** A hold that ends later was written by a clock that has been set back since. */
const LONGEST_HOLD_MS = 3_600_000;

interface Tally {
  spent: number;
  died: number;
  /** When its last attempt ended, by the clock that was valid then. */
  endedAt: number;
}

export class Model {
  readonly lives = new Map<string, Life>();
  readonly runs = new Map<string, Run>();
  readonly seen = new Map<string, number>();
  readonly #store: Store;
  readonly #now: () => Millis;
  readonly #isDistant: boolean;
  readonly #slackMs: Millis;
  readonly #videos = new Map<number, VideoRow>();
  readonly #instances = new Map<string, InstanceRow>();
  readonly #tallies = new Map<number, Tally>();
  readonly #claims = new Set<string>();
  readonly #completions = new Map<string, Run>();
  /** How claims were settled by whom they belonged to. */
  readonly #settled = new Map<string, Outcome["kind"]>();
  readonly #captured: Captured[] = [];
  /** What kept the pool from claiming when the videos were captured. */
  #stops: Stop[] = [];
  #notesChanged = false;
  /** Claims whose end a person has wiped out. */
  readonly #forgotten = new Set<string>();
  #lastAttempt = 0;

  constructor(store: Store, options: { now: () => Millis; isDistant: boolean }) {
    this.#store = store;
    this.#now = options.now;
    this.#isDistant = options.isDistant;
    this.#slackMs = options.isDistant ? DISTANT_SLACK_MS : SLACK_MS;
  }

  /** After each statement that has changed something: its transaction may yet be undone. */
  capture(table: string, writer: string): void {
    switch (table) {
      case "hidb_videos":
        this.#captured.push({ table, writer, rows: this.#read<VideoRow>(VIDEOS), stops: this.#read<Stop>(STOPS) });
        return;
      case "hidb_instances":
        this.#captured.push({ table, writer, rows: this.#readInstances(writer) });
        return;
      case "hidb_attempts":
        this.#captured.push({ table, writer, rows: this.#read<AttemptRow>(ATTEMPTS, [this.#lastAttempt]) });
        return;
      case "notes":
        this.#notesChanged = true;
    }
  }

  /** A transaction was undone. */
  forget(): void {
    this.#captured.length = 0;
    this.#notesChanged = false;
  }

  /** After a step; throws Broken. */
  check(): void {
    if (this.#captured.length === 0 && !this.#notesChanged) return;
    const spent = new Map<string, string>();
    for (const one of this.#captured) {
      if (one.table === "hidb_attempts") this.#noteAttempts(one.rows as AttemptRow[], spent);
      else if (one.table === "hidb_instances") this.#checkInstances(one.rows as InstanceRow[], one.writer);
      else {
        this.#stops = one.stops ?? [];
        this.#checkVideos(one.rows as VideoRow[], one.writer, spent);
      }
    }
    for (const key of spent.keys())
      throw new Broken("I6", `attempt "${key}" was recorded, but its video did not change`);
    this.#captured.length = 0;
    this.#notesChanged = false;
    this.#checkNotes();
  }

  begin(run: Run): void {
    const key = keyOf(run);
    if (this.runs.has(key)) throw new Broken("I2", `video ${run.video} was begun twice under one claim (${key})`);
    if (!this.#claims.has(key))
      throw new Broken("I2", `video ${run.video} was begun by ${run.instance} without a claim`);
    this.runs.set(key, run);
  }

  /** What an instance says of its attempts is what has become of them. */
  hear(event: PoolEvent, who: string): void {
    if (event.type !== "claim.lost" && event.type !== "attempt.finished") return;
    const { video, attempt, claimedAt } = event.claim;
    const key = claimKey({ id: video.id, instance: who, attempt, claimedAt });
    const settled = this.#settled.get(key);
    if (this.#forgotten.has(key)) return;
    if (event.type === "claim.lost") {
      if (settled === undefined) return;
      throw new Broken("told", `${who} says that it has lost video ${video.id}, which it has settled as ${settled}`);
    }
    const { kind } = event.outcome;
    // Of a release there is no trace to go by once somebody else has had the video.
    if (event.heirOf !== undefined || kind === "released" || settled === kind) return;
    throw new Broken("told", `${who} says that it has settled video ${video.id} as ${kind}, which is ${settled}`);
  }

  rows(): Iterable<VideoRow> {
    return this.#videos.values();
  }

  get openInstances(): string[] {
    return [...this.#instances.values()].filter(({ state }) => state !== "gone").map(({ id }) => id);
  }

  /** The open ones, those that were open the last time, and the writer's own. */
  #readInstances(writer: string): InstanceRow[] {
    const rows = this.#read<InstanceRow>(`${INSTANCES} gone_at IS NULL`);
    for (const { id, state } of this.#instances.values()) {
      if ((state === "gone" && id !== writer) || rows.some((row) => row.id === id)) continue;
      rows.push(...this.#read<InstanceRow>(`${INSTANCES} id = ?`, [id]));
    }
    return rows;
  }

  #count(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  #read<T>(sql: string, values: unknown[] = []): T[] {
    return this.#store.read<T>(sql, values);
  }

  /** New rows of what went wrong, by video and attempt. */
  #noteAttempts(rows: AttemptRow[], spent: Map<string, string>): void {
    for (const { id, video, attempt, outcome, endedAt } of rows) {
      if (id <= this.#lastAttempt) continue;
      this.#lastAttempt = id;
      const tally = this.#tally(video);
      tally.spent++;
      tally.endedAt = endedAt;
      if (outcome === "died") tally.died++;
      const key = `${video} ${attempt}`;
      if (spent.has(key)) throw new Broken("I6", `attempt ${attempt} of video ${video} was spent twice at once`);
      spent.set(key, outcome);
    }
  }

  #tally(video: number): Tally {
    let tally = this.#tallies.get(video);
    if (tally === undefined) {
      tally = { spent: 0, died: 0, endedAt: 0 };
      this.#tallies.set(video, tally);
    }
    return tally;
  }

  #checkInstances(rows: InstanceRow[], writer: string): void {
    for (const row of rows) {
      const before = this.#instances.get(row.id);
      if (before !== undefined && same(before, row)) continue;
      this.#instances.set(row.id, row);
      const life = this.lives.get(row.id);
      if (before === undefined) {
        if (row.id !== writer) throw new Broken("instances", `${row.id} was registered by ${writer}`);
        continue;
      }
      if (before.state === "gone") throw new Broken("instances", `${row.id} is gone and was changed by ${writer}`);
      if (writer === row.id) {
        if (life !== undefined && row.leaseUntil !== before.leaseUntil) life.heardAt = this.#madeAt(life, row);
        if (row.state === "gone" && life !== undefined) this.#checkFarewell(life, row);
        continue;
      }
      if (row.state !== "gone" || row.because !== "died") {
        throw new Broken("instances", `${row.id} became ${row.state} by ${writer}`);
      }
      this.#checkDeath(row.id, writer);
    }
  }

  /** I6: whoever leaves has given back what it had, or does not say goodbye. */
  #checkFarewell(life: Life, { id }: InstanceRow): void {
    life.left = true;
    for (const video of this.#videos.values()) {
      if (video.state !== "running" || video.instance !== id) continue;
      throw new Broken("I6", `${id} has left with video ${video.id} in hand`);
    }
  }

  /** A renewal may have waited for its turn, or its process have slept, since it was made. */
  #madeAt({ leaseMs, process }: Life, { leaseUntil }: InstanceRow): Millis {
    const aheadMs = this.#isDistant ? 0 : process.host.aheadMs;
    return this.#now() - Math.max(0, EPOCH + this.#now() + aheadMs + leaseMs - leaseUntil);
  }

  /** I5: taken back only from an owner proven dead, or silent past its lease where nobody can look. */
  #checkDeath(owner: string, writer: string): void {
    const life = this.lives.get(owner);
    const judge = this.lives.get(writer);
    if (life === undefined || judge === undefined) throw new Broken("I5", `${owner} was buried by ${writer}`);
    if (!life.process.alive) return;
    if (life.process.identity.boot === judge.process.identity.boot) {
      throw new Broken("I5", `${writer} took ${owner} for dead, which lives on the same host`);
    }
    const silentMs = this.#now() - life.heardAt;
    this.#count("buried alive, after its lease");
    // The machine's clock was put forward meanwhile. A life that has begun since then cannot know that it was; any other
    // leaves everybody the time to beat again.
    const { steppedAt } = judge.process.host;
    const wasStepped = steppedAt > life.heardAt;
    if (wasStepped && (judge.process.bornAt >= steppedAt || this.#now() - steppedAt >= LONGEST_BEAT_MS)) return;
    if (silentMs < life.leaseMs - this.#slackMs) {
      const lease = this.#instances.get(owner)?.leaseUntil ?? 0;
      const left = lease - EPOCH - this.#now();
      throw new Broken(
        "I5",
        `${writer} took ${owner} of another host for dead ${silentMs.toFixed(0)} ms after its last beat (lease ${life.leaseMs} ms, ${left.toFixed(0)} ms left of it)`,
      );
    }
  }

  #checkVideos(rows: VideoRow[], writer: string, spent: Map<string, string>): void {
    for (const row of rows) {
      const before = this.#videos.get(row.id);
      if (before !== undefined && same(before, row)) continue;
      this.#videos.set(row.id, row);
      if (before === undefined) this.#checkNew(row);
      else this.#checkChange(before, row, writer, spent.get(`${row.id} ${before.attempt}`));
      spent.delete(`${row.id} ${before?.attempt}`);
      this.#checkTally(row);
    }
    if (rows.length < this.#videos.size) throw new Broken("I1", "a row of hidb_videos has vanished");
  }

  #checkNew(row: VideoRow): void {
    if (row.state !== "pending" || row.attempt !== 0 || row.deaths !== 0) {
      throw new Broken("I1", `video ${row.id} came in as ${row.state}, attempt ${row.attempt}`);
    }
    if (row.instance !== null) throw new Broken("I1", `video ${row.id} came in with an instance`);
  }

  /** I6: what was given back costs nothing, what went wrong costs one attempt and leaves one row. */
  #checkTally({ id, state, attempt, deaths }: VideoRow): void {
    const { spent, died } = this.#tally(id);
    const wanted = state === "running" || state === "completed" ? spent + 1 : spent;
    const isRight = attempt === wanted || (state === "cancelled" && attempt === spent + 1);
    if (!isRight) throw new Broken("I6", `video ${id} is ${state} in attempt ${attempt}, with ${spent} attempts spent`);
    if (deaths !== died) throw new Broken("I6", `video ${id} has ${deaths} deaths, of which ${died} are recorded`);
  }

  #checkChange(before: VideoRow, row: VideoRow, writer: string, recorded: string | undefined): void {
    const { id } = row;
    const change = `video ${id} went from ${describe(before)} to ${describe(row)} by ${writer}`;
    if (writer === PERSON) {
      // Of what was settled before nothing is left that an instance without an answer could find.
      if (row.state === "pending") this.#forgotten.add(claimKey(before));
      if (row.state === "pending") this.#tallies.set(id, { spent: 0, died: 0, endedAt: 0 });
      else if (row.state !== "cancelled") throw new Broken("person", change);
      return;
    }
    switch (before.state) {
      case "pending":
        if (row.state === "pending") this.#checkDue(before, row, writer, change);
        else this.#checkClaim(before, row, writer, change);
        return;
      case "running":
        if (row.deaths === before.deaths) this.#checkEnd(before, row, writer, recorded, change);
        else this.#checkReclaim(before, row, writer, recorded, change);
        return;
      default:
        throw new Broken("I2", `${change}, after its end`);
    }
  }

  #checkClaim(before: VideoRow, row: VideoRow, writer: string, change: string): void {
    if (row.state !== "running" || row.instance !== writer) throw new Broken("I2", change);
    if (row.attempt !== before.attempt + 1 || row.deaths !== before.deaths) throw new Broken("I6", change);
    if ((row.claimedAt ?? 0) < before.runAfter) throw new Broken("claim", `${change}, before its time`);
    const owner = this.#instances.get(writer);
    if (owner?.state !== "working") throw new Broken("I2", `${change}, which is ${owner?.state ?? "unknown"}`);
    const stop = this.#stops.find((one) => this.#holds(one, row.claimedAt ?? 0, writer));
    if (stop !== undefined) throw new Broken("pause", `${change}, while ${stop.key}`);
    this.#checkSuspect(row, change);
    this.#count("claims");
    this.#claims.add(claimKey(row));
  }

  /** A wait ends before its time only where the clock has been set back to before it began. */
  #checkDue(before: VideoRow, row: VideoRow, writer: string, change: string): void {
    if (!same({ ...before, runAfter: 0 }, row)) throw new Broken("I2", change);
    const aheadMs = this.#isDistant ? 0 : (this.lives.get(writer)?.process.host.aheadMs ?? 0);
    if (this.#tally(row.id).endedAt <= EPOCH + this.#now() + aheadMs) {
      throw new Broken("claim", `${change}: its wait was ended before its time`);
    }
    this.#count("waits ended by a clock set back");
  }

  /** Whether a stop counts at a moment of the writer's clock. */
  #holds({ key, until }: Stop, now: number, writer: string): boolean {
    const wasSetBack = this.lives.get(writer)?.process.host.wasSetBack === true;
    if (key === "paused.hold" && wasSetBack && until - now > LONGEST_HOLD_MS) {
      this.#count("holds ended by a clock set back");
      return false;
    }
    return until > now;
  }

  /** Whoever may kill its instance has it to itself. */
  #checkSuspect(row: VideoRow, change: string): void {
    for (const other of this.#videos.values()) {
      if (other.id === row.id || other.state !== "running" || other.instance !== row.instance) continue;
      if (row.deaths === 0 && other.deaths === 0) continue;
      // Of those in hand some may be about to be written.
      const run = this.runs.get(claimKey(other));
      if (run === undefined || !run.active) continue;
      throw new Broken("suspect", `${change}, beside video ${other.id}: one of them is a suspect`);
    }
  }

  #checkEnd(before: VideoRow, row: VideoRow, writer: string, recorded: string | undefined, change: string): void {
    this.#checkSettler(before.instance ?? "", writer, change);
    const run = this.runs.get(claimKey(before));
    if (run?.active === true && run.process.alive) throw new Broken("I2", `${change}, which still works on it`);
    const done = run?.outcome?.kind;
    switch (row.state) {
      case "completed": {
        if (row.attempt !== before.attempt || row.instance !== before.instance) throw new Broken("I2", change);
        if (run === undefined || run.outcome?.kind !== "completed") {
          throw new Broken("I2", `${change}, though its attempt came to ${done}`);
        }
        if (row.output !== run.outcome.output) throw new Broken("I7", `${change}, with the output ${row.output}`);
        this.#completions.set(run.token, run);
        this.#settled.set(claimKey(before), "completed");
        this.#count("completed");
        return;
      }
      case "failed":
        if (recorded !== "failed") throw new Broken("I6", `${change}, recorded as ${recorded}`);
        this.#count("failed");
        this.#settled.set(claimKey(before), "failed");
        if (done === "retry" && row.attempt < (this.lives.get(writer)?.maxAttempts ?? 0)) {
          throw new Broken("I6", `${change}, with attempts left`);
        }
        return;
      case "pending":
        if (row.instance !== null) throw new Broken("I2", change);
        if (row.attempt === before.attempt) {
          if (recorded !== "retry") throw new Broken("I6", `${change}, recorded as ${recorded}`);
          if (row.attempt >= (this.lives.get(writer)?.maxAttempts ?? Number.POSITIVE_INFINITY)) {
            throw new Broken("I6", `${change}, with no attempt left`);
          }
          this.#count("retried");
          this.#settled.set(claimKey(before), "retry");
          return;
        }
        if (recorded !== undefined) throw new Broken("I6", `${change}, recorded as ${recorded}`);
        if (row.attempt !== before.attempt - 1) throw new Broken("I6", change);
        if (done === "completed") throw new Broken("I2", `${change}, though it was done`);
        if (done === "failed" && run?.stopped !== true) throw new Broken("I6", `${change}, though it had failed`);
        this.#count(run === undefined ? "given back unstarted" : "given back");
        this.#settled.set(claimKey(before), "released");
        return;
      default:
        throw new Broken("I2", change);
    }
  }

  /** The owner itself, or an heir of its host that has seen it dead. */
  #checkSettler(owner: string, writer: string, change: string): void {
    if (owner === writer) return;
    const [dead, heir] = [this.lives.get(owner), this.lives.get(writer)];
    const isHeir =
      dead !== undefined &&
      heir !== undefined &&
      !dead.process.alive &&
      dead.process.host.name === heir.process.host.name;
    if (!isHeir) throw new Broken("I2", `${change}, which does not hold it`);
    this.#count("inherited");
  }

  #checkReclaim(before: VideoRow, row: VideoRow, writer: string, recorded: string | undefined, change: string): void {
    if (row.deaths !== before.deaths + 1) throw new Broken("I6", change);
    if (row.attempt !== before.attempt) throw new Broken("I6", change);
    if (recorded !== "died") throw new Broken("I6", `${change}, recorded as ${recorded}`);
    const owner = this.lives.get(before.instance ?? "");
    const run = this.runs.get(claimKey(before));
    if (owner?.process.alive === true && owner.left) {
      // It has left, and forgotten something.
      if (run?.active === true) throw new Broken("I5", `${change}: its owner has left and still works on it`);
    } else this.#checkDeath(before.instance ?? "", writer);
    const isNear = owner?.process.host === this.lives.get(writer)?.process.host;
    if (this.#isDistant && isNear && run?.outcome?.kind === "completed") {
      throw new Broken("inherit", `${change}: what it had finished was not looked for`);
    }
    const wanted =
      row.deaths >= 2
        ? "quarantined"
        : row.attempt >= (this.lives.get(writer)?.maxAttempts ?? 0)
          ? "failed"
          : "pending";
    if (row.state !== wanted) throw new Broken("I6", `${change}, expected ${wanted}`);
    this.#count("reclaimed");
    if (row.state === "quarantined") this.#count("quarantined");
  }

  /** I7: what an outcome carries is there together with it, or not at all. */
  #checkNotes(): void {
    const notes = this.#read<{ video: number; token: string }>("SELECT video_id AS video, token FROM notes");
    const tokens = new Set<string>();
    for (const { video, token } of notes) {
      if (tokens.has(token)) throw new Broken("I7", `the statements of video ${video} were run twice (${token})`);
      tokens.add(token);
      if (!this.#completions.has(token))
        throw new Broken("I7", `video ${video} has statements without an outcome (${token})`);
    }
    for (const [token, run] of this.#completions) {
      const carries = run.outcome?.kind === "completed" && (run.outcome.statements?.length ?? 0) > 0;
      if (carries && !tokens.has(token))
        throw new Broken("I7", `video ${run.video} has an outcome without its statements`);
    }
  }
}

function keyOf({ video, instance, attempt, claimedAt }: Run): string {
  return `${video} ${instance} ${attempt} ${claimedAt}`;
}

function claimKey({ id, instance, attempt, claimedAt }: Pick<VideoRow, "id" | "instance" | "attempt" | "claimedAt">) {
  return `${id} ${instance} ${attempt} ${claimedAt}`;
}

function describe({ state, attempt, deaths, instance }: VideoRow): string {
  return `${state} #${attempt}${deaths > 0 ? ` (${deaths} deaths)` : ""}${instance === null ? "" : ` of ${instance}`}`;
}

function same<T extends object>(one: T, other: T): boolean {
  for (const key in one) if (one[key] !== other[key]) return false;
  return true;
}
