import { describe, expect, it } from "vitest";
import { makeQueue } from "../../src/workerd/env/queue.js";
import { makeRateLimit } from "../../src/workerd/env/ratelimit.js";
import { makeBatch } from "../../src/workerd/events/queue-batch.js";
import type { OutgoingMessage } from "../../src/workerd/host/protocol.js";
import { type Invocation, runInvocation } from "../../src/workerd/invocation.js";
import { Meter } from "../../src/workerd/limits/meter.js";
import { LIMITS_OF, type Limits } from "../../src/workerd/limits/tables.js";
import type { Compatibility, WorkerPlan } from "../../src/workerd/plan.js";
import type { Realm } from "../../src/workerd/realm.js";
import { ManualClock } from "../claim/world.js";

interface Given {
  deliveryDelayS?: number;
  queuesJson?: boolean;
  limits?: Partial<Limits>;
}

function setup({ deliveryDelayS = 0, queuesJson = true, limits = {} }: Given = {}) {
  const sent: OutgoingMessage[][] = [];
  const lines: string[] = [];
  const realm: Realm = {
    env: {},
    isolated: true,
    isStarting: () => false,
    self: () => undefined,
    log: (level, text) => lines.push(`${level}: ${text}`),
    compatibility: { queuesJson } as Compatibility,
    plan: { limits: { ...LIMITS_OF.paid, ...limits } } as WorkerPlan,
  };
  const send = async (messages: OutgoingMessage[]) => void sent.push(messages);
  return { queue: makeQueue({ queue: "q", deliveryDelayS, realm, send }), realm, sent, lines };
}

describe("a queue's producer", () => {
  it("hands on each body as it was when it was sent", async () => {
    const { queue, sent } = setup();
    const body = { list: [1], at: new Date(0) };
    const bytes = new Uint8Array([1, 2, 3]);
    await queue.send(body);
    await queue.send(bytes.subarray(1), { contentType: "bytes" });
    await queue.send(new Map([["k", body]]), { contentType: "v8" });
    body.list.push(2);
    bytes.fill(9);
    expect(sent.flat()).toEqual([
      { body: { list: [1], at: "1970-01-01T00:00:00.000Z" }, contentType: "json", delayS: 0 },
      { body: new Uint8Array([2, 3]), contentType: "bytes", delayS: 0 },
      { body: new Map([["k", { list: [1], at: new Date(0) }]]), contentType: "v8", delayS: 0 },
    ]);
  });

  it("sends v8 by default where the compatibility date is older than JSON queues", async () => {
    const { queue, sent } = setup({ queuesJson: false });
    await queue.send(new Set([1]));
    expect(sent).toEqual([[{ body: new Set([1]), contentType: "v8", delayS: 0 }]]);
  });

  it("delays by the message, else by the batch, else by the binding", async () => {
    const { queue, sent } = setup({ deliveryDelayS: 7 });
    await queue.send("a");
    await queue.send("a", { delaySeconds: 0 });
    await queue.sendBatch([{ body: "a" }, { body: "b", delaySeconds: 1 }], { delaySeconds: 3 });
    await queue.sendBatch([{ body: "a" }]);
    expect(sent.map((messages) => messages.map(({ delayS }) => delayS))).toEqual([[7], [0], [3, 1], [7]]);
  });

  it("says in the log what workerd's error does not: what was too large", async () => {
    const { queue, sent, lines } = setup({ limits: { queueBatchBytes: 10 } });
    await expect(queue.send("x".repeat(128_001), { contentType: "text" })).rejects.toThrow("(15000)");
    await expect(queue.sendBatch(Array.from({ length: 101 }, () => ({ body: 1 })))).rejects.toThrow("(15000)");
    await expect(queue.sendBatch([{ body: "12345678" }, { body: "" }])).rejects.toThrow("(15000)");
    expect(sent).toEqual([]);
    expect(lines.map((line) => line.split(": ").at(-1))).toEqual([
      "message length of 128001 bytes exceeds limit of 128000",
      "batch message count of 101 exceeds limit of 100",
      "batch size of 12 bytes exceeds limit of 10",
    ]);
  });

  it("sends nothing of a batch in which one message is wrong", async () => {
    const { queue, sent } = setup();
    await expect(queue.sendBatch([{ body: 1 }, { body: undefined }])).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });

  it("counts a batch as one call", async () => {
    const { queue } = setup();
    const meter = new Meter(LIMITS_OF.free, "report");
    await runInvocation({ meter } as Invocation, () => queue.sendBatch([{ body: 1 }, { body: 2 }]));
    expect(meter.usage.serviceCalls).toBe(1);
  });
});

describe("a batch", () => {
  it("warns of a second word about a message, and keeps the first", () => {
    const { realm, lines } = setup();
    const messages = ["a", "b"].map((id) => ({ id, timestamp: 0, body: id, attempts: 1 }));
    const { batch, result } = makeBatch({ queue: "q", messages, realm });
    const [a, b] = batch.messages;
    a?.ack();
    a?.retry();
    b?.retry({ delaySeconds: 5 });
    b?.ack();
    batch.ackAll();
    batch.retryAll();
    b?.retry();
    expect(result("ok")).toEqual({
      outcome: "ok",
      ackAll: true,
      retryBatch: { retry: false },
      explicitAcks: ["a"],
      retryMessages: [{ msgId: "b", delaySeconds: 5 }],
    });
    expect(lines).toEqual([
      "warn: Received a call to retry() on message a after ack() was already called. " +
        "Calling retry() on a message after calling ack() has no effect.",
      "warn: Received a call to ack() on message b after retry() was already called. " +
        "Calling ack() on a message after calling retry() has no effect.",
      "warn: Received a call to retryAll() after ackAll() was already called. " +
        "Calling retryAll() after calling ackAll() has no effect.",
      "warn: Received a call to retry() on message b after ackAll() was already called. " +
        "Calling retry() on a message after calling ackAll() has no effect.",
    ]);
  });
});

describe("a rate limit", () => {
  it("admits so many calls a key in each window of time", async () => {
    const clock = new ManualClock();
    const limiter = makeRateLimit({ limit: 2, periodS: 60, clock });
    const admitted = async (key: string) => (await limiter.limit({ key })).success;
    expect([await admitted("a"), await admitted("a"), await admitted("a")]).toEqual([true, true, false]);
    expect(await admitted("b")).toBe(true);
    clock.advance(60_000);
    expect(await admitted("a")).toBe(true);
  });

  it("refuses options that are none, as Cloudflare does", async () => {
    const limiter = makeRateLimit({ limit: 1, periodS: 10 });
    await expect(limiter.limit()).rejects.toThrow("invalid rate limit options");
    await expect(limiter.limit({ key: 5 })).rejects.toThrow("invalid key: 5");
    await expect(limiter.limit({ key: "a", size: 1 })).rejects.toThrow("bad rate limit options: [size]");
    await expect(limiter.limit({ key: "a", period: 5 })).rejects.toThrow("unsupported period: 5");
  });
});
