// What is to be said against an instance that has hosted a hostile Worker; nothing, if all is well.
import type { HostileWorker } from "./grammar.ts";
import type { Seen, Told } from "./instance.ts";

export const TIMEOUT_MS = 2000;
/** An attempt is told to stop, has a second to do it, and this machine has neighbours. */
const LATE_MS = 30_000;
/** What computes on and on while it loads is ended after so long. */
const START_MS = 40_000;
/** Three videos, a start and an end, each as late as it may be. */
export const PATIENCE_MS = 4 * (TIMEOUT_MS + LATE_MS) + START_MS;
const REASON = 5000;
const OUTPUT = 2_000_000;
const LINE = 70_000;
/** HIDB_INSTANCE_MEMORY_MB: there an instance is recycled; a thread's share of it is 56 %. */
const GROWN_MB = 400;

export function judgeSeen(worker: HostileWorker, { told, end }: Seen): string[] {
  // README: in the instance itself an exit, a spin or an unhandled rejection is the instance's.
  const mayEnd = worker.isolation === "process" && (worker.deadly || worker.poison);
  if (told === undefined) return mayEnd ? [] : [`the instance ${end}`];
  return judgeTold(worker, told, mayEnd);
}

function judgeTold({ poison, deadly, isolation }: HostileWorker, told: Told, mayEnd: boolean): string[] {
  const faults: string[] = [];
  if (told.start === "broken" && !mayEnd)
    faults.push(`its start has failed with no reason for people: ${told.refusal?.slice(0, 300)}`);
  if (told.start !== "" && !poison) faults.push(`it was refused: ${told.refusal?.slice(0, 300)}`);
  if ((told.refusal?.length ?? 0) > REASON) faults.push(`a refusal of ${told.refusal?.length} characters`);
  if (told.startMs > (poison ? START_MS : 0) + LATE_MS && !mayEnd)
    faults.push(`its start took ${Math.round(told.startMs)} ms`);
  if ((told.closeMs ?? 0) > LATE_MS) faults.push(`its end took ${Math.round(told.closeMs ?? 0)} ms`);
  for (const { id, kind, tookMs, length, text, controls, hung } of told.videos) {
    if (hung && !mayEnd) faults.push(`video ${id} hung, and the instance with it`);
    if (kind === "released") faults.push(`video ${id} was given back though nobody has drained`);
    if (tookMs > TIMEOUT_MS + LATE_MS && !mayEnd) faults.push(`video ${id} took ${Math.round(tookMs)} ms`);
    if (length > (kind === "completed" ? OUTPUT : REASON))
      faults.push(`video ${id}: ${kind} with ${length} characters`);
    if (controls) faults.push(`video ${id}: control characters in ${JSON.stringify(text)}`);
    const isInnocent = id !== 66 && !poison && !(isolation === "process" && deadly);
    // Beside one that blocks their thread its time may run out; the one that comes after has it to itself.
    const isLate = id === 7 && text.includes("no result after");
    if (isInnocent && kind !== "completed" && !isLate) faults.push(`healthy video ${id}: ${kind}, ${text}`);
  }
  if (told.longestLine > LINE) faults.push(`a line of ${told.longestLine} characters in the log`);
  if (told.grownMb > GROWN_MB && !mayEnd) faults.push(`the instance took ${Math.round(told.grownMb)} MB more`);
  return faults;
}
