// Why a Worker's thread is no more, as the error that its open events get for an answer.

import type { Usage } from "../limits/meter.js";

export type EndReason =
  /** Ran longer than its caller would wait. */
  | "aborted"
  | "cpu"
  | "memory"
  /** Ended itself, or V8 did. */
  | "crashed"
  /** Did nothing: another event had its thread ended. */
  | "bystander"
  | "closed";

export class ThreadEnded extends Error {
  readonly reason: EndReason;
  /** What the event had used so far, as seen from outside. */
  readonly usage: Usage | undefined;

  constructor(reason: EndReason, message: string, usage?: Usage) {
    super(message);
    this.name = "ThreadEnded";
    this.reason = reason;
    this.usage = usage;
  }
}
