// How far each batch of ids is, for `hidb batches list` and the page.
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import * as sql from "./statements.js";

export interface BatchStatus {
  id: number;
  /** Ids from the first to the last, both included. */
  first: number;
  last: number;
  /** Whose it is while so many instances claim as now; null while nobody does. */
  rank: number | null;
  total: number;
  /** Of them, those that have come to an end, in whatever way. */
  ended: number;
  pending: number;
  running: number;
  completed: number;
  failed: number;
  quarantined: number;
  cancelled: number;
  /** Videos that came to an end per second over the last quarter of an hour; null when none has. */
  rate: number | null;
  /** The moment at which it is done if it goes on at this rate; null when that cannot be told, or it is done. */
  eta: Millis | null;
}

interface BatchRow extends Omit<BatchStatus, "rank" | "ended" | "rate" | "eta"> {
  recent: number;
  /** When the first of the recent ones was claimed. */
  since: Millis | null;
  /** How many instances claim. */
  claiming: number;
}

const WINDOW_MS = 900_000;

/** In order of their ids; reads each video once. */
export async function readBatches(database: Database, { now }: { now: Millis }): Promise<BatchStatus[]> {
  const from = now - WINDOW_MS;
  const { results } = await database.prepare(sql.BATCH_PROGRESS).bind(from, from, now).all<BatchRow>();
  return results.map((row, place) => toStatus(row, place, now));
}

function toStatus({ recent, since, claiming, ...row }: BatchRow, place: number, now: Millis): BatchStatus {
  const open = row.pending + row.running;
  const spanMs = now - Math.max(now - WINDOW_MS, since ?? now);
  const rate = recent > 0 && spanMs > 0 ? recent / (spanMs / 1000) : null;
  const eta = open === 0 || rate === null ? null : Math.round(now + (open / rate) * 1000);
  return { ...row, rank: claiming === 0 ? null : place % claiming, ended: row.total - open, rate, eta };
}
