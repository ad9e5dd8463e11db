// Delivers the messages of queues to the Worker that consumes them, at least once: a message that an instance claims and
// does not settle, for example because it is killed, is delivered again after its lease has run out.
import { randomBytes } from "node:crypto";
import { messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import type { OutgoingMessage } from "../host/protocol.js";
import type { QueueConsumer } from "../plan.js";
import { encodeBody } from "./bodies.js";
import { QueueDelivery, type QueueParts } from "./delivery.js";
import { WakeSignal } from "./wake-signal.js";

export interface BrokerParts extends QueueParts {
  consumers: readonly QueueConsumer[];
}

export class Broker {
  readonly #parts: BrokerParts;
  readonly #deliveries: Map<string, QueueDelivery>;
  readonly #signal = new WakeSignal();
  #isDraining = false;
  #sent = 0;
  #work: Promise<unknown> = Promise.resolve();

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.#deliveries = new Map(
      parts.consumers.map((consumer) => [
        consumer.queue,
        new QueueDelivery({ ...parts, consumer, wakeQueueAt: this.#wakeAt }),
      ]),
    );
  }

  start(): void {
    if (this.#deliveries.size === 0) return;
    this.#work = Promise.all([this.#poll(), ...Array.from(this.#deliveries.values(), (delivery) => delivery.run())]);
  }

  /** Stores messages for their consumer, which may be another instance; resolves when they are stored. */
  async send(queue: string, messages: readonly OutgoingMessage[]): Promise<void> {
    const { store, clock, onLog } = this.#parts;
    if (!store.isShared && !this.#deliveries.has(queue)) {
      onLog("debug", `Queue "${queue}" has no consumer here: ${messages.length} messages are dropped`);
      return;
    }
    const now = clock.now();
    const kept = messages.map(({ body, contentType, delayS }) => ({
      id: makeId(now, this.#sent++),
      contentType,
      body: encodeBody(body, contentType),
      delayMs: delayS * 1000,
    }));
    await store.put(queue, kept, now);
    const delays = new Set(messages.map(({ delayS }) => delayS * 1000));
    for (const delayMs of delays) this.#wakeAt(queue, now + delayMs);
  }

  /** Polls now: another instance may have sent messages. */
  wake(): void {
    this.#signal.wake();
  }

  /** Claims no more, releases what is not delivered yet, and resolves when the last batch is settled. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#signal.wake();
    for (const delivery of this.#deliveries.values()) delivery.stop();
    await this.#work;
  }

  /** One query for all queues, and only while one of them is idle. */
  async #poll(): Promise<void> {
    const { store, clock, pollMs, onLog } = this.#parts;
    while (!this.#isDraining) {
      const idle = [...this.#deliveries.values()].filter((delivery) => delivery.isIdle);
      const queues = idle.map(({ queue }) => queue);
      try {
        const due = queues.length > 0 ? await store.due(queues, clock.now()) : [];
        for (const queue of due) this.#deliveries.get(queue)?.wake();
      } catch (error) {
        onLog("warn", `The queues cannot be looked at: ${messageOf(error)}`);
      }
      if (!this.#isDraining) await this.#signal.wait(pollMs, clock);
    }
  }

  /** Messages of this instance are due without waiting for the next poll. */
  readonly #wakeAt = (queue: string, at: Millis): void => {
    if (!this.#isDraining) this.#deliveries.get(queue)?.wakeAt(at);
  };
}

/** Ids begin with time and sequence, so that those of a later message of this process are greater. */
function makeId(now: Millis, sequence: number): string {
  const time = Math.floor(now).toString(16).padStart(12, "0");
  return `${time}${(sequence % 0x10000).toString(16).padStart(4, "0")}${randomBytes(8).toString("hex")}`;
}
