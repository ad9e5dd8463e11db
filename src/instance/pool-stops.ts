// What stops the whole pool, as one instance sees it: it holds the pool when an outside quota is met, and tells when a
// pause, drain, halt or hold begins and ends.
import { kindOfStop, type PoolStop } from "../claim/stops.js";
import { STOP_KEYS } from "../database/statements.js";
import { isPassing } from "../errors.js";
import { type Claim, LONGEST_HOLD_MS, type Millis, type Outcome } from "../video.js";
import type { InstanceParts } from "./parts.js";

/** So often a video may meet the quota at no cost; after that it is no quota but the video, and each time costs an attempt. */
const FREE_TRIES = 20;

/** Two holds that end so close to each other are one and the same. */
const SAME_MS: Millis = 1000;

type Retry = Extract<Outcome, { kind: "retry" }>;

export class PoolStops {
  readonly #parts: Pick<InstanceParts, "instance" | "store" | "report">;
  readonly #tries = new Map<number, number>();
  #stops: PoolStop[] = [];

  constructor(parts: Pick<InstanceParts, "instance" | "store" | "report">) {
    this.#parts = parts;
  }

  /** Holds the pool; resolves to what becomes of the attempt: given back, since its video was not even looked at. */
  async hold({ video }: Claim, outcome: Retry): Promise<Outcome> {
    const tries = (this.#tries.get(video.id) ?? 0) + 1;
    this.#tries.set(video.id, tries);
    const holdMs = Math.min(outcome.afterMs ?? 0, LONGEST_HOLD_MS);
    const freeTries = outcome.trouble === true ? Number.POSITIVE_INFINITY : FREE_TRIES;
    if (holdMs <= 0 || tries > freeTries) return outcome;
    const { instance, store } = this.#parts;
    try {
      const hold = { reason: outcome.reason, until: Math.ceil(instance.clock.now() + holdMs) };
      await store.hold(hold);
      this.#note({ key: STOP_KEYS.hold, ...hold });
      return { kind: "released" };
    } catch (error) {
      // Without the hold a video given back would be claimed again at once.
      if (isPassing(error)) return outcome;
      throw error;
    }
  }

  /** At once: the hold may be over by the next heartbeat. Several videos meet a quota at about the same time. */
  #note(hold: PoolStop & { until: Millis }): void {
    const known = this.#stops.find(({ key }) => key === hold.key);
    if (known !== undefined && (known.until ?? 0) >= hold.until - SAME_MS) return;
    this.#stops = [...this.#stops.filter(({ key }) => key !== hold.key), hold];
    this.#parts.report({ type: "pool.stopped", by: "hold", reason: hold.reason, until: hold.until });
  }

  /** With each heartbeat: reports what has changed; true while nothing that has not started should start. */
  update(): boolean {
    const { instance, report } = this.#parts;
    const { stops } = instance;
    for (const stop of stops) {
      const known = this.#stops.some(({ key, until }) => key === stop.key && isSame(until, stop.until));
      if (!known) report({ type: "pool.stopped", by: kindOfStop(stop), reason: stop.reason, until: stop.until });
    }
    if (stops.length === 0 && this.#stops.length > 0) report({ type: "pool.resumed" });
    this.#stops = stops;
    return stops.some((stop) => kindOfStop(stop) === "drain" || kindOfStop(stop) === "hold");
  }
}

function isSame(one: Millis | null, other: Millis | null): boolean {
  return one === other || (one !== null && other !== null && Math.abs(one - other) <= SAME_MS);
}
