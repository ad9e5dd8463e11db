// Part of the processor `worker`: the queues that the Worker sends to and consumes. Their messages wait in the pool's
// database, so that any instance delivers them, and none is lost with the one that was sent it.
import type { Clock } from "../../clock.js";
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { Broker } from "../../workerd/broker/broker.js";
import { DatabaseQueueStore } from "../../workerd/broker/database-store.js";
import type { DeliveredMessage, LogLevel, QueueResult } from "../../workerd/host/protocol.js";
import type { QueueConsumer } from "../../workerd/plan.js";

interface QueueParts {
  consumers: readonly QueueConsumer[];
  database: Database;
  clock: Clock;
  log: (level: LogLevel, text: string) => void;
  deliver: (queue: string, messages: DeliveredMessage[]) => Promise<QueueResult>;
}

export function openPoolQueues(config: Pick<Config, "heartbeatMs" | "leaseMs">, parts: QueueParts): Broker {
  const { consumers, database, clock, log, deliver } = parts;
  return new Broker({
    store: new DatabaseQueueStore(database),
    ...{ consumers, clock, deliver },
    onLog: log,
    leaseMs: config.leaseMs,
    pollMs: config.heartbeatMs,
  });
}
