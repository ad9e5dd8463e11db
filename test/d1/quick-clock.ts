// A clock whose waits take no time.
import { type Clock, systemClock } from "../../src/clock.js";

export const NOON = Date.UTC(2026, 10, 24, 12);

/** From noon on; it records the waits, and moves on by them. */
export function quickClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  let passed = 0;
  return {
    ...systemClock,
    slept,
    now: () => NOON + passed,
    monotonic: () => systemClock.monotonic() + passed,
    random: () => 0.5,
    sleep: async (ms) => {
      slept.push(ms);
      passed += ms;
    },
  };
}
