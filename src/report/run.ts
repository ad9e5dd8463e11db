// What one run of the pool has done: for the summary at its end.
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import * as sql from "./statements.js";
import { type OverCount, readOver } from "./usage.js";

/** One process id of PM2, all its lives in this run together. */
export interface RunInstance {
  processId: number;
  lives: number;
  completed: number;
  retried: number;
  failed: number;
  busyMs: Millis;
}

export interface RunReport {
  instances: RunInstance[];
  /** From the first claim to the last settlement. */
  spanMs: Millis;
  /** How many videos were being processed at the same time, on average. */
  sideBySide: number | null;
  /** As `hidb list --over any` has them, those of earlier runs included. */
  over: OverCount[];
}

export async function readRun(database: Database, since: Millis): Promise<RunReport> {
  const { results: instances } = await database.prepare(sql.RUN_INSTANCES).bind(since).all<RunInstance>();
  const span = await database.prepare(sql.RUN_SPAN).bind(since).first<number | null>("spanMs");
  const over = await readOver(database);
  const busyMs = instances.reduce((sum, one) => sum + one.busyMs, 0);
  const spanMs = span ?? 0;
  return { instances, spanMs, sideBySide: spanMs > 0 && busyMs > 0 ? busyMs / spanMs : null, over };
}
