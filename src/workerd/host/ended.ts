// Why a Worker's thread has ended: the error that its open events are rejected with.

import type { Usage } from "../limits/meter.js";

export type EndReason =
  /** The event took longer than its caller waits. */
  | "aborted"
  | "cpu"
  | "memory"
  /** Ended itself, or V8 did. */
  | "crashed"
  /** The event used the CPU without a pause while others in its thread were waiting. */
  | "blocked"
  /** The event did nothing wrong: the thread was ended because of another one. */
  | "bystander"
  | "closed";

export class ThreadEnded extends Error {
  readonly reason: EndReason;
  /** What the event had used so far, as seen from outside. */
  readonly usage: Usage | undefined;
  /** Several events were open and the cause is unknown; running each alone shows it. */
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
