import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs } from "../../src/settle/backoff.js";

const limits = fc.record({ backoffMs: fc.nat(86_400_000), backoffMaxMs: fc.nat(86_400_000) });
const attempt = fc.integer({ min: 1, max: 1000 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const ALMOST_ONE = 1 - 2 ** -53;

describe("the backoff", () => {
  it("lies between nothing and the smaller of the cap and base * 2^(attempt - 1), in whole milliseconds", () => {
    fc.assert(
      fc.property(attempt, random, limits, (n, chance, bounds) => {
        const wait = backoffMs(n, chance, bounds);
        expect(Number.isSafeInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(Math.min(bounds.backoffMaxMs, bounds.backoffMs * 2 ** (n - 1)));
      }),
    );
  });

  it("has full jitter: it reaches both ends", () => {
    fc.assert(
      fc.property(attempt, limits, (n, bounds) => {
        expect(backoffMs(n, 0, bounds)).toBe(0);
        expect(backoffMs(n, ALMOST_ONE, bounds)).toBe(Math.min(bounds.backoffMaxMs, bounds.backoffMs * 2 ** (n - 1)));
      }),
    );
  });

  it("never shrinks with the attempts, for the same chance", () => {
    fc.assert(
      fc.property(attempt, random, limits, (n, chance, bounds) => {
        expect(backoffMs(n + 1, chance, bounds)).toBeGreaterThanOrEqual(backoffMs(n, chance, bounds));
      }),
    );
  });

  it("spreads evenly", () => {
    const bounds = { backoffMs: 999, backoffMaxMs: 999 };
    const waits = Array.from({ length: 1000 }, (_, at) => backoffMs(1, (at + 0.5) / 1000, bounds));
    expect(new Set(waits).size).toBe(1000);
  });
});
