// The lives of instances: since when this run has been going, what it has done so far, who was started anew.
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import * as sql from "./statements.js";

export interface Life {
  id: string;
  host: string;
  processId: number;
  startedAt: Millis;
  goneAt: Millis | null;
  leaseUntil: Millis;
  completed: number;
  retried: number;
  failed: number;
  busyMs: Millis;
}

/** A chain of lives without a gap between them, up to the newest. */
export interface RunSoFar {
  since: Millis;
  /** When somebody has come or gone for the last time. */
  changedAt: Millis;
  lives: Life[];
  completed: number;
  retried: number;
  failed: number;
  busyMs: Millis;
}

/** So long nobody may have been there within one run. */
const GAP_MS = 60_000;

export async function readRunSoFar(database: Database, now: Millis): Promise<RunSoFar> {
  const { results } = await database.prepare(sql.LIVES).all<Life>();
  const run: RunSoFar = { since: now, changedAt: 0, lives: [], completed: 0, retried: 0, failed: 0, busyMs: 0 };
  for (const life of results) {
    const until = life.goneAt ?? Math.max(life.leaseUntil, life.startedAt);
    if (run.lives.length > 0 && until < run.since - GAP_MS) continue;
    run.since = Math.min(run.since, life.startedAt);
    run.changedAt = Math.max(run.changedAt, life.startedAt, life.goneAt ?? 0);
    run.lives.push(life);
    run.completed += life.completed;
    run.retried += life.retried;
    run.failed += life.failed;
    run.busyMs += life.busyMs;
  }
  return run;
}

/** Earlier lives of the same process id in this run. */
export function countRestarts(run: RunSoFar, own: Pick<Life, "host" | "processId" | "startedAt">): number {
  return run.lives.filter(
    ({ host, processId, startedAt }) => host === own.host && processId === own.processId && startedAt < own.startedAt,
  ).length;
}
