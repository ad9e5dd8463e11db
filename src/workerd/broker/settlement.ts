// The settlement of a batch: what its handler acknowledged, what is retried, and what has failed too often.
import type { Millis } from "../../video.js";
import type { LogLevel, QueueResult } from "../host/protocol.js";
import type { QueueConsumer } from "../plan.js";
import type { KeptMessage, Settlement } from "./store.js";

export interface LoggedSettlement {
  settlement: Settlement;
  /** Log lines about messages that are not delivered again. */
  lines: { level: LogLevel; text: string }[];
}

/** The result of a handler that was not called, or whose result is unknown. */
export const FAILED: QueueResult = {
  outcome: "exception",
  ackAll: false,
  retryBatch: { retry: false },
  explicitAcks: [],
  retryMessages: [],
};

/** A call for one message takes precedence over one for the batch; a failed handler acknowledges only explicitly. */
export function settleMessages(
  messages: readonly KeptMessage[],
  { result, consumer, now }: { result: QueueResult; consumer: QueueConsumer; now: Millis },
): LoggedSettlement {
  const acked = new Set(result.explicitAcks);
  const retried = new Map(result.retryMessages.map(({ msgId, delaySeconds }) => [msgId, { delaySeconds }]));
  const batchDelayS = result.retryBatch.delaySeconds ?? consumer.retryDelayS;
  const delayOf = ({ id }: KeptMessage): number | undefined => {
    if (acked.has(id)) return undefined;
    const own = retried.get(id);
    if (own !== undefined) return own.delaySeconds ?? batchDelayS;
    if (result.ackAll) return undefined;
    return result.retryBatch.retry || result.outcome !== "ok" ? batchDelayS : undefined;
  };
  const judged: LoggedSettlement = { settlement: emptySettlement(), lines: [] };
  for (const message of messages) {
    const delayS = delayOf(message);
    if (delayS === undefined) judged.settlement.acknowledged.push(message.id);
    else if (message.attempts > consumer.maxRetries) giveUp(message, { consumer, judged });
    else retry(message, { at: now + Math.max(0, delayS) * 1000, settlement: judged.settlement });
  }
  return judged;
}

/** Deliveries beyond all retries that were never settled: after so many the message is assumed to kill its consumer. */
const MOST_UNSETTLED = 3;

/** Messages that have ended too many instances are given up instead of delivered again. */
export function separateDeadly(
  messages: readonly KeptMessage[],
  consumer: QueueConsumer,
): { deliverable: KeptMessage[]; deadly: LoggedSettlement } {
  const deadly: LoggedSettlement = { settlement: emptySettlement(), lines: [] };
  const isDeadly = ({ attempts }: KeptMessage) => attempts > consumer.maxRetries + 1 + MOST_UNSETTLED;
  for (const message of messages.filter(isDeadly)) {
    giveUp({ ...message, attempts: message.attempts - 1 }, { consumer, judged: deadly });
  }
  return { deliverable: messages.filter((message) => !isDeadly(message)), deadly };
}

export function emptySettlement(): Settlement {
  return { acknowledged: [], retried: [], deadLettered: null, released: [] };
}

function giveUp(
  { id, attempts }: KeptMessage,
  { consumer, judged }: { consumer: QueueConsumer; judged: LoggedSettlement },
): void {
  const { queue, deadLetterQueue } = consumer;
  const after = `after ${attempts} failed ${attempts === 1 ? "attempt" : "attempts"}`;
  if (deadLetterQueue === null) {
    judged.settlement.acknowledged.push(id);
    judged.lines.push({ level: "warn", text: `Dropped message "${id}" on queue "${queue}" ${after}` });
    return;
  }
  judged.settlement.deadLettered ??= { ids: [], queue: deadLetterQueue };
  judged.settlement.deadLettered.ids.push(id);
  const text = `Moved message "${id}" on queue "${queue}" to dead letter queue "${deadLetterQueue}" ${after}`;
  judged.lines.push({ level: "warn", text });
}

function retry({ id }: KeptMessage, { at, settlement }: { at: Millis; settlement: Settlement }): void {
  const same = settlement.retried.find((group) => group.at === at);
  if (same === undefined) settlement.retried.push({ ids: [id], at });
  else same.ids.push(id);
}
