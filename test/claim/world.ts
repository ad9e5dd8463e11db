// A small world for the core's tests: a database of its own, a clock that is moved by hand, instances at will.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { adoptVideos } from "../../src/catalogue/adopt.js";
import { Claimer, type ClaimerOptions } from "../../src/claim/claimer.js";
import { identifyProcess, type ProcessIdentity } from "../../src/claim/liveness.js";
import { beginWork, type Instance, type InstanceFigures, register } from "../../src/claim/membership.js";
import { type Clock, systemClock, type Timer } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { migrate } from "../../src/database/migrate.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { LOCAL_CLAIMS } from "../../src/store/local.js";
import { REMOTE_CLAIMS } from "../../src/store/remote/remote.js";
import type { CatalogueTable, Claim, Millis, State } from "../../src/video.js";

export const MIGRATIONS = resolve(import.meta.dirname, "../../data/migrations");
export const CATALOGUE: CatalogueTable = {
  table: "videos",
  id: "id",
  source: "source",
  title: "title",
  duration: "duration_s",
};
export const NO_FIGURES: InstanceFigures = {
  completed: 0,
  retried: 0,
  failed: 0,
  released: 0,
  lost: 0,
  busyMs: 0,
  inHand: 0,
  rssBytes: 0,
};

interface Sleeper {
  until: Millis;
  wake: () => void;
}

/** Stands still until it is advanced. */
export class ManualClock implements Clock {
  chance = 0.5;
  /** What somebody has set the wall clock forward by, or back. */
  setByMs = 0;
  readonly #start = 1_795_000_000_000;
  #passed = 0;
  #lives = 0;
  #sleepers: Sleeper[] = [];

  now = () => this.#start + this.setByMs + this.#passed;
  nowFine = () => this.#start + this.setByMs + this.#passed;
  monotonic = () => this.#passed;
  random = () => this.chance;
  uniqueId = () => `life-${++this.#lives}`;
  turn = () => systemClock.turn();
  // Of these vitest's fake timers are in charge.
  timer = (ms: Millis, ring: () => void): Timer => systemClock.timer(ms, ring);
  every = (ms: Millis, ring: () => void): Timer => systemClock.every(ms, ring);

  sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve: wake } = Promise.withResolvers<void>();
    this.#sleepers.push({ until: this.#passed + ms, wake });
    signal?.addEventListener("abort", () => wake(), { once: true });
    return promise;
  }

  advance(ms: Millis): void {
    this.#passed += ms;
    const due = this.#sleepers.filter(({ until }) => until <= this.#passed);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#passed);
    for (const { wake } of due) wake();
  }
}

export interface VideoRow {
  state: State;
  attempt: number;
  deaths: number;
  runAfter: number;
  instance: string | null;
  claimedAt: number | null;
  finishedAt: number | null;
  error: string | null;
  output: string | null;
}

export interface AttemptRow {
  videoId: number;
  attempt: number;
  instance: string;
  outcome: string;
  reason: string;
  claimedAt: number;
  endedAt: number;
}

export type Entry = number | { id: number; durationS?: number | null };

interface Life {
  processId?: number;
  /** Anything that differs from this very process. */
  identity?: Partial<ProcessIdentity>;
  leaseMs?: Millis;
  database?: Database;
}

export class World {
  readonly clock: ManualClock;
  readonly database: Database;
  readonly file: string;
  readonly #folder: string | undefined;

  private constructor(clock: ManualClock, database: Database, file: string, folder?: string) {
    this.clock = clock;
    this.database = database;
    this.file = file;
    this.#folder = folder;
  }

  /** In memory unless `onDisk`, for tests that open the file a second time. */
  static async create({ videos = [], onDisk = false }: { videos?: Entry[]; onDisk?: boolean } = {}): Promise<World> {
    const clock = new ManualClock();
    const folder = onDisk ? mkdtempSync(join(tmpdir(), "hidb-core-")) : undefined;
    const file = folder === undefined ? ":memory:" : join(folder, "hidb.sqlite");
    const database = await openSqlite(file, { clock: systemClock, create: true });
    await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
    const world = new World(clock, database, file, folder);
    await world.add(videos);
    return world;
  }

  /** A second connection to the same file. */
  static async open(file: string): Promise<World> {
    return new World(new ManualClock(), await openSqlite(file, { clock: systemClock }), file);
  }

  async add(videos: Entry[]): Promise<void> {
    const rows = videos.map((entry) => (typeof entry === "number" ? { id: entry } : entry));
    await this.database
      .prepare(
        `INSERT INTO videos (id, source, duration_s)
         SELECT value ->> 'id', '/videos/' || (value ->> 'id') || '.mp4', value ->> 'durationS' FROM json_each(?)`,
      )
      .bind(JSON.stringify(rows))
      .run();
    await adoptVideos(this.database, CATALOGUE);
  }

  /** An instance that works; by default a life of this very process. */
  async instance({
    processId = 0,
    identity = {},
    leaseMs = 30_000,
    database = this.database,
  }: Life = {}): Promise<Instance> {
    const instance = await register({
      database,
      clock: this.clock,
      identity: { ...identifyProcess(), ...identity },
      processId,
      leaseMs,
    });
    await beginWork(instance);
    return instance;
  }

  async claimer(options: Partial<ClaimerOptions> = {}, life: Life = {}): Promise<Claimer> {
    return this.claimerOf(await this.instance(life), options);
  }

  async claimerOf(instance: Instance, options: Partial<ClaimerOptions> = {}): Promise<Claimer> {
    const style = instance.database.pacing?.chargesRows ? REMOTE_CLAIMS : LOCAL_CLAIMS;
    const claimer = new Claimer(instance, { sharding: "modulo", order: "id", catalogue: CATALOGUE, style, ...options });
    await claimer.prepare();
    return claimer;
  }

  async rows<T = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<T[]> {
    return (
      await this.database
        .prepare(sql)
        .bind(...values)
        .all<T>()
    ).results;
  }

  async video(id: number): Promise<VideoRow> {
    const [row] = await this.rows<VideoRow>(
      `SELECT state, attempt, deaths, run_after AS runAfter, instance, claimed_at AS claimedAt,
              finished_at AS finishedAt, error, output FROM hidb_videos WHERE video_id = ?`,
      id,
    );
    if (row === undefined) throw new Error(`expected a video ${id}`);
    return row;
  }

  attempts(): Promise<AttemptRow[]> {
    return this.rows<AttemptRow>(
      `SELECT video_id AS videoId, attempt, instance, outcome, reason, claimed_at AS claimedAt, ended_at AS endedAt
         FROM hidb_attempts ORDER BY attempt_id`,
    );
  }

  async states(): Promise<Record<string, number>> {
    const rows = await this.rows<{ state: string; n: number }>(
      "SELECT state, count(*) AS n FROM hidb_videos GROUP BY state",
    );
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  }

  async set(id: number, change: string, ...values: unknown[]): Promise<void> {
    await this.rows(`UPDATE hidb_videos SET ${change} WHERE video_id = ?`, ...values, id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

export const idsOf = (claims: Claim[]): number[] => claims.map((claim) => claim.video.id);

export const many = (count: number, from = 1): number[] => Array.from({ length: count }, (_, at) => from + at);

/** Lets everything that waits for the event loop go on. */
export async function settleDown(turns = 5): Promise<void> {
  for (let at = 0; at < turns; at++) await turn();
}
