// Messages in this process's memory: for a Worker that is hosted without a database.
import type { Millis } from "../../video.js";
import type { Claim, KeptMessage, NewMessage, QueueStore, Settlement } from "./store.js";

interface Waiting extends KeptMessage {
  visibleAt: Millis;
  token: string | null;
}

export class MemoryQueueStore implements QueueStore {
  readonly isShared = false;
  /** By id, in the order of arrival. */
  readonly #queues = new Map<string, Map<string, Waiting>>();

  async put(queue: string, messages: readonly NewMessage[], now: Millis): Promise<void> {
    for (const { delayMs, ...message } of messages) {
      const waiting = { ...message, sentAt: now, visibleAt: now + delayMs, attempts: 0, token: null };
      this.#of(queue).set(message.id, waiting);
    }
  }

  async claim(
    { queue, token }: Claim,
    { limit, now, leaseMs }: { limit: number; now: Millis; leaseMs: Millis },
  ): Promise<KeptMessage[]> {
    const claimed: KeptMessage[] = [];
    for (const message of this.#of(queue).values()) {
      if (claimed.length === limit) break;
      if (message.visibleAt > now) continue;
      Object.assign(message, { token, visibleAt: now + leaseMs, attempts: message.attempts + 1 });
      const { id, contentType, body, sentAt, attempts } = message;
      claimed.push({ id, contentType, body, sentAt, attempts });
    }
    return claimed;
  }

  async renew(claim: Claim, ids: readonly string[], until: Millis): Promise<number> {
    const held = this.#held(claim, ids);
    for (const message of held) message.visibleAt = until;
    return held.length;
  }

  async settle(
    claim: Claim,
    { acknowledged, retried, deadLettered, released }: Settlement,
    now: Millis,
  ): Promise<number> {
    let settled = 0;
    const each = (ids: readonly string[], change: (message: Waiting) => void) => {
      for (const message of this.#held(claim, ids)) {
        change(message);
        settled++;
      }
    };
    each(acknowledged, ({ id }) => this.#of(claim.queue).delete(id));
    for (const { ids, at } of retried) each(ids, (message) => Object.assign(message, { token: null, visibleAt: at }));
    each(released, (message) => {
      Object.assign(message, { token: null, visibleAt: now, attempts: Math.max(0, message.attempts - 1) });
    });
    if (deadLettered !== null) {
      each(deadLettered.ids, (message) => {
        this.#of(claim.queue).delete(message.id);
        this.#of(deadLettered.queue).set(message.id, { ...message, token: null, visibleAt: now, attempts: 0 });
      });
    }
    return settled;
  }

  async due(queues: readonly string[], now: Millis): Promise<string[]> {
    return queues.filter((queue) => [...this.#of(queue).values()].some(({ visibleAt }) => visibleAt <= now));
  }

  async count(queue: string): Promise<number> {
    return this.#of(queue).size;
  }

  #of(queue: string): Map<string, Waiting> {
    let messages = this.#queues.get(queue);
    if (messages === undefined) {
      messages = new Map();
      this.#queues.set(queue, messages);
    }
    return messages;
  }

  #held({ queue, token }: Claim, ids: readonly string[]): Waiting[] {
    const messages = this.#of(queue);
    return ids
      .map((id) => messages.get(id))
      .filter((message) => message !== undefined && message.token === token) as Waiting[];
  }
}
