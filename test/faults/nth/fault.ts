// What can happen to the nth operation on a SQLite file, and how a process is told of it.

export const CODES = ["SQLITE_BUSY", "SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT"] as const;
export type Code = (typeof CODES)[number];

export type Fault =
  | { kind: "none" }
  /** SQLite's answer to the operation is this error; nothing of the operation is done. */
  | { kind: "fail"; at: number; code: Code }
  /** The process ends at once, the operation not begun or just done. */
  | { kind: "kill"; at: number; when: "before" | "after" };

/** What happens to a request to D1, before D1 has seen it or after it has done what it was asked. */
export const JOURNEYS = [
  "cut before",
  "cut after",
  "500 before",
  "500 after",
  "killed before",
  "killed after",
] as const;
export type Journey = (typeof JOURNEYS)[number];

/** A fault without its place; those of the file, and those of the way to D1. */
export type Mode = Code | "kill before" | "kill after" | Journey;
export const MODES: readonly Mode[] = [...CODES, "kill before", "kill after"];

/** What happens, and to which operation or request. */
export interface Strike {
  mode: Mode;
  at: number;
}

export function isJourney(mode: Mode): mode is Journey {
  return (JOURNEYS as readonly string[]).includes(mode);
}

export function isKill({ mode }: Pick<Strike, "mode">): boolean {
  return mode.startsWith("kill");
}

/** What of a strike happens to the file. */
export function faultOf(strike: Strike | undefined): Fault {
  if (strike === undefined || isJourney(strike.mode)) return { kind: "none" };
  const { mode, at } = strike;
  if (mode === "kill before") return { kind: "kill", at, when: "before" };
  if (mode === "kill after") return { kind: "kill", at, when: "after" };
  return { kind: "fail", at, code: mode };
}

/** What of a life is known afterwards. */
export interface Counted {
  operations: number;
  /** The operation that was hit. */
  hit: string | undefined;
}

/** Environment of a real process: the fault as JSON, and the file that is told of the hit and of the count. */
export const FAULT_VARIABLE = "NTH_FAULT";
export const REPORT_VARIABLE = "NTH_REPORT";
