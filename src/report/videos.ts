// The videos one by one, for list, show and export; a million of them pass through in pages.
import type { Database } from "../database/database.js";
import { shownSource } from "../shown.js";
import type { CatalogueTable, LimitName, Millis, State, UsageReport, Video } from "../video.js";
import * as sql from "./statements.js";
import { readUsage, type UsageRow } from "./usage.js";

export interface ListedVideo {
  id: number;
  /** As people may see it. */
  source: string | null;
  title: string | null;
  state: State;
  attempt: number;
  error: string | null;
  output: unknown;
  /** Where it was asked for and the last attempt has gone over a limit of Workers. */
  usage?: UsageReport;
}

export interface ListOptions {
  /** None: all. */
  states?: State[];
  /** Only videos whose last attempt has gone over one of these limits of Workers. */
  over?: readonly LimitName[];
  /** What those that went over a limit have used. */
  withUsage?: boolean;
  limit?: number;
  offset?: number;
  /** Only ids above this one. */
  after?: number;
}

const PAGE = 1000;
/** Below every id. */
const BEFORE_ALL = -1e17;

/** By id; each page is a statement of its own that begins after the last id seen. */
export async function* listVideos(
  database: Database,
  catalogue: CatalogueTable,
  { states = [], over, withUsage, limit = Number.POSITIVE_INFINITY, offset = 0, after = BEFORE_ALL }: ListOptions,
): AsyncGenerator<ListedVideo[]> {
  const statement = database.prepare(sql.listVideos(catalogue, over ? "over" : withUsage ? "all" : "none"));
  const limits = over ? [JSON.stringify(over)] : [];
  const all = states.length === 0 ? 1 : 0;
  let left = limit;
  let skip = offset;
  let last = after;
  while (left > 0) {
    const count = Math.min(PAGE, left);
    const bound = statement.bind(last, all, JSON.stringify(states), ...limits, count, skip);
    const { results } = await bound.all<ListedRow>();
    if (results.length > 0) yield results.map(toListed);
    if (results.length < count) return;
    left -= count;
    skip = 0;
    last = (results.at(-1) as ListedVideo).id;
  }
}

type ListedRow = Omit<ListedVideo, "output" | "usage"> & { output: string | null } & Partial<UsageRow>;

function toListed({ plan, overLimits, figures, output, ...rest }: ListedRow): ListedVideo {
  const usage = readUsage({ plan, overLimits, figures });
  return {
    ...rest,
    source: shownOrNull(rest.source),
    output: parseOutput(output),
    ...(usage === null ? {} : { usage }),
  };
}

export interface AttemptRecord {
  attempt: number;
  instance: string;
  outcome: "retry" | "failed" | "died";
  reason: string;
  claimedAt: Millis;
  endedAt: Millis;
}

export interface VideoRecord {
  video: Omit<Video, "source"> & { source: string | null };
  state: State;
  attempt: number;
  deaths: number;
  output: unknown;
  /** What went wrong, oldest first, attempts before a retry by hand included. */
  attempts: AttemptRecord[];
  error: string | null;
  instance: string | null;
  runAfter: Millis;
  claimedAt: Millis | null;
  finishedAt: Millis | null;
  /** The limits of Workers that the last attempt has gone over, and what it has used; null when there was none. */
  over: LimitName[];
  usage: UsageReport | null;
}

type ShownRow = Omit<VideoRecord, "video" | "attempts" | "output" | "over" | "usage"> &
  VideoRecord["video"] &
  UsageRow & { output: string | null };

/** Everything known about one video; undefined when there is none with this id. */
export async function showVideo(
  database: Database,
  catalogue: CatalogueTable,
  videoId: number,
): Promise<VideoRecord | undefined> {
  const row = await database.prepare(sql.selectVideo(catalogue)).bind(videoId).first<ShownRow>();
  if (row === null) return undefined;
  const { id, source, title, durationS, state, attempt, deaths, output, error, plan, overLimits, figures, ...rest } =
    row;
  const { results } = await database.prepare(sql.ATTEMPTS_OF).bind(videoId).all<AttemptRecord>();
  const video = { id, source: shownOrNull(source), title, durationS };
  const usage = readUsage({ plan, overLimits, figures });
  const known = { video, state, attempt, deaths, output: parseOutput(output), attempts: results, error };
  return { ...known, ...rest, over: usage?.over ?? [], usage };
}

/** Lists, reports and the page go to people who need not know what opens a source. */
export function shownOrNull(source: string | null): string | null {
  return source === null ? null : shownSource(source);
}

/** A processor's output is JSON; text that is none is shown as it is. */
function parseOutput(output: string | null): unknown {
  if (output === null) return null;
  try {
    return JSON.parse(output);
  } catch {
    return output;
  }
}
