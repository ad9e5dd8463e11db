// The binding of a queue's producer: takes messages as workerd does and hands them on.
import type { OutgoingMessage } from "../host/protocol.js";
import type { Realm } from "../realm.js";
import { type ContentType, contentTypeOf, type Packed, pack } from "./queue-bodies.js";
import { int, isObject, optionsOf, wrongParameter } from "./state-arguments.js";
import { countServiceCall } from "./state-call.js";

export interface QueueParts {
  queue: string;
  deliveryDelayS: number;
  realm: Realm;
  /** Resolves when the messages are kept. */
  send: (messages: OutgoingMessage[]) => Promise<void>;
}

export function makeQueue(parts: QueueParts): WorkerQueue {
  return new WorkerQueue(parts);
}

/** workerd's answer: how much is waiting, which it does not know any better locally. */
const SENT = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };

/** The class has workerd's own name, which people see when they print a binding. */
class WorkerQueue {
  readonly #parts: QueueParts;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  async send(...args: unknown[]): Promise<object> {
    if (args.length === 0) throw wrongParameter({ of: "WorkerQueue.send", index: 1, type: "JsValue" });
    const options = optionsOf(args[1], { of: "WorkerQueue.send", index: 2, type: "SendOptions" });
    const packed = pack(args[0], contentTypeOf(options.contentType) ?? this.#defaultType);
    const delayS = delayOf(options.delaySeconds) ?? this.#parts.deliveryDelayS;
    countServiceCall(this.#parts.realm);
    this.#admit([packed]);
    await this.#parts.send([{ ...withoutSize(packed), delayS }]);
    return structuredClone(SENT);
  }

  async sendBatch(...args: unknown[]): Promise<object> {
    const of = "WorkerQueue.sendBatch";
    const [given] = args;
    if (!isObject(given) || typeof given[Symbol.iterator] !== "function") {
      throw wrongParameter({ of, index: 1, type: "Sequence" });
    }
    const options = optionsOf(args[1], { of, index: 2, type: "SendBatchOptions" });
    const messages = Array.from(given as unknown as Iterable<unknown>, requestOf);
    if (messages.length === 0) throw new TypeError("sendBatch() requires at least one message");
    const packed = messages.map(({ body, contentType }) => pack(body, contentType ?? this.#defaultType));
    const delayS = delayOf(options.delaySeconds) ?? this.#parts.deliveryDelayS;
    countServiceCall(this.#parts.realm);
    this.#admit(packed);
    await this.#parts.send(
      packed.map((message, index) => ({ ...withoutSize(message), delayS: messages[index]?.delayS ?? delayS })),
    );
    return structuredClone(SENT);
  }

  async metrics(): Promise<object> {
    countServiceCall(this.#parts.realm);
    return structuredClone(SENT.metadata.metrics);
  }

  get [Symbol.toStringTag](): string {
    return "WorkerQueue";
  }

  get #defaultType(): ContentType {
    return this.#parts.realm.compatibility.queuesJson ? "json" : "v8";
  }

  /** The Worker is told no more than workerd tells it; the log says what was wrong. */
  #admit(messages: readonly Packed[]): void {
    const { queueMessageBytes, queueBatchMessages, queueBatchBytes } = this.#parts.realm.plan.limits;
    const refuse = (why: string) => {
      this.#parts.realm.log("warn", `Queue "${this.#parts.queue}" takes no such message: ${why}`);
      throw new Error("Unknown Internal Error (15000)");
    };
    const largest = Math.max(...messages.map(({ bytes }) => bytes));
    const total = messages.reduce((sum, { bytes }) => sum + bytes, 0);
    if (exceeds(largest, queueMessageBytes)) {
      refuse(`message length of ${largest} bytes exceeds limit of ${queueMessageBytes}`);
    }
    if (exceeds(messages.length, queueBatchMessages)) {
      refuse(`batch message count of ${messages.length} exceeds limit of ${queueBatchMessages}`);
    }
    if (exceeds(total, queueBatchBytes)) {
      refuse(`batch size of ${total} bytes exceeds limit of ${queueBatchBytes}`);
    }
  }
}

interface MessageSendRequest {
  body: unknown;
  contentType: ContentType | undefined;
  delayS: number | undefined;
}

function requestOf(given: unknown): MessageSendRequest {
  if (!isObject(given)) {
    throw new TypeError("Incorrect type: the provided value is not of type 'MessageSendRequest'.");
  }
  const contentType = contentTypeOf(given.contentType);
  return { body: given.body, contentType, delayS: delayOf(given.delaySeconds) };
}

function delayOf(given: unknown): number | undefined {
  return given === undefined ? undefined : Math.max(0, int(given));
}

/** 0 stands for no limit. */
function exceeds(amount: number, limit: number): boolean {
  return limit > 0 && amount > limit;
}

function withoutSize({ body, contentType }: Packed): Omit<OutgoingMessage, "delayS"> {
  return { body, contentType };
}
