// The broker's statements on real D1 over a line that fails, and what a message costs there.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { openD1Http } from "../../src/database/d1-http.js";
import type { Database } from "../../src/database/database.js";
import { migrate } from "../../src/database/migrate.js";
import { DatabaseQueueStore } from "../../src/workerd/broker/database-store.js";
import type { NewMessage } from "../../src/workerd/broker/store.js";
import { MIGRATIONS } from "../claim/world.js";
import { noFaults } from "../d1/faults.js";
import { type D1Server, startD1Server } from "../d1/server.js";

let server: D1Server;
let database: Database;
let store: DatabaseQueueStore;

beforeAll(async () => {
  server = await startD1Server({ limits: { max: 1_000_000 }, slots: 1 });
  const { baseUrl, accountId, apiToken, databaseId } = server;
  database = await openD1Http({ baseUrl, accountId, apiToken, databaseId, clock: systemClock });
  await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
  store = new DatabaseQueueStore(database);
});
afterAll(async () => {
  await database.close();
  await server.close();
});
beforeEach(async () => {
  Object.assign(server.faults, noFaults());
  await (await server.binding()).prepare("DELETE FROM hidb_messages").run();
});

function messages(count: number, delayMs = 0): NewMessage[] {
  return Array.from({ length: count }, (_, at) => {
    return { id: String(at).padStart(32, "0"), contentType: "json", body: `"m${at}"`, delayMs };
  });
}

const CLAIM = { queue: "q", token: "t" };
const AT = { limit: 10, now: 1000, leaseMs: 500 };

describe("a queue on D1", () => {
  it("costs three rows written a message: sent, claimed, acknowledged", async () => {
    const before = server.totals.rowsWritten;
    await store.put("q", messages(10), 1000);
    const claimed = await store.claim(CLAIM, AT);
    const acknowledged = claimed.map(({ id }) => id);
    expect(await store.settle(CLAIM, { acknowledged, retried: [], deadLettered: null, released: [] }, 1000)).toBe(10);
    expect(server.totals.rowsWritten - before).toBe(30);
    expect(await store.count("q")).toBe(0);
  });

  it("takes up to a hundred messages at once, in order, and settles each in its way in one request", async () => {
    await store.put("q", messages(100), 1000);
    const claimed = await store.claim(CLAIM, { ...AT, limit: 100 });
    expect(claimed.map(({ body }) => body)).toEqual(messages(100).map(({ body }) => body));
    const ids = claimed.map(({ id }) => id);
    const requests = server.totals.requests;
    const settlement = {
      acknowledged: ids.slice(0, 40),
      retried: [
        { ids: ids.slice(40, 60), at: 1000 },
        { ids: ids.slice(60, 70), at: 9000 },
      ],
      deadLettered: { ids: ids.slice(70, 90), queue: "dead" },
      released: ids.slice(90),
    };
    expect(await store.settle(CLAIM, settlement, 1000)).toBe(100);
    expect(server.totals.requests - requests).toBe(1);
    expect([await store.count("q"), await store.count("dead")]).toEqual([40, 20]);
    expect(await store.due(["q", "dead", "none"], 1000)).toEqual(["q", "dead"]);
    const again = await store.claim({ queue: "q", token: "u" }, { ...AT, limit: 100 });
    expect(again.map(({ attempts }) => attempts)).toEqual([...Array(20).fill(2), ...Array(10).fill(1)]);
    expect(await store.settle(CLAIM, settlement, 1000)).toBe(0);
  });

  it("reads few rows for a claim, however long the queue is", async () => {
    for (let at = 0; at < 10; at++) {
      await store.put(
        "q",
        messages(100).map((one) => ({ ...one, id: `${at}${one.id.slice(1)}` })),
        1000,
      );
    }
    const before = server.totals.rowsRead;
    await store.claim(CLAIM, AT);
    await store.due(["q"], 1000);
    expect(server.totals.rowsRead - before).toBeLessThan(100);
  });

  it("keeps a message once when the answer to its sending was lost", async () => {
    server.faults.next.push("dropAfter");
    await store.put("q", messages(2), 1000);
    expect(await store.count("q")).toBe(2);
  });

  it("has what a claim took whose answer was lost", async () => {
    await store.put("q", messages(2), 1000);
    server.faults.next.push("dropAfter");
    expect((await store.claim(CLAIM, AT)).map(({ attempts }) => attempts)).toEqual([1, 1]);
  });
});
