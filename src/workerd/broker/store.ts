// Where messages wait between a producer and its consumer.
import type { Millis } from "../../video.js";
import type { ContentType } from "./bodies.js";

/** A message as it is kept; the body as text, by its content type. */
export interface KeptMessage {
  id: string;
  contentType: ContentType;
  body: string;
  sentAt: Millis;
  /** Deliveries so far, the one under way included. */
  attempts: number;
}

export interface NewMessage extends Pick<KeptMessage, "id" | "contentType" | "body"> {
  delayMs: Millis;
}

/** Whose messages something is done to. */
export interface Claim {
  queue: string;
  /** Unique to one claim: whoever comes late settles nothing. */
  token: string;
}

export interface Settlement {
  /** Done with, or given up without a dead letter queue. */
  acknowledged: string[];
  /** To be delivered again from a moment on. */
  retried: { ids: string[]; at: Millis }[];
  /** Moved to the dead letter queue. */
  deadLettered: { ids: string[]; queue: string } | null;
  /** Given back undelivered. */
  released: string[];
}

export interface QueueStore {
  /** Others look into it: a message that has no consumer here may have one elsewhere, or later. */
  readonly isShared: boolean;
  put(queue: string, messages: readonly NewMessage[], now: Millis): Promise<void>;
  /** Takes up to `limit` due messages, oldest first, until the lease ends. */
  claim(claim: Claim, { limit, now, leaseMs }: { limit: number; now: Millis; leaseMs: Millis }): Promise<KeptMessage[]>;
  /** How many of them the claim still holds. */
  renew(claim: Claim, ids: readonly string[], until: Millis): Promise<number>;
  /** All in one step; how many of them the claim still held. May be asked again: what is settled stays as it is. */
  settle(claim: Claim, settlement: Settlement, now: Millis): Promise<number>;
  /** Those of the queues that have a message due. */
  due(queues: readonly string[], now: Millis): Promise<string[]>;
  /** All messages of a queue, whoever has them. */
  count(queue: string): Promise<number>;
}
