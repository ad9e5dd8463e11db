// Messages in the pool's database: seen by all its instances, and there after all of them have ended.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Database } from "../../database/database.js";
import { isOutcomeUnknown } from "../../errors.js";
import type { Millis } from "../../video.js";
import * as sql from "./statements.js";
import type { Claim, KeptMessage, NewMessage, QueueStore, Settlement } from "./store.js";

export class DatabaseQueueStore implements QueueStore {
  readonly isShared = true;
  readonly #database: Pick<Database, "prepare" | "batch">;

  constructor(database: Pick<Database, "prepare" | "batch">) {
    this.#database = database;
  }

  async put(queue: string, messages: readonly NewMessage[], now: Millis): Promise<void> {
    const kept = JSON.stringify(messages);
    const put = () => this.#database.prepare(sql.PUT).bind(queue, now, now, kept).run();
    await put().catch((error: unknown) => (isOutcomeUnknown(error) ? put() : Promise.reject(error)));
  }

  async claim(
    { queue, token }: Claim,
    { limit, now, leaseMs }: { limit: number; now: Millis; leaseMs: Millis },
  ): Promise<KeptMessage[]> {
    try {
      const claim = this.#database.prepare(sql.CLAIM).bind(token, now + leaseMs, queue, queue, now, limit);
      return inOrder((await claim.all<KeptMessage>()).results);
    } catch (error) {
      if (!isOutcomeUnknown(error)) throw error;
      const claimed = this.#database.prepare(sql.FIND_CLAIMED).bind(queue, token);
      return inOrder((await claimed.all<KeptMessage>()).results);
    }
  }

  async renew({ queue, token }: Claim, ids: readonly string[], until: Millis): Promise<number> {
    const renewal = this.#database.prepare(sql.RENEW).bind(until, queue, JSON.stringify(ids), token);
    return (await renewal.run()).meta.changes;
  }

  async settle({ queue, token }: Claim, settlement: Settlement, now: Millis): Promise<number> {
    const { acknowledged, retried, deadLettered, released } = settlement;
    const steps: D1PreparedStatement[] = [];
    const add = (statement: string, ids: readonly string[], ...first: (string | number)[]) => {
      if (ids.length === 0) return;
      steps.push(this.#database.prepare(statement).bind(...first, queue, JSON.stringify(ids), token));
    };
    add(sql.ACKNOWLEDGE, acknowledged);
    for (const { ids, at } of retried) add(sql.RETRY, ids, at);
    if (deadLettered !== null) add(sql.MOVE_TO_DEAD_LETTERS, deadLettered.ids, deadLettered.queue, now);
    add(sql.RELEASE, released, now);
    const results = steps.length > 0 ? await this.#database.batch(steps) : [];
    return results.reduce((sum, { meta }) => sum + meta.changes, 0);
  }

  async due(queues: readonly string[], now: Millis): Promise<string[]> {
    const { results } = await this.#database
      .prepare(sql.FIND_DUE)
      .bind(JSON.stringify(queues), now)
      .all<{ queue: string }>();
    return results.map(({ queue }) => queue);
  }

  async count(queue: string): Promise<number> {
    return (await this.#database.prepare(sql.COUNT).bind(queue).first<number>("count")) ?? 0;
  }
}

/** RETURNING keeps no order. */
function inOrder(messages: KeptMessage[]): KeptMessage[] {
  return messages.toSorted((one, other) => (one.id < other.id ? -1 : 1));
}
