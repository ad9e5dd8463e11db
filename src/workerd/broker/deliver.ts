// Delivers a batch again when its thread ended because of another event: its messages are not charged for that.
import { ThreadEnded } from "../host/ended.js";
import type { Host } from "../host/host.js";
import type { QueueCall, QueueResult } from "../host/protocol.js";

const BYSTANDER_TRIES = 3;

export async function deliverBatch(host: Host, call: QueueCall): Promise<QueueResult> {
  for (let tries = 1, alone = false; ; tries++) {
    try {
      return await host.run({ kind: "queue", call }, undefined, { alone }).answer;
    } catch (error) {
      if (!(error instanceof ThreadEnded)) throw error;
      // Alone in a thread the batch shows whether it was the cause.
      if (error.shared && !alone) alone = true;
      else if (error.reason !== "bystander" || tries === BYSTANDER_TRIES) throw error;
    }
  }
}
