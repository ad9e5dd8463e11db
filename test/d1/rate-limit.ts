// Cloudflare's limit of requests: a sliding window, and a block of everything once it is exceeded.

export interface Limits {
  max: number;
  windowMs: number;
  blockMs: number;
}

export class RateLimit {
  readonly #limits: Limits;
  #times: number[] = [];
  #blockedUntil = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Counts a request; the seconds to wait when it is one too many. */
  count(now: number): number | undefined {
    if (now >= this.#blockedUntil) {
      if (this.#blockedUntil > 0) this.reset();
      this.#expire(now);
      if (this.#times.length < this.#limits.max) {
        this.#times.push(now);
        return undefined;
      }
      this.#blockedUntil = now + this.#limits.blockMs;
    }
    return Math.max(1, Math.ceil((this.#blockedUntil - now) / 1000));
  }

  headers(now: number): Record<string, string> {
    const { max, windowMs } = this.#limits;
    const oldest = this.#times[0] ?? now;
    const resetS = Math.ceil(Math.max(oldest + windowMs, this.#blockedUntil, now) / 1000 - now / 1000);
    const left = now < this.#blockedUntil ? 0 : Math.max(0, max - this.#times.length);
    return {
      ratelimit: `"default";r=${left};t=${resetS}`,
      "ratelimit-policy": `"default";q=${max};w=${Math.ceil(windowMs / 1000)}`,
    };
  }

  reset(): void {
    this.#times = [];
    this.#blockedUntil = 0;
  }

  #expire(now: number): void {
    const from = this.#times.findIndex((time) => time > now - this.#limits.windowMs);
    if (from !== 0) this.#times.splice(0, from === -1 ? this.#times.length : from);
  }
}
