// The one notice of a run: whoever claims it sends it.
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import type { Millis } from "../video.js";
import type { NoticeEvent, PoolEvent } from "./event.js";
import { claimNotice, noteNotice, type PoolRun, type RunLook } from "./runs.js";
import { countStates } from "./status.js";

interface Telling {
  database: Database;
  clock: Clock;
  /** HIDB_NOTIFY. */
  notify: string;
  report: (event: PoolEvent) => void;
  /** Whoever was sending it has gone. */
  takeOver?: boolean;
}

/** A run that ended before HIDB_NOTIFY was set is not reported. */
const STALE_MS: Millis = 3_600_000;

/** Whether a notice is due that nobody is sending. */
export function isNoticeDue({ run, halted }: RunLook, now: Millis): boolean {
  const since = run?.endedAt ?? (halted === null ? null : run?.haltedAt);
  if (run === null || since === null || since === undefined || run.noticedAt !== null) return false;
  return now - since < STALE_MS && (run.noticeUntil ?? 0) <= now;
}

/** Sends it if nobody else does. */
export async function tellRun(run: PoolRun, reason: string | null, telling: Telling): Promise<void> {
  const { database, clock, notify, report, takeOver = false } = telling;
  const { NOTICE_MS, tell } = await import("./notice.js");
  const now = clock.now();
  const claim = { now: takeOver ? Number.MAX_SAFE_INTEGER : now, until: now + NOTICE_MS };
  if (!(await claimNotice(database, run, claim))) return;
  const { counts } = await countStates(database, 0);
  const event: NoticeEvent = run.endedAt === null ? "halted" : "ended";
  const { completed, failed, startedAt } = run;
  const said = `${completed} completed, ${failed} failed in this run; ${counts.pending + counts.running} of ${counts.total} left`;
  const text = event === "ended" ? `hidb: the run has ended: ${said}` : `hidb: halted: ${reason ?? ""}; ${said}`;
  const { to, why } = await tell(notify, { event, text, reason, at: now, startedAt, completed, failed, counts }, clock);
  report(why === null ? { type: "notice.sent", event, to } : { type: "notice.failed", event, to, why });
  await noteNotice(database, run, clock.now());
}
