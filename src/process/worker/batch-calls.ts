// Part of the processor `worker`: videos as messages of a queue, one or several in a batch, each with an outcome of its own.
import type { Clock } from "../../clock.js";
import { settingInvalid } from "../../config/check.js";
import { type Config, SETTINGS } from "../../config/settings.js";
import type { Millis, Outcome, Video } from "../../video.js";
import type { Host } from "../../workerd/host/host.js";
import type { WorkerPlan } from "../../workerd/plan.js";
import type { AttemptContext } from "../processor.js";
import { Batches } from "./batches.js";
import { type Judging, judgeEnd, judgeMessage } from "./outcomes.js";
import { videoMessage } from "./settings.js";

interface BatchParts {
  host: Host;
  plan: WorkerPlan;
  judging: Judging;
  clock: Clock;
}

interface Member {
  video: Video;
  context: AttemptContext;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/** Videos that an instance claims come in hand within milliseconds of one another. */
const WAIT_MS: Millis = 20;

export function openBatches(config: Config, { host, plan, judging, clock }: BatchParts) {
  const queue = findQueue(config, plan);
  const deliver = async (members: Member[], alone = false) => {
    try {
      const messages = members.map(({ video, context }) => ({
        id: String(video.id),
        timestamp: clock.now(),
        body: videoMessage(video, context),
        attempts: context.attempt,
      }));
      const signal = AbortSignal.any(members.map(({ context }) => context.signal));
      const { answer, ended } = host.run({ kind: "queue", call: { queue, messages } }, signal, { alone });
      const result = await answer;
      const end = await ended;
      // What the waitUntil work did is in the result already.
      const exception = end.exception ?? end.failures[0] ?? null;
      for (const { video, resolve } of members) {
        const outcome = judgeMessage(String(video.id), { result, exception, secrets: judging.secrets });
        resolve(judgeEnd(outcome, { ...end, failures: [] }, judging));
      }
    } catch (error) {
      for (const { reject } of members) reject(error);
    }
  };
  const batches = new Batches<Member>({ size: config.workerBatch, waitMs: WAIT_MS, clock, deliver });
  return (video: Video, context: AttemptContext, alone: boolean): Promise<Outcome> => {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const member = { video, context, resolve, reject };
    if (alone) {
      void deliver([member], alone);
      return promise;
    }
    const leave = () => {
      if (batches.remove(member)) resolve({ kind: "released" });
    };
    context.signal.addEventListener("abort", leave, { once: true });
    batches.add(member);
    return promise.finally(() => context.signal.removeEventListener("abort", leave));
  };
}

/** Throws SETTING_INVALID. */
export function findQueue(config: Config, { consumers }: Pick<WorkerPlan, "consumers">): string {
  const queue = config.workerQueue || consumers[0]?.queue;
  if (queue !== undefined) return queue;
  throw settingInvalid({
    name: SETTINGS.workerQueue.name,
    expected: "the name of a queue, since the Worker's config has no consumer",
    got: "nothing",
    origin: config.origins.workerQueue,
  });
}
