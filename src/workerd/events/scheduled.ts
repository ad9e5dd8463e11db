// The event `scheduled`: a cron trigger.
import type { ScheduledCall, ScheduledResult } from "../host/protocol.js";
import type { Handler } from "./handlers.js";
import type { EventKind } from "./run.js";

const NO_HANDLER = "Handler does not export a scheduled() function.";

class ScheduledController {
  declare readonly scheduledTime: number;
  declare readonly cron: string;
  #retries = true;

  constructor({ cron, scheduledTime }: ScheduledCall) {
    Object.assign(this, { scheduledTime, cron });
  }

  noRetry(): void {
    this.#retries = false;
  }

  static retries(controller: ScheduledController): boolean {
    return controller.#retries;
  }

  get [Symbol.toStringTag](): string {
    return "ScheduledController";
  }
}

export function scheduledEvent(
  given: ScheduledCall,
  find: (parts: Parameters<EventKind<"scheduled">["respond"]>[0]) => Handler | undefined,
): EventKind<"scheduled"> {
  const controller = new ScheduledController(given);
  const result = (outcome: ScheduledResult["outcome"]): ScheduledResult => {
    return { outcome, noRetry: !ScheduledController.retries(controller) };
  };
  return {
    kind: "scheduled",
    respond: async (parts) => {
      const handler = find(parts);
      if (handler === undefined) {
        controller.noRetry();
        throw new Error(NO_HANDLER);
      }
      await handler(controller);
      return result("ok");
    },
    onThrow: () => result("exception"),
    // Asked again: noRetry() may have been called in waitUntil work.
    conclude: ({ outcome }, { failures }) => result(failures.length > 0 ? "exception" : outcome),
  };
}
