// An instance of its own with a broker on a shared file: tells its parent of each batch, and keeps it for a while.
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../dist/clock.js";
import { openSqlite } from "../../dist/database/sqlite.js";
import { Broker } from "../../dist/workerd/broker/broker.js";
import { DatabaseQueueStore } from "../../dist/workerd/broker/database-store.js";

const [file = "", busyMs = "0", leaseMs = "1000"] = process.argv.slice(2);
const database = await openSqlite(file, { clock: systemClock });
const broker = new Broker({
  store: new DatabaseQueueStore(database),
  consumers: [
    { queue: "q", maxBatchSize: 5, maxBatchTimeoutMs: 0, maxRetries: 3, retryDelayS: 0, deadLetterQueue: null },
  ],
  deliver: async (_queue, messages) => {
    process.send?.({ pid: process.pid, given: messages.map(({ body, attempts }) => ({ body, attempts })) });
    await delay(Number(busyMs));
    process.send?.({ pid: process.pid, done: messages.map(({ body }) => body) });
    return { outcome: "ok", ackAll: false, retryBatch: { retry: false }, explicitAcks: [], retryMessages: [] };
  },
  clock: systemClock,
  onLog: (_level, text) => process.send?.({ pid: process.pid, log: text }),
  leaseMs: Number(leaseMs),
  pollMs: 50,
});
broker.start();
process.on("message", () => void broker.drain().then(() => process.exit(0)));
