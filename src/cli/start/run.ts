// The run of a pool that `hidb start` starts and ends: begun here, so that HIDB_HALT counts from now, and told here if the
// instances had no time to.
import { holdStart } from "../../catalogue/backlog.js";
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import type { PoolEvent } from "../../report/event.js";
import { beginRun, endRun, lookAtRun } from "../../report/runs.js";
import { tellRun } from "../../report/tell-run.js";
import { clock } from "../context.js";
import { note, printable } from "../print.js";

/** PM2 starts instances a few at a time; a large pool does not wait for the last one. */
const START_HOLD_MS = 10_000;
/** All instances are up: time for each to read the moment at which all of them begin. */
const START_TOGETHER_MS = 400;

/** Nobody claims before all are up: else the first one would finish a short run alone. Ends by itself if we are killed. */
export async function startTogether(database: Database, start: () => Promise<void>): Promise<void> {
  // Where each look is a request, instances look half a minute apart.
  if (database.pacing.lookEveryMs > 0) return start();
  await holdStart(database, clock.now() + START_HOLD_MS);
  try {
    await start();
  } finally {
    await holdStart(database, clock.now() + START_TOGETHER_MS);
  }
}

export async function beginOwnRun(database: Database, { halt, notify }: Config): Promise<void> {
  if (halt === "" && notify === "") return;
  const { run, halted } = await lookAtRun(database);
  // A halt stands until somebody resumes the pool: it is this run's end, too.
  if (halted === null) await beginRun(database, run, clock.now());
}

/** After the last instance has gone: nobody else sends anything any more. */
export async function endOwnRun(database: Database, { notify }: Config): Promise<void> {
  if (notify === "") return;
  const look = await lookAtRun(database);
  if (look.run === null || look.run.noticedAt !== null) return;
  if (!look.open && look.run.endedAt === null) await endRun(database, look.run, clock.now());
  const { run, halted } = await lookAtRun(database);
  if (run === null || (run.endedAt === null && (run.haltedAt === null || halted === null))) return;
  const report = (event: PoolEvent) => {
    if (event.type === "notice.failed") note(`hidb: the notice was not taken: ${printable(event.why)}`);
  };
  await tellRun(run, halted, { database, clock, notify, report, takeOver: true });
}
