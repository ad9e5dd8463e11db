// What the pool looks like from here. Whatever many pages ask for at once is asked of the database once.
import { isGone } from "../claim/liveness.js";
import { readBudget } from "../report/box/box.js";
import { type Overview, readOverview } from "../report/overview.js";
import type { IsDead } from "../report/status.js";
import type { Millis } from "../video.js";
import { Cached } from "./cached.js";
import type { House } from "./house.js";
import { type FailureGroup, readFailureGroups, readSeries, type SeriesPoint } from "./reads.js";

const FRESH_MS: Millis = 1000;
/** A count reads every row, and D1 charges for rows: some four million of its daily gift of five, with a page always open. */
const DISTANT_MS_PER_VIDEO = 20;
const SERIES_FRESH_MS: Millis = 5000;
export const LONGEST_SERIES_MIN = 24 * 60;

export class View {
  readonly house: House;
  readonly #overview: Cached<Overview>;
  readonly #series: Cached<SeriesPoint[]>;
  readonly #failures: Cached<FailureGroup[]>;
  #total = 0;

  constructor(house: House) {
    this.house = house;
    const cached = <T>(read: () => Promise<T>, freshMs: Millis) =>
      new Cached(read, { clock: house.clock, freshMs: () => this.#fresh(freshMs) });
    this.#overview = cached(() => this.#readOverview(), FRESH_MS);
    this.#series = cached(() => readSeries(house, LONGEST_SERIES_MIN), SERIES_FRESH_MS);
    this.#failures = cached(() => readFailureGroups(house.database), FRESH_MS);
  }

  overview(): Promise<Overview> {
    return this.#overview.get();
  }

  series(minutes: number): Promise<SeriesPoint[]> {
    return this.#series.get().then((points) => points.slice(-minutes));
  }

  failures(): Promise<FailureGroup[]> {
    return this.#failures.get();
  }

  /** After a change by this very instance: whoever made it wants to see it. */
  forget(): void {
    this.#overview.forget();
    this.#failures.forget();
  }

  /** The rule of the reclaim, at this moment. */
  isDead(): IsDead {
    const { instance, clock } = this.house;
    const now = clock.now();
    return (other) => isGone(other, { boot: instance.identity.boot, now });
  }

  async #readOverview(): Promise<Overview> {
    const { database, clock, config } = this.house;
    const { bytes: budgetBytes } = readBudget(config);
    const overview = await readOverview(database, { now: clock.now(), isDead: this.isDead(), config, budgetBytes });
    this.#total = overview.counts.total;
    return overview;
  }

  #fresh(freshMs: Millis): Millis {
    const { database, config } = this.house;
    return database.distant ? Math.max(config.heartbeatMs, DISTANT_MS_PER_VIDEO * this.#total) : freshMs;
  }
}
