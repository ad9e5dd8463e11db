import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { migrate } from "../../src/database/migrate.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { Broker, type BrokerParts } from "../../src/workerd/broker/broker.js";
import { DatabaseQueueStore } from "../../src/workerd/broker/database-store.js";
import { MemoryQueueStore } from "../../src/workerd/broker/memory-store.js";
import type { QueueStore } from "../../src/workerd/broker/store.js";
import { ThreadEnded } from "../../src/workerd/host/ended.js";
import type { DeliveredMessage, OutgoingMessage, QueueResult } from "../../src/workerd/host/protocol.js";
import type { QueueConsumer } from "../../src/workerd/plan.js";
import { ManualClock, MIGRATIONS } from "../claim/world.js";

const OK: QueueResult = {
  ...{ outcome: "ok", ackAll: false, retryBatch: { retry: false }, explicitAcks: [], retryMessages: [] },
};
const LEASE_MS = 60_000;
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function newDatabase(): Promise<Database> {
  const database = await openSqlite(":memory:", { clock: systemClock, create: true });
  ends.push(() => database.close());
  await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
  return database;
}

const STORES: [string, () => Promise<QueueStore>][] = [
  ["memory", async () => new MemoryQueueStore()],
  ["a database", async () => new DatabaseQueueStore(await newDatabase())],
];

type Answer = (messages: DeliveredMessage[]) => Partial<QueueResult> | Promise<Partial<QueueResult>>;

interface Given extends Partial<QueueConsumer> {
  store: QueueStore;
  clock?: ManualClock;
  answer?: Answer;
  parts?: Partial<BrokerParts>;
}

function setup({ store, clock = new ManualClock(), answer = () => OK, parts, ...consumer }: Given) {
  const delivered: DeliveredMessage[][] = [];
  const lines: string[] = [];
  const broker = new Broker({
    store,
    consumers: [
      {
        ...{ queue: "q", maxBatchSize: 10, maxBatchTimeoutMs: 0, maxRetries: 2, retryDelayS: 0, deadLetterQueue: null },
        ...consumer,
      },
    ],
    deliver: async (_queue, messages) => {
      delivered.push(messages);
      return { ...OK, ...(await answer(messages)) };
    },
    clock,
    onLog: (_level, text) => lines.push(text),
    leaseMs: LEASE_MS,
    pollMs: 1000,
    ...parts,
  });
  ends.push(() => broker.drain());
  const bodies = () => delivered.map((batch) => batch.map(({ body, attempts }) => `${body}${attempts}`).join(" "));
  return { broker, clock, store, delivered, lines, bodies };
}

function json(...bodies: unknown[]): OutgoingMessage[] {
  return bodies.map((body) => ({ body, contentType: "json", delayS: 0 }));
}

/** Lets everything happen that needs no time to pass. */
async function calm(): Promise<void> {
  for (let times = 0; times < 40; times++) await turn();
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  await calm();
}

