// What the pool looks like from here. Whatever many pages ask for at once is asked of the database once.
import { isFarAhead } from "../claim/ahead.js";
import { isGone } from "../claim/liveness.js";
import { type Overview, readOverview } from "../report/overview.js";
import { type PoolPlan, readPlan } from "../report/plan.js";
import type { IsDead } from "../report/status.js";
import type { Millis } from "../video.js";
import { Cached } from "./cached.js";
import { readFailureGroups, readSeries, type SampledFailureGroup, type SeriesPoint } from "./reads.js";
import { pageMs, type ServedPool } from "./served-pool.js";

const FRESH_MS: Millis = 1000;
const SERIES_FRESH_MS: Millis = 5000;
const PLAN_FRESH_MS: Millis = 10_000;
export const LONGEST_SERIES_MIN = 24 * 60;

export class View {
  readonly pool: ServedPool;
  readonly #overview: Cached<Overview>;
  readonly #series: Cached<SeriesPoint[]>;
  readonly #failures: Cached<SampledFailureGroup[]>;
  readonly #plan: Cached<PoolPlan>;
  #total = 0;
  /** By this very instance, since the last overview. */
  #isChanged = false;

  constructor(pool: ServedPool) {
    this.pool = pool;
    const { clock, config, database } = pool;
    const cached = <T>(read: () => Promise<T>, freshMs: Millis) =>
      new Cached(read, { clock, freshMs: () => this.#fresh(freshMs) });
    // The overview itself counts seldom where that costs money.
    const overviewMs = pageMs(pool, FRESH_MS);
    this.#overview = new Cached(() => this.#readOverview(), { clock, freshMs: () => overviewMs });
    this.#plan = cached(() => readPlan(database, { config, now: clock.now() }), PLAN_FRESH_MS);
    this.#series = cached(() => readSeries(pool, LONGEST_SERIES_MIN), SERIES_FRESH_MS);
    this.#failures = cached(() => readFailureGroups(database), FRESH_MS);
  }

  overview(): Promise<Overview> {
    return this.#overview.get();
  }

  series(minutes: number): Promise<SeriesPoint[]> {
    return this.#series.get().then((points) => points.slice(-minutes));
  }

  failures(): Promise<SampledFailureGroup[]> {
    return this.#failures.get();
  }

  plan(): Promise<PoolPlan> {
    return this.#plan.get();
  }

  /** After a change by this very instance: whoever made it wants to see it. */
  forget(): void {
    this.#isChanged = true;
    this.#overview.forget();
    this.#failures.forget();
  }

  /** The rule of the reclaim, at this moment. */
  isDead(): IsDead {
    const { instance, clock } = this.pool;
    const now = clock.now();
    const { boot } = instance.identity;
    return (other) => isGone(other, { boot, now }) || (other.boot !== boot && isFarAhead(other, now));
  }

  async #readOverview(): Promise<Overview> {
    const { database, clock, config } = this.pool;
    const fresh = this.#isChanged;
    this.#isChanged = false;
    const overview = await readOverview(database, { now: clock.now(), isDead: this.isDead(), config, fresh });
    this.#total = overview.counts.total;
    return overview;
  }

  #fresh(freshMs: Millis): Millis {
    return Math.max(pageMs(this.pool, freshMs), this.pool.database.pacing.keepMs(this.#total));
  }
}
