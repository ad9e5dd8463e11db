// A run of the pool, over all its instances and restarts: from the first open video until none is open, or until a halt is
// lifted. HIDB_HALT counts in it, HIDB_NOTIFY tells its end; without them nobody keeps it.
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import * as sql from "./statements.js";

export interface PoolRun {
  id: number;
  startedAt: Millis;
  completed: number;
  /** Quarantined ones included. */
  failed: number;
  haltedAt: Millis | null;
  endedAt: Millis | null;
  /** Somebody is sending its notice until then. */
  noticeUntil: Millis | null;
  noticedAt: Millis | null;
}

export interface RunLook {
  /** The last one. */
  run: PoolRun | null;
  /** A video is pending or running. */
  open: boolean;
  /** Why the pool is halted; null when it is not. */
  halted: string | null;
}

/** Videos that have come to an end since a moment. */
export interface EndedSince {
  completed: number;
  failed: number;
  since: Millis;
}

/** Adds to the run what has ended; `counted` is false where there was no run to add it to. */
export async function lookAtRun(database: Database, ended?: EndedSince): Promise<RunLook & { counted: boolean }> {
  const looking = database.prepare(sql.LOOK_AT_RUN);
  if (ended === undefined || ended.completed + ended.failed === 0) {
    return { ...toLook(await looking.first<LookRow>()), counted: true };
  }
  const { completed, failed, since } = ended;
  const counting = database.prepare(sql.COUNT_ENDED).bind(completed, failed, since, since);
  const [counted, looked] = await database.batch<LookRow>([counting, looking]);
  return { ...toLook(looked?.results[0] ?? null), counted: (counted?.meta.changes ?? 0) > 0 };
}

interface LookRow extends Omit<PoolRun, "id"> {
  id: number | null;
  open: number;
  halted: string | null;
}

function toLook(row: LookRow | null): RunLook {
  if (row === null) return { run: null, open: false, halted: null };
  const { id, open, halted, ...facts } = row;
  return { run: id === null ? null : { id, ...facts }, open: open === 1, halted };
}

/** Whether what is open belongs to a run that nobody has begun yet. */
export function isNewRun({ run, halted }: RunLook): boolean {
  return run === null || run.endedAt !== null || (run.haltedAt !== null && halted === null);
}

export async function beginRun(database: Database, last: PoolRun | null, now: Millis): Promise<void> {
  const id = last?.id ?? 0;
  await database.prepare(sql.BEGIN_RUN).bind(id, now, id).run();
}

export async function endRun(database: Database, run: PoolRun, now: Millis): Promise<void> {
  await database.prepare(sql.END_RUN).bind(now, run.id).run();
}

/** Pauses the pool, for a reason that everybody sees, until `hidb resume`. */
export async function haltRun(database: Database, run: PoolRun, { reason, now }: { reason: string; now: Millis }) {
  await database.batch([
    database.prepare(sql.HALT_POOL).bind(JSON.stringify({ reason })),
    database.prepare(sql.HALT_RUN).bind(now, run.id),
  ]);
}

/** True for one of all that ask: it has until then to send the notice; after that somebody else may. */
export async function claimNotice(database: Database, run: PoolRun, { now, until }: { now: Millis; until: Millis }) {
  const { meta } = await database.prepare(sql.CLAIM_NOTICE).bind(until, run.id, now).run();
  return meta.changes > 0;
}

/** It was sent, or given up. */
export async function noteNotice(database: Database, run: PoolRun, now: Millis): Promise<void> {
  await database.prepare(sql.NOTE_NOTICE).bind(now, run.id).run();
}

/** A share of few videos says nothing. */
const FEWEST_FOR_SHARE = 20;

/** Why the pool is to be halted: HIDB_HALT is a number of videos, a share of those that have ended, or nothing. */
export function judgeRun(halt: string, { completed, failed }: Pick<PoolRun, "completed" | "failed">): string | null {
  if (halt === "") return null;
  const ended = completed + failed;
  const limit = Number.parseFloat(halt);
  const isOver = halt.endsWith("%") ? ended >= FEWEST_FOR_SHARE && (100 * failed) / ended >= limit : failed >= limit;
  return isOver ? `${failed} of the ${ended} videos that ended in this run have failed (HIDB_HALT=${halt})` : null;
}
