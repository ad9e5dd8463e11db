import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { Attempt } from "../../src/instance/attempt.js";
import { Deadlines } from "../../src/instance/deadlines.js";
import { Pace } from "../../src/instance/pace.js";
import { Signal } from "../../src/instance/signal.js";
import { settleDown } from "../claim/world.js";
import { fakeTimers } from "./world.js";

describe("a signal", () => {
  it("wakes the waiter", async () => {
    const signal = new Signal();
    let awake = false;
    const waiting = signal.wait().then(() => {
      awake = true;
    });
    await settleDown();
    expect(awake).toBe(false);
    signal.notify();
    await waiting;
  });

  it("remembers one notification for a later waiter, and only one", async () => {
    const signal = new Signal();
    signal.notify();
    signal.notify();
    await signal.wait();
    let awake = false;
    void signal.wait().then(() => {
      awake = true;
    });
    await settleDown();
    expect(awake).toBe(false);
    signal.notify();
    await settleDown();
    expect(awake).toBe(true);
  });

  it("notified twice before the waiter goes on needs no second waiter", async () => {
    const signal = new Signal();
    const waiting = signal.wait();
    signal.notify();
    signal.notify();
    await waiting;
  });
});

describe("the pace", () => {
  it("asks for just what runs at once until it has seen a video end", () => {
    expect(new Pace({ concurrency: 1, claimCount: 50, aheadMs: 100 }).wanted).toBe(1);
    expect(new Pace({ concurrency: 8, claimCount: 50, aheadMs: 100 }).wanted).toBe(8);
  });

  it("asks for many of the very short ones, and for none ahead of the long ones", () => {
    const pace = new Pace({ concurrency: 2, claimCount: 50, aheadMs: 100 });
    pace.note(0);
    expect(pace.wanted).toBe(50);
    for (let at = 0; at < 200; at++) pace.note(60_000);
    expect(pace.wanted).toBe(2);
  });

  it("looks 100 ms ahead", () => {
    const pace = new Pace({ concurrency: 3, claimCount: 1000, aheadMs: 100 });
    pace.note(10);
    expect(pace.wanted).toBe(3 + 30);
  });

  it("asks for no fewer than run at once, and for no more than HIDB_CLAIM_COUNT beyond that", () => {
    const durations = fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 1000 }),
        durations,
        (concurrency, count, durs) => {
          const pace = new Pace({ concurrency: concurrency, claimCount: count, aheadMs: 100 });
          for (const dur of durs) pace.note(dur);
          expect(Number.isInteger(pace.wanted)).toBe(true);
          expect(pace.wanted).toBeGreaterThanOrEqual(concurrency);
          expect(pace.wanted).toBeLessThanOrEqual(Math.max(concurrency, count));
        },
      ),
    );
  });
});

describe("deadlines", () => {
  beforeEach(fakeTimers);
  afterEach(() => vi.useRealTimers());

  function setup(timeoutMs: number) {
    const deadlines = new Deadlines(timeoutMs, systemClock);
    let now = 0;
    const stopped: string[] = [];
    const begin = (name: string) => {
      const startedAt = now;
      const attempt = {
        get ageMs() {
          return now - startedAt;
        },
        stop: (reason: string) => void stopped.push(`${name} ${reason} at ${now}`),
      };
      deadlines.add(attempt);
      return attempt;
    };
    const advance = (ms: number) => {
      for (let at = 0; at < ms; at++) {
        now++;
        vi.advanceTimersByTime(1);
      }
    };
    return { deadlines, begin, advance, stopped };
  }

  it("stop each attempt when its own time is over, with one timer for all", () => {
    const { begin, advance, stopped } = setup(100);
    begin("a");
    advance(30);
    begin("b");
    begin("c");
    expect(vi.getTimerCount()).toBe(1);
    advance(99);
    expect(stopped).toEqual(["a timeout at 100"]);
    advance(1);
    expect(stopped).toEqual(["a timeout at 100", "b timeout at 130", "c timeout at 130"]);
    expect(vi.getTimerCount()).toBe(0);
    begin("d");
    advance(100);
    expect(stopped.at(-1)).toBe("d timeout at 230");
  });

  it("leave alone what has ended in time", () => {
    const { deadlines, begin, advance, stopped } = setup(100);
    const first = begin("a");
    advance(50);
    begin("b");
    deadlines.delete(first);
    advance(1000);
    expect(stopped).toEqual(["b timeout at 150"]);
  });

  it("do not exist where there is no limit", () => {
    const { begin, advance, stopped } = setup(0);
    begin("a");
    expect(vi.getTimerCount()).toBe(0);
    advance(1000);
    expect(stopped).toEqual([]);
  });
});

describe("an attempt", () => {
  it.each(["drain", "lost"] as const)("that was stopped before it began is never begun: %s", async (reason) => {
    let begun = 0;
    const video = { id: 1, source: "/videos/1.mp4", title: null, durationS: null };
    const attempt = new Attempt({
      claim: { video, attempt: 1, deaths: 0, claimedAt: 0, rank: 0, count: 1 },
      processor: {
        process: async () => {
          begun++;
          return { kind: "failed", reason: "begun" };
        },
        close: async () => undefined,
      },
      database: {} as Database,
      clock: systemClock,
      deadlines: new Deadlines(0, systemClock),
    });
    attempt.stop(reason);
    expect(await attempt.run()).toEqual({ kind: "released" });
    expect(begun).toBe(0);
  });
});
