// A queue that the Worker consumes, with Cloudflare's own defaults where nothing is said.
import type { QueueConsumer } from "../plan.js";

const DEFAULTS = {
  maxBatchSize: 10,
  maxBatchTimeoutMs: 5000,
  maxRetries: 3,
  retryDelayS: 0,
  deadLetterQueue: null,
} satisfies Omit<QueueConsumer, "queue">;

type Given = Pick<QueueConsumer, "queue"> & {
  [K in keyof QueueConsumer]?: QueueConsumer[K] | undefined;
};

export function consumerOf(given: Given): QueueConsumer {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, queue: given.queue, ...Object.fromEntries(said) };
}
