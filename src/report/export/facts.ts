// All that the report says, found in one pass over the videos and one over the attempts that went wrong.
import type { Database } from "../../database/database.js";
import { type CatalogueTable, type Millis, STATES, type State } from "../../video.js";
import { type ReasonGroup, ReasonGroups } from "./groups.js";
import { type Lane, Lanes, type TimeSpan, type WorkSpan } from "./lanes.js";
import { pageAttempts, pageVideos, readLives, readNames, type VideoEnd, type VideoName } from "./rows.js";
import { type Bin, makeBins, quantile, timeStep } from "./scales.js";

export interface ReportFacts {
  at: Millis;
  counts: Record<State, number>;
  total: number;
  /** From the first claim to the last end; null while nothing has ended. */
  span: TimeSpan | null;
  /** Of the completed videos, from the claim to the end. */
  durations: { count: number; medianMs: Millis; p90Ms: Millis; longestMs: Millis; bins: Bin[] };
  /** What all attempts together took. */
  workMs: Millis;
  rate: RateFacts | null;
  lanes: Lane[];
  failures: Causes;
  /** Attempts that were tried again, or died. */
  troubles: Causes & { attempts: number; deaths: number };
  longest: LongVideo[];
}

export interface RateFacts {
  from: Millis;
  stepMs: Millis;
  completed: number[];
  failed: number[];
}

export interface Causes {
  groups: ReasonGroup[];
  total: number;
}

export interface LongVideo extends VideoName {
  state: State;
  attempt: number;
  durMs: Millis;
}

export interface FactsOptions {
  catalogue: CatalogueTable;
  now: Millis;
  /** Only what has ended since, and what has not. */
  since?: Millis;
}

const LONGEST = 20;
const CAUSES = 25;
const RATE_BARS = 120;

export async function collectFacts(database: Database, options: FactsOptions): Promise<ReportFacts> {
  const { catalogue, now, since = 0 } = options;
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
  const [pieces, ends, durations, failures]: [WorkSpan[], Ended[], Millis[], ReasonGroups] = [
    [],
    [],
    [],
    new ReasonGroups(),
  ];
  const longest = new Longest();
  for await (const videos of pageVideos(database)) {
    for (const video of videos) {
      const { state, instance, claimedAt, finishedAt, error } = video;
      if (finishedAt !== null && finishedAt < since) continue;
      counts[state]++;
      if (state === "failed" || state === "quarantined") failures.add(error ?? "", state, video.id);
      if (finishedAt !== null && state !== "cancelled")
        ends.push({ at: finishedAt, isCompleted: state === "completed" });
      if (state !== "completed" || claimedAt === null || finishedAt === null) continue;
      const durMs = Math.max(0, finishedAt - claimedAt);
      durations.push(durMs);
      longest.add(video, durMs);
      if (instance !== null) pieces.push({ instance, from: claimedAt, to: finishedAt, wrong: false, died: false });
    }
  }
  const troubles = await readTroubles(database, { since, pieces, longest });
  const span = spanOf(pieces);
  const sorted = Float64Array.from(durations).sort();
  return {
    ...{ at: now, counts, total: STATES.reduce((sum, state) => sum + counts[state], 0), span },
    durations: {
      ...{ count: sorted.length, medianMs: quantile(sorted, 0.5), p90Ms: quantile(sorted, 0.9) },
      ...{ longestMs: sorted.at(-1) ?? 0, bins: makeBins(sorted) },
    },
    workMs: pieces.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0),
    rate: span === null ? null : makeRate(ends, span),
    lanes: span === null ? [] : await makeLanes(database, pieces, span),
    ...{ failures: failures.top(CAUSES), troubles },
    longest: await longest.name(database, catalogue),
  };
}

interface Ended {
  at: Millis;
  isCompleted: boolean;
}

interface TroubleParts {
  since: Millis;
  pieces: WorkSpan[];
  longest: Longest;
}

/** An attempt that failed for good is reported with its video. */
async function readTroubles(database: Database, { since, pieces, longest }: TroubleParts) {
  const groups = new ReasonGroups();
  let attempts = 0;
  let deaths = 0;
  for await (const page of pageAttempts(database)) {
    for (const { video, attempt, instance, outcome, reason, claimedAt, endedAt } of page) {
      if (endedAt < since) continue;
      const died = outcome === "died";
      pieces.push({ instance, from: claimedAt, to: endedAt, wrong: true, died });
      if (outcome === "failed") longest.add({ id: video, state: "failed", attempt }, Math.max(0, endedAt - claimedAt));
      else groups.add(reason, died ? "died" : "tried again", video);
      attempts++;
      if (died) deaths++;
    }
  }
  return { ...groups.top(CAUSES), attempts, deaths };
}

function spanOf(pieces: WorkSpan[]): TimeSpan | null {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const piece of pieces) {
    from = Math.min(from, piece.from);
    to = Math.max(to, piece.to);
  }
  return from <= to ? { from, to: Math.max(to, from + 1) } : null;
}

function makeRate(ends: Ended[], span: TimeSpan): RateFacts {
  const stepMs = timeStep(span.to - span.from, RATE_BARS);
  const from = Math.floor(span.from / stepMs) * stepMs;
  const bars = Math.floor((span.to - from) / stepMs) + 1;
  const rate = { from, stepMs, completed: Array<number>(bars).fill(0), failed: Array<number>(bars).fill(0) };
  for (const { at, isCompleted } of ends) {
    const bar = Math.floor((at - from) / stepMs);
    const counts = isCompleted ? rate.completed : rate.failed;
    if (bar >= 0 && bar < bars) counts[bar] = (counts[bar] ?? 0) + 1;
  }
  return rate;
}

async function makeLanes(database: Database, pieces: WorkSpan[], span: TimeSpan): Promise<Lane[]> {
  const lanes = new Lanes(await readLives(database), span);
  for (const piece of pieces) lanes.add(piece);
  return lanes.finish();
}

class Longest {
  #videos: { id: number; state: State; attempt: number; durMs: Millis }[] = [];

  add({ id, state, attempt }: Pick<VideoEnd, "id" | "state" | "attempt">, durMs: Millis): void {
    if (this.#videos.length === LONGEST && durMs <= (this.#videos.at(-1)?.durMs ?? 0)) return;
    this.#videos.push({ id, state, attempt, durMs });
    this.#videos.sort((a, b) => b.durMs - a.durMs || a.id - b.id);
    this.#videos.length = Math.min(this.#videos.length, LONGEST);
  }

  async name(database: Database, catalogue: CatalogueTable): Promise<LongVideo[]> {
    const names = await readNames(
      database,
      catalogue,
      this.#videos.map(({ id }) => id),
    );
    const byId = new Map(names.map((name) => [name.id, name]));
    return this.#videos.map((video) => ({ source: null, title: null, ...byId.get(video.id), ...video }));
  }
}
