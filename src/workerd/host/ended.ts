// Why a Worker's thread is no more, as the error that its open events get for an answer.

import type { Usage } from "../limits/meter.js";

export type EndReason =
  /** Ran longer than its caller would wait. */
  | "aborted"
  | "cpu"
  | "memory"
  /** Ended itself, or V8 did. */
  | "crashed"
  /** Computed on and on while others in its thread were waiting. */
  | "blocked"
  /** Did nothing: another event had its thread ended. */
  | "bystander"
  | "closed";

export class ThreadEnded extends Error {
  readonly reason: EndReason;
  /** What the event had used so far, as seen from outside. */
  readonly usage: Usage | undefined;
  /** Several events were open and nobody can tell whose doing it was; run alone, each would show. */
  readonly shared: boolean;

  constructor(reason: EndReason, message: string, usage?: Usage, shared = false) {
    super(message);
    this.name = "ThreadEnded";
    this.reason = reason;
    this.usage = usage;
    this.shared = shared;
  }
}

/** V8 has ended a thread for its memory. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
}
