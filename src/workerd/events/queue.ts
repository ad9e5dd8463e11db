// The event `queue`: a batch of messages for a consumer.
import type { QueueCall } from "../host/protocol.js";
import type { Realm } from "../realm.js";
import type { Handler } from "./handlers.js";
import { makeBatch } from "./queue-batch.js";
import type { EventKind } from "./run.js";

const NO_HANDLER = "Handler does not export a queue() function.";

export function queueEvent(
  given: QueueCall,
  find: (parts: Parameters<EventKind<"queue">["respond"]>[0]) => Handler | undefined,
  realm: Realm,
): EventKind<"queue"> {
  const { batch, result } = makeBatch({ ...given, realm });
  return {
    kind: "queue",
    respond: async (parts) => {
      const handler = find(parts);
      if (handler === undefined) throw new Error(NO_HANDLER);
      await handler(batch);
      return result("ok");
    },
    onThrow: () => result("exception"),
    // Asked again: waitUntil work has its say about messages too.
    conclude: ({ outcome }, { failures }) => result(failures.length > 0 ? "exception" : outcome),
  };
}
