// What PM2 shows of an instance, and what it can tell the pool: `pm2 show hidb`, `pm2 monit`, `pm2 trigger hidb pause`.
// By PM2's raw messages: its own library costs each instance 7 MB and ends it when the daemon dies.
import { setDraining, setPaused } from "../catalogue/backlog.js";
import type { InstanceFigures, PoolView } from "../claim/membership.js";
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import { messageOf } from "../errors.js";
import type { Millis } from "../video.js";

/** The part of `process` that speaks to the daemon. */
export interface Channel {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

interface LinkParts {
  channel: Channel;
  database: Database;
  clock: Clock;
  figures: () => InstanceFigures & PoolView;
}

const REPORT_EVERY_MS: Millis = 1000;
const RATE_WINDOW_MS: Millis = 60_000;
/** Memory alone is worth a message when it has changed by so much: it trembles all the time. */
const RSS_STEP_MB = 5;
/** `pm2 trigger` waits for ever for an answer; a database behind a network may be out of reach for longer. */
const ANSWER_MS: Millis = 10_000;

/** `pm2 trigger` counts answers only once it knows how many there will be: one that comes before that leaves it waiting. */
const NOT_BEFORE_MS: Millis = 300;

const ACTIONS: Record<string, { act: (database: Database) => Promise<boolean>; done: string }> = {
  pause: { act: (database) => setPaused(database, true, { reason: REASON }), done: "paused" },
  resume: { act: (database) => setPaused(database, false), done: "not paused" },
  drain: { act: (database) => setDraining(database, { reason: REASON }), done: "drained: what runs is finished" },
};
const REASON = "by pm2 trigger";

/** Reports and listens until the returned function is called. */
export function linkPm2({ channel, database, clock, figures }: LinkParts): () => void {
  for (const name of Object.keys(ACTIONS)) {
    channel.send({ type: "axm:action", data: { action_name: name, action_type: "custom", opts: null, arity: 0 } });
  }
  channel.onMessage((message) => {
    const name = readAction(message);
    const action = name === undefined ? undefined : ACTIONS[name];
    if (action === undefined) return;
    const late = clock
      .sleep(ANSWER_MS)
      .then(() => "no answer from the database yet; `hidb status` shows whether it was done");
    const acting = action.act(database).then(
      (changed) => `the pool is ${action.done}${changed ? "" : " already"}`,
      (error: unknown) => `error: ${messageOf(error)}`,
    );
    void Promise.all([Promise.race([acting, late]), clock.sleep(NOT_BEFORE_MS)]).then(([answer]) => {
      channel.send({ type: "axm:reply", data: { return: answer, action_name: name } });
    });
  });
  const meter = new Meter(clock);
  const timer = clock
    .every(REPORT_EVERY_MS, () => {
      const monitor = meter.read(figures());
      if (monitor !== undefined) channel.send({ type: "axm:monitor", data: monitor });
    })
    .unref();
  return () => timer.cancel();
}

/** The name alone, or with a parameter beside it. */
function readAction(message: unknown): string | undefined {
  if (typeof message === "string") return message;
  if (typeof message !== "object" || message === null || !("msg" in message)) return undefined;
  return typeof message.msg === "string" ? message.msg : undefined;
}

interface Metric {
  value: string | number;
  type: string;
  historic: boolean;
  unit: string;
}

class Meter {
  readonly #clock: Clock;
  #ended: { at: Millis; count: number }[] = [];
  #last = "";
  #lastRssMb = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined when nothing has changed. */
  read(figures: InstanceFigures & PoolView): Record<string, Metric> | undefined {
    const { completed, failed, inHand, rssBytes, rank, count } = figures;
    const rate = this.#rate(completed + failed);
    const facts = {
      "Videos done": metric(completed, "videos/done"),
      "Videos failed": metric(failed, "videos/failed"),
      "Videos in hand": metric(inHand, "videos/in_hand"),
      "Videos per minute": metric((rate * 60).toFixed(1), "videos/rate", "/min"),
      Rank: metric(`${rank} of ${count}`, "pool/rank"),
    };
    const rssMb = Math.round(rssBytes / 1048576);
    const said = JSON.stringify(facts);
    if (said === this.#last && Math.abs(rssMb - this.#lastRssMb) < RSS_STEP_MB) return undefined;
    this.#last = said;
    this.#lastRssMb = rssMb;
    return { ...facts, RSS: metric(rssMb, "memory/rss", "MB") };
  }

  /** Videos a second that came to an end over the last minute. */
  #rate(count: number): number {
    const at = this.#clock.monotonic();
    this.#ended.push({ at, count });
    this.#ended = this.#ended.filter((one) => at - one.at <= RATE_WINDOW_MS);
    const first = this.#ended[0];
    return first === undefined || first.at === at ? 0 : (count - first.count) / ((at - first.at) / 1000);
  }
}

function metric(value: string | number, type: string, unit = ""): Metric {
  return { value, type: `hidb/${type}`, historic: false, unit };
}

/** Undefined for an instance that PM2 has not started. A daemon that has gone is no error of ours. */
export function openChannel(): Channel | undefined {
  if (process.send === undefined) return undefined;
  return {
    send: (message) => void process.send?.(message, undefined, undefined, () => undefined),
    onMessage: (listener) => void process.on("message", listener),
  };
}
