// The binding of a rate limit: so many calls a key in each window of time, counted in this process alone.
import { type Clock, systemClock } from "../../clock.js";

export interface RateLimitParts {
  limit: number;
  periodS: number;
  clock?: Clock;
}

export function makeRateLimit({ limit, periodS, clock = systemClock }: RateLimitParts): Ratelimit {
  return new Ratelimit({ limit, periodS, clock });
}

const OPTIONS = ["key", "limit", "period"];
const PERIODS = [10, 60];

class Ratelimit {
  readonly #parts: Required<RateLimitParts>;
  /** Each period has windows of its own. */
  readonly #windows = new Map<number, { number: number; calls: Map<string, number> }>();

  constructor(parts: Required<RateLimitParts>) {
    this.#parts = parts;
  }

  async limit(options?: unknown): Promise<{ success: boolean }> {
    const { key, limit, period } = this.#read(options);
    const number = Math.floor(this.#parts.clock.now() / (period * 1000));
    let window = this.#windows.get(period);
    if (window?.number !== number) {
      window = { number, calls: new Map() };
      this.#windows.set(period, window);
    }
    const calls = window.calls.get(key) ?? 0;
    if (calls >= limit) return { success: false };
    window.calls.set(key, calls + 1);
    return { success: true };
  }

  #read(options: unknown): { key: string; limit: number; period: number } {
    if (typeof options !== "object" || options === null) throw new Error("invalid rate limit options");
    const unknown = Object.keys(options).filter((name) => !OPTIONS.includes(name));
    if (unknown.length > 0) throw new Error(`bad rate limit options: [${unknown.join(",")}]`);
    const { limit: most, periodS } = this.#parts;
    const { key = "", limit = most, period = periodS } = options as Record<string, unknown>;
    if (typeof key !== "string") throw new Error(`invalid key: ${key}`);
    if (typeof limit !== "number") throw new Error(`limit must be a number: ${limit}`);
    if (typeof period !== "number") throw new Error(`period must be a number: ${period}`);
    if (!PERIODS.includes(period)) throw new Error(`unsupported period: ${period}`);
    return { key, limit, period };
  }
}
