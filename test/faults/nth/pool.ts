// An instance that works, one operation of which fails or is its last; and what the next life, or its neighbour, makes of it.

import type { Verdict } from "./case.ts";
import { copyFolder, integrityOf } from "./content.ts";
import { isKill, type Strike } from "./fault.ts";
import { ENTRY, type Running } from "./hands.ts";
import type { Done } from "./order.ts";
import { type Lane, Place, untilDone } from "./place.ts";

export interface PoolKind {
  name: string;
  /** A healthy one works beside the one that is hit. */
  beside: boolean;
  env: Record<string, string>;
}

const VIDEOS = 16;

/** Short groups and frequent heartbeats: every statement of a life is met within a few hundred milliseconds. */
const WORK = {
  HIDB_CONCURRENCY: "2",
  HIDB_CLAIM_COUNT: "5",
  HIDB_GROUP_COUNT: "3",
  HIDB_GROUP_MS: "5",
  HIDB_HEARTBEAT_MS: "50",
  HIDB_LEASE_MS: "10000",
  HIDB_STAGGER_MS: "0",
  HIDB_MAX_ATTEMPTS: "8",
  HIDB_REHEARSE_FAIL: "0.2",
  HIDB_REHEARSE_PERMANENT: "0.15",
  HIDB_REHEARSE_SEED: "21",
};

export const POOLS: PoolKind[] = [
  { name: "pool", beside: false, env: WORK },
  { name: "pool of two", beside: true, env: WORK },
  {
    name: "pool with all that can be set",
    beside: false,
    env: { ...WORK, HIDB_SHARDING: "ranges", HIDB_ORDER: "longest", HIDB_HALT: "90%", HIDB_SYNCHRONOUS: "full" },
  },
];

interface VideoRow {
  id: number;
  state: string;
  attempt: number;
  deaths: number;
  instance: string | null;
  finished: number | null;
  output: string | null;
}

const VIDEOS_NOW = `SELECT video_id AS id, state, attempt, deaths, instance, finished_at AS finished, output
                      FROM hidb_videos ORDER BY video_id`;

export class PoolTrial {
  readonly #kind: PoolKind;
  readonly #template: Place;
  readonly #expected: Map<number, VideoRow>;
  readonly counts: { operations: number; requests: number };

  private constructor(kind: PoolKind, template: Place, expected: VideoRow[], operations: number) {
    this.counts = { operations, requests: 0 };
    this.#kind = kind;
    this.#template = template;
    this.#expected = new Map(expected.map((row) => [row.id, row]));
  }

  static async of(kind: PoolKind, { runner }: Lane): Promise<PoolTrial> {
    const template = await Place.open({ runner }, kind.env);
    await template.fill(VIDEOS);
    const place = await Place.open({ runner }, kind.env);
    try {
      copyFolder(template.folder, place.folder);
      const done = await live(place);
      const rows = place.query<VideoRow>(VIDEOS_NOW);
      const kinds = new Set(rows.map(({ state, attempt }) => `${state} ${Math.min(attempt, 2)}`));
      if (done.code !== 0 || !["completed 1", "completed 2", "failed 1"].every((one) => kinds.has(one)))
        throw new Error(`expected a first attempt, a second one and a failure, got ${[...kinds]}: ${done.stderr}`);
      return new PoolTrial(kind, template, rows, done.operations);
    } finally {
      place.end();
    }
  }

  end(): void {
    this.#template.end();
  }

