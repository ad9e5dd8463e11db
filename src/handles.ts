// How many files this process may open. With too few, errors are misleading: SQLite reports "unable to open database file",
// or a thread of the parser does not start.
import { readFileSync } from "node:fs";
import { HidbError } from "./errors.js";

/** For any command: measured, 28 with a database open. */
const COMMAND_HANDLES = 32;
/** For an instance: measured, 36 at work on one video, 74 on eight. */
const INSTANCE_HANDLES = 56;
const VIDEO_HANDLES = 6;

export function handlesOfInstance(concurrency: number): number {
  return INSTANCE_HANDLES + VIDEO_HANDLES * concurrency;
}

/** Errors: HANDLES_TOO_FEW. Node raises the soft limit to the hard one at its start. */
export function checkHandles(needed = COMMAND_HANDLES, limit = readLimit()): void {
  if (limit >= needed) return;
  throw new HidbError({
    code: "HANDLES_TOO_FEW",
    message: `expected at least ${needed} open files to be allowed, got a limit of ${limit}`,
    fix: "`ulimit -n 1024` in this shell (or LimitNOFILE=1024 in the unit), then the same again",
  });
}

/** Infinity where there is no /proc. */
function readLimit(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}