describe.each(STORES)("a broker on %s", (_name, newStore) => {
  it("delivers what was sent, oldest first, and forgets what was acknowledged", async () => {
    const { broker, store, delivered, bodies } = setup({ store: await newStore() });
    await broker.send("q", json("a", "b"));
    await broker.send("q", json("c"));
    broker.start();
    await calm();
    expect(bodies()).toEqual(["a1 b1 c1"]);
    expect(delivered[0]?.[0]?.id).toMatch(/^[0-9a-f]{32}$/);
    expect(await store.count("q")).toBe(0);
  });

  it("gives each body back as it was sent", async () => {
    const { broker, delivered } = setup({ store: await newStore() });
    await broker.send("q", [
      { body: { n: [1, null], s: "\u0000ü'\u2028" }, contentType: "json", delayS: 0 },
      { body: 'a\u0000b "quoted" \u{1F600}', contentType: "text", delayS: 0 },
      { body: new Uint8Array([0, 255]), contentType: "bytes", delayS: 0 },
      {
        body: new Map<unknown, unknown>([
          ["at", new Date(5)],
          [1n, new Uint8Array([7])],
        ]),
        contentType: "v8",
        delayS: 0,
      },
    ]);
    broker.start();
    await calm();
    expect(delivered[0]?.map(({ body }) => body)).toEqual([
      { n: [1, null], s: "\u0000ü'\u2028" },
      'a\u0000b "quoted" \u{1F600}',
      new Uint8Array([0, 255]).buffer,
      new Map<unknown, unknown>([
        ["at", new Date(5)],
        [1n, new Uint8Array([7])],
      ]),
    ]);
  });

  it("fills batches, and waits for others no longer than the consumer wants", async () => {
    const { broker, clock, bodies } = setup({ store: await newStore(), maxBatchSize: 3, maxBatchTimeoutMs: 500 });
    broker.start();
    await broker.send("q", json("a", "b", "c", "d"));
    await calm();
    expect(bodies()).toEqual(["a1 b1 c1"]);
    await pass(clock, 499);
    expect(bodies().length).toBe(1);
    await broker.send("q", json("e"));
    await pass(clock, 1);
    expect(bodies().slice(1)).toEqual(["d1 e1"]);
    await broker.send("q", json("f"));
    await calm();
    await broker.send("q", json("g", "h"));
    await calm();
    expect(bodies().slice(2)).toEqual(["f1 g1 h1"]);
  });

  it("delivers one batch of a queue at a time", async () => {
    const gates: (() => void)[] = [];
    const answer = () => new Promise<Partial<QueueResult>>((resolve) => gates.push(() => resolve({})));
    const { broker, bodies } = setup({ store: await newStore(), maxBatchSize: 1, answer });
    broker.start();
    await broker.send("q", json("a", "b"));
    await calm();
    expect(bodies()).toEqual(["a1"]);
    gates[0]?.();
    await calm();
    expect(bodies()).toEqual(["a1", "b1"]);
    gates[1]?.();
  });

  it("delivers a delayed message when its time has come", async () => {
    const { broker, clock, bodies } = setup({ store: await newStore(), parts: { pollMs: 1e9 } });
    broker.start();
    await broker.send("q", [{ body: "late", contentType: "text", delayS: 90 }, ...json("now")]);
    await calm();
    expect(bodies()).toEqual(["now1"]);
    await pass(clock, 89_999);
    expect(bodies().length).toBe(1);
    await pass(clock, 1);
    expect(bodies()).toEqual(["now1", "late1"]);
  });

  it("delivers each of many delayed messages in its second", async () => {
    const { broker, clock, bodies } = setup({ store: await newStore(), parts: { pollMs: 1e9 } });
    broker.start();
    for (const delayS of [9, 3, 12, 6]) await broker.send("q", [{ body: delayS, contentType: "json", delayS }]);
    for (let second = 1; second <= 12; second++) {
      await pass(clock, 1000);
      expect(bodies().length).toBe(Math.floor(second / 3));
    }
    expect(bodies()).toEqual(["31", "61", "91", "121"]);
  });

  it("retries what the handler wants retried, after the message's delay, the batch's or the consumer's", async () => {
    const answer: Answer = (messages) => {
      if (messages.some(({ attempts }) => attempts > 1)) return {};
      const [a, b] = messages;
      const said = [{ msgId: a?.id ?? "", delaySeconds: 5 }, { msgId: b?.id ?? "" }];
      return { retryMessages: said, explicitAcks: [messages[2]?.id ?? ""] };
    };
    const { broker, clock, store, bodies } = setup({ store: await newStore(), retryDelayS: 2, answer });
    broker.start();
    await broker.send("q", json("a", "b", "c", "d"));
    await calm();
    expect(await store.count("q")).toBe(2);
    await pass(clock, 2000);
    await pass(clock, 3000);
    expect(bodies()).toEqual(["a1 b1 c1 d1", "b2", "a2"]);
  });

  it("retries all of a batch whose handler failed, but what it had acknowledged", async () => {
    const answer: Answer = ([first, ...others]) =>
      first?.attempts === 1 && others.length > 0 ? { outcome: "exception", explicitAcks: [first.id] } : {};
    const { broker, bodies } = setup({ store: await newStore(), answer });
    broker.start();
    await broker.send("q", json("a", "b", "c"));
    await calm();
    expect(bodies()).toEqual(["a1 b1 c1", "b2 c2"]);
  });

  it("lets a word about one message stand before one about all", async () => {
    const answers: Partial<QueueResult>[] = [{ ackAll: true }, {}, { retryBatch: { retry: true, delaySeconds: 0 } }];
    const answer: Answer = ([a]) => {
      const said = answers.shift();
      if (said?.ackAll) return { ...said, retryMessages: [{ msgId: a?.id ?? "" }] };
      return said?.retryBatch === undefined ? {} : { ...said, explicitAcks: [a?.id ?? ""] };
    };
    const { broker, bodies } = setup({ store: await newStore(), answer });
    broker.start();
    await broker.send("q", json("a", "b"));
    await calm();
    expect(bodies()).toEqual(["a1 b1", "a2"]);
    await broker.send("q", json("c", "d"));
    await calm();
    expect(bodies().slice(2)).toEqual(["c1 d1", "d2"]);
  });

  it("moves a message to the dead letter queue after its retries, id and time of sending with it", async () => {
    const given = { store: await newStore(), maxRetries: 1, deadLetterQueue: "dead" };
    const { broker, clock, store, delivered, lines } = setup({ ...given, answer: () => ({ outcome: "exception" }) });
    broker.start();
    await broker.send("q", json("a"));
    await calm();
    const { id, timestamp } = delivered[0]?.[0] ?? {};
    expect(delivered.length).toBe(2);
    expect(lines).toEqual([`Moved message "${id}" on queue "q" to dead letter queue "dead" after 2 failed attempts`]);
    clock.advance(1000);
    expect([await store.count("q"), await store.count("dead")]).toEqual([0, 1]);
    const claim = { queue: "dead", token: "t" };
    const [dead] = await store.claim(claim, { limit: 1, now: clock.now(), leaseMs: 1 });
    expect(dead).toMatchObject({ id, sentAt: timestamp, attempts: 1 });
  });

  it("drops it with a line where there is no such queue", async () => {
    const { broker, store, delivered, lines } = setup({
      ...{ store: await newStore(), maxRetries: 0, answer: () => Promise.reject(new Error("thread ended")) },
    });
    broker.start();
    await broker.send("q", json("a"));
    await calm();
    expect(delivered.length).toBe(1);
    expect(await store.count("q")).toBe(0);
    expect(lines).toEqual([
      'Queue "q": a batch failed: thread ended',
      `Dropped message "${delivered[0]?.[0]?.id}" on queue "q" after 1 failed attempt`,
    ]);
  });

  it("keeps the lease of a long batch, and finds what others have sent at the next poll", async () => {
    const store = await newStore();
    const gate = Promise.withResolvers<Partial<QueueResult>>();
    const { broker, clock, delivered } = setup({ store, answer: () => gate.promise });
    broker.start();
    await store.put("q", [{ id: "x", contentType: "json", body: '"a"', delayMs: 0 }], clock.now());
    await calm();
    expect(delivered.length).toBe(0);
    await pass(clock, 1000);
    expect(delivered.length).toBe(1);
    for (let times = 0; times < 10; times++) await pass(clock, LEASE_MS / 3);
    const other = { queue: "q", token: "other" };
    expect(await store.claim(other, { limit: 1, now: clock.now(), leaseMs: 1 })).toEqual([]);
    gate.resolve({});
    await calm();
    expect(await store.count("q")).toBe(0);
  });

  it("settles nothing once its lease is lost, and says so", async () => {
    const store = await newStore();
    const gate = Promise.withResolvers<Partial<QueueResult>>();
    const { broker, clock, lines } = setup({ store, answer: () => gate.promise });
    broker.start();
    await broker.send("q", json("a"));
    await calm();
    const later = clock.now() + LEASE_MS;
    const [taken] = await store.claim({ queue: "q", token: "other" }, { limit: 1, now: later, leaseMs: LEASE_MS });
    expect(taken).toMatchObject({ attempts: 2 });
    gate.resolve({});
    await calm();
    expect(lines).toEqual(['Queue "q": the lease of 1 messages was lost']);
    expect(await store.count("q")).toBe(1);
  });

  it("gives up a message that has ended too many instances, before it ends another", async () => {
    const store = await newStore();
    const { broker, clock, delivered, lines } = setup({ store, maxRetries: 1, deadLetterQueue: "dead" });
    await broker.send("q", json("deadly"));
    for (let deaths = 0; deaths < 5; deaths++) {
      await store.claim({ queue: "q", token: `${deaths}` }, { limit: 1, now: clock.now(), leaseMs: 1000 });
      clock.advance(1000);
    }
    broker.start();
    await calm();
    expect(delivered).toEqual([]);
    expect(lines[0]).toContain('to dead letter queue "dead" after 5 failed attempts');
  });

  it("drains: finishes the batch in hand, gives back what it was gathering, takes no more", async () => {
    const store = await newStore();
    const { broker, clock, delivered } = setup({ store, maxBatchTimeoutMs: 10_000 });
    broker.start();
    await broker.send("q", json("a"));
    await calm();
    await broker.drain();
    await broker.send("q", json("b"));
    await pass(clock, 20_000);
    expect(delivered).toEqual([]);
    const claimed = await store.claim({ queue: "q", token: "t" }, { limit: 9, now: clock.now(), leaseMs: 1 });
    expect(claimed.map(({ attempts }) => attempts)).toEqual([1, 1]);
  });

  it("charges no message for a Worker that was closed under its last delivery", async () => {
    const store = await newStore();
    const answer = () => Promise.reject(new ThreadEnded("closed", "its host was closed"));
    const { broker, clock, delivered, lines } = setup({ store, answer, maxRetries: 0 });
    broker.start();
    await broker.send("q", json("a"));
    await calm();
    await broker.drain();
    expect(delivered).toHaveLength(1);
    expect(lines).toEqual([]);
    const claimed = await store.claim({ queue: "q", token: "t" }, { limit: 9, now: clock.now(), leaseMs: 1 });
    expect(claimed.map(({ attempts }) => attempts)).toEqual([1]);
  });

  it("asks an idle store once a poll, whatever the number of queues", async () => {
    const store = await newStore();
    let asked = 0;
    const counting = new Proxy(store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          asked++;
          return method.apply(target, args);
        };
      },
    });
    const consumers = ["q", "r", "s"].map((queue) => ({
      ...{ queue, maxBatchSize: 1, maxBatchTimeoutMs: 0, maxRetries: 0, retryDelayS: 0, deadLetterQueue: null },
    }));
    const { broker, clock } = setup({ store: counting, parts: { consumers } });
    broker.start();
    await calm();
    asked = 0;
    for (let polls = 0; polls < 10; polls++) await pass(clock, 1000);
    expect(asked).toBe(10);
  });

  it("goes on when the store was in trouble for a while", async () => {
    const store = await newStore();
    let isBroken = false;
    const shaky = new Proxy(store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
        return async (...args: unknown[]) => {
          if (isBroken && name !== "put") throw new Error("locked");
          return method.apply(target, args);
        };
      },
    });
    const answer: Answer = () => {
      isBroken = true;
      return {};
    };
    const { broker, clock, bodies } = setup({ store: shaky, answer });
    broker.start();
    await broker.send("q", json("a"));
    await calm();
    for (let times = 0; times < 5; times++) await pass(clock, 1000);
    isBroken = false;
    await pass(clock, 1000);
    expect(await store.count("q")).toBe(0);
    await broker.send("q", json("b"));
    await calm();
    isBroken = false;
    await pass(clock, 1000);
    expect(bodies()).toEqual(["a1", "b1"]);
  });
});

it("keeps nothing in memory for a queue that nobody consumes, but everything in a database", async () => {
  for (const [, newStore] of STORES) {
    const { broker, store } = setup({ store: await newStore() });
    await broker.send("elsewhere", json("a"));
    expect(await store.count("elsewhere")).toBe(store.isShared ? 1 : 0);
  }
});
