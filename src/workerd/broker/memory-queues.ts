// The queues of a Worker that is hosted without a database: what it sends to itself is delivered while the host lives.
import { systemClock } from "../../clock.js";
import type { Host } from "../host/host.js";
import type { LogLevel, OutgoingMessage } from "../host/protocol.js";
import type { WorkerPlan } from "../plan.js";
import { Broker } from "./broker.js";
import { MemoryQueueStore } from "./memory-store.js";

/** Nobody else sends or takes anything here, so there is next to nothing to look for. */
const POLL_MS = 60_000;
const LEASE_MS = 3_600_000;

export class MemoryQueues {
  readonly #plan: WorkerPlan;
  readonly #onLog: (level: LogLevel, text: string) => void;
  readonly #broker: Broker;
  #host: Pick<Host, "run"> | undefined;

  constructor(plan: WorkerPlan, onLog: (level: LogLevel, text: string) => void) {
    this.#plan = plan;
    this.#onLog = onLog;
    this.#broker = new Broker({
      store: new MemoryQueueStore(),
      consumers: plan.consumers,
      deliver: async (queue, messages) => {
        if (this.#host === undefined) throw new Error("the Worker has not started yet");
        return this.#host.run({ kind: "queue", call: { queue, messages } }).answer;
      },
      clock: systemClock,
      onLog,
      leaseMs: LEASE_MS,
      pollMs: POLL_MS,
    });
  }

  async send(queue: string, messages: readonly OutgoingMessage[]): Promise<void> {
    // As in miniflare: what nobody consumes is taken and forgotten.
    if (this.#reaches(queue)) await this.#broker.send(queue, messages);
    else this.#onLog("debug", `Queue "${queue}" has no consumer here: ${messages.length} messages are dropped`);
  }

  /** From here on messages are delivered. */
  deliverTo(host: Pick<Host, "run">): void {
    this.#host = host;
    this.#broker.start();
  }

  close(): Promise<void> {
    return this.#broker.drain();
  }

  #reaches(queue: string): boolean {
    return this.#plan.consumers.some((consumer) => consumer.queue === queue);
  }
}
