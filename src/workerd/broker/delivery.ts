// One queue's batches, one after the other: claimed, gathered, delivered, settled.
import type { Clock } from "../../clock.js";
import { isOutcomeUnknown, messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import { ThreadEnded } from "../host/ended.js";
import type { DeliveredMessage, LogLevel, QueueResult } from "../host/protocol.js";
import type { QueueConsumer } from "../plan.js";
import { Alarm } from "./alarm.js";
import { decodeBody } from "./bodies.js";
import { emptySettlement, FAILED, separateDeadly, settleMessages } from "./settlement.js";
import type { Claim, KeptMessage, QueueStore, Settlement } from "./store.js";
import { WakeSignal } from "./wake-signal.js";

/** What all queues of a Worker share. */
export interface QueueParts {
  store: QueueStore;
  /** Resolves to workerd's own result; a rejection counts as a handler that failed. */
  deliver: (queue: string, messages: DeliveredMessage[]) => Promise<QueueResult>;
  clock: Clock;
  onLog: (level: LogLevel, text: string) => void;
  /** How long messages belong to an instance that does not renew; it renews while it delivers them. */
  leaseMs: Millis;
  /** How often the store is polled for messages of other instances, sent or abandoned. */
  pollMs: Millis;
}

interface DeliveryParts extends QueueParts {
  consumer: QueueConsumer;
  wakeQueueAt: (queue: string, at: Millis) => void;
}

/** The wait after an error of the store; shorter than the lease of claimed messages. */
const RETRY_MS = 1000;

export class QueueDelivery {
  readonly #parts: DeliveryParts;
  readonly #signal = new WakeSignal();
  readonly #alarm: Alarm;
  #isStopping = false;
  /** Nothing is claimed, and nothing is known to be due. */
  isIdle = true;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.wake());
  }

  get queue(): string {
    return this.#parts.consumer.queue;
  }

  wake(): void {
    this.isIdle = false;
    this.#signal.wake();
  }

  wakeAt(at: Millis): void {
    if (at <= this.#parts.clock.now()) this.wake();
    else this.#alarm.set(at);
  }

  stop(): void {
    this.#alarm.stop();
    this.#isStopping = true;
    this.#signal.wake();
  }

  async run(): Promise<void> {
    const { clock, onLog } = this.#parts;
    while (!this.#isStopping) {
      this.isIdle = false;
      try {
        while (await this.#deliverOnce());
      } catch (error) {
        onLog("warn", `Queue "${this.queue}" cannot be worked on: ${messageOf(error)}`);
        if (!this.#isStopping) await this.#signal.wait(RETRY_MS, clock);
      }
      this.isIdle = true;
      if (!this.#isStopping) await this.#signal.wait(undefined, clock);
    }
  }

  /** True when there may be more. */
  async #deliverOnce(): Promise<boolean> {
    const { consumer, clock } = this.#parts;
    if (this.#isStopping) return false;
    const claim: Claim = { queue: this.queue, token: clock.uniqueId() };
    const messages: KeptMessage[] = [];
    const renewal = this.#keepLease(claim, messages);
    try {
      await this.#gather(claim, messages);
      if (messages.length === 0) return false;
      if (this.#isStopping) {
        await this.#settle(claim, { ...emptySettlement(), released: idsOf(messages) }, messages.length);
        return false;
      }
      const { deliverable, deadly } = separateDeadly(messages, consumer);
      const result = deliverable.length > 0 ? await this.#deliver(deliverable) : FAILED;
      const judged =
        result === null
          ? { settlement: { ...emptySettlement(), released: idsOf(deliverable) }, lines: [] }
          : settleMessages(deliverable, { result, consumer, now: clock.now() });
      for (const { level, text } of [...deadly.lines, ...judged.lines]) this.#parts.onLog(level, text);
      await this.#settle(claim, merge(deadly.settlement, judged.settlement), messages.length);
      return result !== null;
    } finally {
      renewal.stop();
    }
  }

  /** Claims up to a full batch, within `maxBatchTimeoutMs` after the first message. */
  async #gather(claim: Claim, messages: KeptMessage[]): Promise<void> {
    const { store, consumer, clock, leaseMs } = this.#parts;
    let deadline = Number.POSITIVE_INFINITY;
    while (messages.length < consumer.maxBatchSize) {
      const now = clock.now();
      const limit = consumer.maxBatchSize - messages.length;
      messages.push(...(await store.claim(claim, { limit, now, leaseMs })));
      deadline = Math.min(deadline, now + consumer.maxBatchTimeoutMs);
      const left = deadline - clock.now();
      if (messages.length === 0 || messages.length === consumer.maxBatchSize) return;
      if (left <= 0 || this.#isStopping) return;
      await this.#signal.wait(left, clock);
    }
  }

  /** Null when the Worker was closed meanwhile, which is no failure of the messages. */
  async #deliver(messages: readonly KeptMessage[]): Promise<QueueResult | null> {
    try {
      return await this.#parts.deliver(this.queue, messages.map(toDelivered));
    } catch (error) {
      if (error instanceof ThreadEnded && error.reason === "closed") return null;
      this.#parts.onLog("error", `Queue "${this.queue}": a batch failed: ${messageOf(error)}`);
      return FAILED;
    }
  }

  /** Retries while the lease holds, so that a busy database does not cause a second delivery. */
  async #settle(claim: Claim, settlement: Settlement, count: number): Promise<void> {
    const { store, clock, onLog, leaseMs, wakeQueueAt } = this.#parts;
    const until = clock.now() + leaseMs;
    for (let maybeSettled = false; ; ) {
      try {
        const settled = await store.settle(claim, settlement, clock.now());
        if (settled < count && !maybeSettled)
          onLog("warn", `Queue "${this.queue}": the lease of ${count - settled} messages was lost`);
        break;
      } catch (error) {
        if (clock.now() >= until) throw error;
        maybeSettled ||= isOutcomeUnknown(error);
        await clock.sleep(RETRY_MS);
      }
    }
    for (const { at } of settlement.retried) wakeQueueAt(this.queue, at);
    if (settlement.deadLettered !== null) wakeQueueAt(settlement.deadLettered.queue, clock.now());
  }

  #keepLease(claim: Claim, messages: readonly KeptMessage[]): { stop: () => void } {
    const { store, clock, leaseMs, onLog } = this.#parts;
    const stopped = new AbortController();
    void (async () => {
      for (;;) {
        await clock.sleep(leaseMs / 3, stopped.signal);
        if (stopped.signal.aborted) return;
        if (messages.length === 0) continue;
        try {
          await store.renew(claim, idsOf(messages), clock.now() + leaseMs);
        } catch (error) {
          onLog("warn", `Queue "${this.queue}": a lease cannot be renewed: ${messageOf(error)}`);
        }
      }
    })();
    return { stop: () => stopped.abort() };
  }
}

function idsOf(messages: readonly KeptMessage[]): string[] {
  return messages.map(({ id }) => id);
}

function toDelivered({ id, sentAt, attempts, body, contentType }: KeptMessage): DeliveredMessage {
  return { id, timestamp: sentAt, body: decodeBody(body, contentType), attempts };
}

/** The two are about different messages of one batch. */
function merge(one: Settlement, other: Settlement): Settlement {
  const queue = one.deadLettered?.queue ?? other.deadLettered?.queue;
  return {
    acknowledged: [...one.acknowledged, ...other.acknowledged],
    retried: [...one.retried, ...other.retried],
    deadLettered:
      queue === undefined
        ? null
        : { queue, ids: [...(one.deadLettered?.ids ?? []), ...(other.deadLettered?.ids ?? [])] },
    released: [...one.released, ...other.released],
  };
}
