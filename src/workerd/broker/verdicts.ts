// What becomes of the messages of a batch, by what the handler has said and how it ended.
import type { Millis } from "../../video.js";
import type { LogLevel, QueueResult } from "../host/protocol.js";
import type { QueueConsumer } from "../plan.js";
import type { KeptMessage, Settlement } from "./store.js";

export interface Judged {
  settlement: Settlement;
  /** Of messages that are given up. */
  lines: { level: LogLevel; text: string }[];
}

/** A handler that was never reached, or of which nothing is known. */
export const FAILED: QueueResult = {
  outcome: "exception",
  ackAll: false,
  retryBatch: { retry: false },
  explicitAcks: [],
  retryMessages: [],
};

/** What is said of one message goes before what is said of all; a handler that failed has acknowledged nothing else. */
export function judge(
  messages: readonly KeptMessage[],
  { result, consumer, now }: { result: QueueResult; consumer: QueueConsumer; now: Millis },
): Judged {
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
  const judged: Judged = { settlement: nothing(), lines: [] };
  for (const message of messages) {
    const delayS = delayOf(message);
    if (delayS === undefined) judged.settlement.acknowledged.push(message.id);
    else if (message.attempts > consumer.maxRetries) giveUp(message, { consumer, judged });
    else retry(message, { at: now + Math.max(0, delayS) * 1000, settlement: judged.settlement });
  }
  return judged;
}

/** Deliveries beyond all retries whose end nobody has seen: after so many the message is taken to kill its consumer. */
const DEATHS_FORGIVEN = 3;

/** Those that have ended too many instances are given up before they are delivered once more. */
export function sortOutDeadly(
  messages: readonly KeptMessage[],
  consumer: QueueConsumer,
): { fit: KeptMessage[]; deadly: Judged } {
  const deadly: Judged = { settlement: nothing(), lines: [] };
  const isDeadly = ({ attempts }: KeptMessage) => attempts > consumer.maxRetries + 1 + DEATHS_FORGIVEN;
  for (const message of messages.filter(isDeadly)) {
    giveUp({ ...message, attempts: message.attempts - 1 }, { consumer, judged: deadly });
  }
  return { fit: messages.filter((message) => !isDeadly(message)), deadly };
}

export function nothing(): Settlement {
  return { acknowledged: [], retried: [], buried: null, released: [] };
}

function giveUp(
  { id, attempts }: KeptMessage,
  { consumer, judged }: { consumer: QueueConsumer; judged: Judged },
): void {
  const { queue, deadLetterQueue } = consumer;
  const after = `after ${attempts} failed ${attempts === 1 ? "attempt" : "attempts"}`;
  if (deadLetterQueue === null) {
    judged.settlement.acknowledged.push(id);
    judged.lines.push({ level: "warn", text: `Dropped message "${id}" on queue "${queue}" ${after}` });
    return;
  }
  judged.settlement.buried ??= { ids: [], queue: deadLetterQueue };
  judged.settlement.buried.ids.push(id);
  const text = `Moved message "${id}" on queue "${queue}" to dead letter queue "${deadLetterQueue}" ${after}`;
  judged.lines.push({ level: "warn", text });
}

function retry({ id }: KeptMessage, { at, settlement }: { at: Millis; settlement: Settlement }): void {
  const same = settlement.retried.find((group) => group.at === at);
  if (same === undefined) settlement.retried.push({ ids: [id], at });
  else same.ids.push(id);
}
