// A batch as a Worker's queue handler is given it, and what it has said about the messages when it is done.
import { int, optionsOf } from "../env/state-arguments.js";
import { illegalInvocation } from "../globals/refusals.js";
import type { DeliveredMessage, QueueCall, QueueResult } from "../host/protocol.js";
import type { Realm } from "../realm.js";

export interface Batch {
  batch: QueueController;
  /** workerd's own result: what has been said, whatever the outcome. */
  result(outcome: QueueResult["outcome"]): QueueResult;
}

export function makeBatch({ queue, messages, realm }: QueueCall & { realm: Realm }): Batch {
  const verdict = new Verdict(realm);
  const batch = new QueueController({
    queue,
    messages: messages.map((one) => new QueueMessage(one, verdict)),
    verdict,
  });
  return { batch, result: (outcome) => verdict.result(outcome) };
}

type Method = "ack" | "retry" | "ackAll" | "retryAll";

/** The first word counts; a later one that says otherwise is warned of and has no effect. */
class Verdict {
  readonly #realm: Realm;
  readonly #acked = new Set<string>();
  /** With the delay in seconds. */
  readonly #retried = new Map<string, number | undefined>();
  #all: "ackAll" | "retryAll" | undefined;
  #delayS: number | undefined;

  constructor(realm: Realm) {
    this.#realm = realm;
  }

  ack(id: string): void {
    if (this.#all === "ackAll") return;
    const on = ` on message ${id}`;
    if (this.#all === "retryAll") this.#warn({ on, call: "ack", before: "retryAll" });
    else if (this.#retried.has(id)) this.#warn({ on, call: "ack", before: "retry" });
    else this.#acked.add(id);
  }

  retry(id: string, delayS: number | undefined): void {
    const on = ` on message ${id}`;
    if (this.#all === "ackAll") this.#warn({ on, call: "retry", before: "ackAll" });
    else if (this.#acked.has(id)) this.#warn({ on, call: "retry", before: "ack" });
    else this.#retried.set(id, delayS);
  }

  ackAll(): void {
    if (this.#all === "retryAll") this.#warn({ call: "ackAll", before: "retryAll" });
    else this.#all = "ackAll";
  }

  retryAll(delayS: number | undefined): void {
    if (this.#all === "ackAll") {
      this.#warn({ call: "retryAll", before: "ackAll" });
      return;
    }
    this.#all = "retryAll";
    this.#delayS = delayS ?? this.#delayS;
  }

  result(outcome: QueueResult["outcome"]): QueueResult {
    const retry = this.#all === "retryAll";
    return {
      outcome,
      ackAll: this.#all === "ackAll",
      retryBatch: { retry, ...(this.#delayS !== undefined && { delaySeconds: this.#delayS }) },
      explicitAcks: [...this.#acked],
      retryMessages: Array.from(this.#retried, ([msgId, delaySeconds]) => ({
        msgId,
        ...(delaySeconds !== undefined && { delaySeconds }),
      })),
    };
  }

  #warn({ call, before, on = "" }: { call: Method; before: Method; on?: string }): void {
    const what = on === "" ? `${call}()` : `${call}() on a message`;
    this.#realm.log(
      "warn",
      `Received a call to ${call}()${on} after ${before}() was already called. ` +
        `Calling ${what} after calling ${before}() has no effect.`,
    );
  }
}

/** What the Worker cannot see of a controller or a message. */
const hidden = new WeakMap<object, { verdict: Verdict; id: string }>();

/** Throws for a method that was taken off its object. */
function hiddenOf(owner: unknown): { verdict: Verdict; id: string } {
  const found = typeof owner === "object" && owner !== null ? hidden.get(owner) : undefined;
  if (found === undefined) throw illegalInvocation();
  return found;
}

interface ControllerParts {
  queue: string;
  messages: readonly QueueMessage[];
  verdict: Verdict;
}

/** The classes have workerd's own names, and its properties: own ones, read only, lists and dates new at each look. */
class QueueController {
  declare readonly metadata: object;
  declare readonly queue: string;
  declare readonly messages: QueueMessage[];

  constructor({ queue, messages, verdict }: ControllerParts) {
    hidden.set(this, { verdict, id: "" });
    expose(this, {
      metadata: () => ({ metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: undefined } }),
      queue: () => queue,
      messages: () => [...messages],
    });
  }

  ackAll(): void {
    hiddenOf(this).verdict.ackAll();
  }

  retryAll(options?: unknown): void {
    const { verdict } = hiddenOf(this);
    verdict.retryAll(delayOf(options, "QueueController.retryAll"));
  }

  get [Symbol.toStringTag](): string {
    return "QueueController";
  }
}

class QueueMessage {
  declare readonly attempts: number;
  declare readonly body: unknown;
  declare readonly timestamp: Date;
  declare readonly id: string;

  constructor({ id, timestamp, body, attempts }: DeliveredMessage, verdict: Verdict) {
    hidden.set(this, { verdict, id });
    expose(this, { attempts: () => attempts, body: () => body, timestamp: () => new Date(timestamp), id: () => id });
  }

  ack(): void {
    const { verdict, id } = hiddenOf(this);
    verdict.ack(id);
  }

  retry(options?: unknown): void {
    const { verdict, id } = hiddenOf(this);
    verdict.retry(id, delayOf(options, "QueueMessage.retry"));
  }

  get [Symbol.toStringTag](): string {
    return "QueueMessage";
  }
}

function delayOf(given: unknown, of: string): number | undefined {
  const { delaySeconds } = optionsOf(given, { of, index: 1, type: "QueueRetryOptions" });
  return delaySeconds === undefined ? undefined : int(delaySeconds);
}

function expose(target: object, getters: Record<string, () => unknown>): void {
  for (const [name, get] of Object.entries(getters)) {
    Object.defineProperty(target, name, { get, enumerable: true, configurable: true });
  }
}