  async run(strike: Strike, { runner }: Lane): Promise<Verdict> {
    const place = await Place.open({ runner }, this.#kind.env);
    try {
      copyFolder(this.#template.folder, place.folder);
      return await (this.#kind.beside ? this.#runBeside(place, strike) : this.#runAlone(place, strike));
    } finally {
      place.end();
    }
  }

  async #runAlone(place: Place, strike: Strike): Promise<Verdict> {
    const done = await live(place, strike);
    const verdict = { hit: done.hit, code: done.code, problems: [] as string[] };
    if (done.hit === undefined) return verdict;
    const problems = verdict.problems;
    problems.push(...judgeEnd(done, strike));
    const integrity = integrityOf(place.file);
    if (integrity !== "ok") problems.push(`integrity_check: ${integrity}`);
    const before = place.query<VideoRow>(VIDEOS_NOW);
    const held = new Set(before.filter(({ state }) => state === "running").map(({ id }) => id));
    const killed = isKill(strike);
    if (!killed && held.size > 0) problems.push(`it left with ${held.size} videos in hand`);
    const next = await live(place);
    if (next.code !== 0 || next.stderr !== "") problems.push(`the next life ended with ${next.code}: ${next.stderr}`);
    const after = place.query<VideoRow>(VIDEOS_NOW);
    problems.push(...this.#judgeVideos(after, (id) => (killed && held.has(id) ? 1 : 0)));
    // Nothing that was settled is ever touched again.
    const settled = (rows: VideoRow[]) =>
      rows.filter(({ finished }) => finished !== null).map((row) => JSON.stringify(row));
    const lost = settled(before).filter((row) => !settled(after).includes(row));
    if (lost.length > 0) problems.push(`settled, and changed afterwards: ${lost.slice(0, 3)}`);
    problems.push(...(await place.verify()));
    return verdict;
  }

  /** The other one takes over what the first one leaves, without anybody's help. */
  async #runBeside(place: Place, strike: Strike): Promise<Verdict> {
    const other = place.start(ENTRY, [], undefined, { NODE_APP_INSTANCE: "1" });
    const done = await live(place, strike);
    await untilDone(place, other);
    const beside = await stop(other);
    const verdict = { hit: done.hit, code: done.code, problems: [] as string[] };
    if (done.hit === undefined) return verdict;
    const problems = verdict.problems;
    problems.push(...judgeEnd(done, strike));
    if (beside.code !== 0 || beside.stderr !== "")
      problems.push(`the other one ended with ${beside.code}: ${beside.stderr}`);
    const deaths = place.query<{ id: number; instance: string }>(
      "SELECT video_id AS id, instance FROM hidb_attempts WHERE outcome = 'died'",
    );
    if (!isKill(strike) && deaths.length > 0) problems.push(`nobody was killed, but ${deaths.length} attempts died`);
    if (deaths.length > 5) problems.push(`a claim takes five videos, but ${deaths.length} attempts died`);
    if (new Set(deaths.map(({ instance }) => instance)).size > 1) problems.push("attempts of two instances died");
    const ids = deaths.map(({ id }) => id);
    problems.push(...this.#judgeVideos(place.query<VideoRow>(VIDEOS_NOW), (id) => (ids.includes(id) ? 1 : 0)));
    const integrity = integrityOf(place.file);
    if (integrity !== "ok") problems.push(`integrity_check: ${integrity}`);
    problems.push(...(await place.verify()));
    return verdict;
  }

  /** Each video ends as without any fault; a death spends an attempt and is counted, nothing else does either (I6). */
  #judgeVideos(rows: VideoRow[], deathsOf: (id: number) => number): string[] {
    const problems: string[] = [];
    if (rows.length !== this.#expected.size)
      problems.push(`expected ${this.#expected.size} videos, got ${rows.length}`);
    for (const { id, state, attempt, deaths } of rows) {
      const expected = this.#expected.get(id);
      if (state !== expected?.state) problems.push(`video ${id} is ${state}, expected ${expected?.state}`);
      if (deaths !== deathsOf(id)) problems.push(`video ${id} has ${deaths} deaths, expected ${deathsOf(id)}`);
      if (deaths === 0 && attempt !== expected?.attempt)
        problems.push(`video ${id} took ${attempt} attempts, expected ${expected?.attempt}`);
    }
    return problems.slice(0, 5);
  }
}

/** Until all is done and it has been told to stop, or has stopped by itself. */
async function live(place: Place, strike?: Strike): Promise<Done> {
  const running = place.start(ENTRY, [], strike);
  await untilDone(place, running);
  return stop(running);
}

function stop({ child, ended }: Running): Promise<Done> {
  child.kill("SIGINT");
  return ended;
}

/** At the worst it ends with one clear line, for PM2 to start it anew (1) or not (42). */
function judgeEnd({ code, stderr }: Done, strike: Strike): string[] {
  if (isKill(strike)) return code === null ? [] : [`expected it to be killed, got exit code ${code}`];
  const lines = stderr.split("\n").filter((line) => line !== "");
  const problems = lines.filter((line) => !/^hidb: \S.*\. Fix: \S.*\.$/.test(line)).map((line) => `it said: ${line}`);
  if (lines.length > 2) problems.push(`it said ${lines.length} lines`);
  if (code === 0) return problems;
  if (code !== 1 && code !== 42) problems.push(`expected exit code 0, 1 or 42, got ${code}`);
  if (lines.length === 0) problems.push(`it ended with ${code} without a word`);
  return problems;
}
