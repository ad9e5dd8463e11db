// What an instance counts about its attempts, for its row of hidb_instances.
import type { Millis, Outcome } from "../video.js";

export class Figures {
  completed = 0;
  retried = 0;
  failed = 0;
  released = 0;
  lost = 0;
  busyMs: Millis = 0;

  count(outcome: Outcome): void {
    switch (outcome.kind) {
      case "completed":
        this.completed++;
        return;
      case "retry":
        this.retried++;
        return;
      case "failed":
        this.failed++;
        return;
      case "released":
        this.released++;
        return;
      default:
        outcome satisfies never;
    }
  }
}
