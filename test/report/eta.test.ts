import { describe, expect, it } from "vitest";
import { type EtaFacts, estimate } from "../../src/report/eta.js";
import { fitWork } from "../../src/report/eta-model.js";
import { orderOfClaims } from "../../src/report/eta-order.js";
import { seededRandom } from "../../src/report/eta-random.js";
import { readOverview } from "../../src/report/overview.js";
import { isDead, NOW, setup } from "./world.js";

const random = seededRandom(1);

/** 200 attempts of about `meanMs`, a third up or down. */
function doneAround(meanMs: number, count = 200) {
  const random = seededRandom(2);
  return Array.from({ length: count }, () => ({ workMs: meanMs * (1 + (random.uniform() - 0.5) / 1.5), durationS: 0 }));
}

function facts(parts: Partial<EtaFacts> & { pending?: number } = {}): EtaFacts {
  const { pending = 600, ...rest } = parts;
  const last = Array.from({ length: Math.min(300, pending) }, (_, at) => ({ videoId: at + 1, durationS: 0 }));
  return {
    now: 0,
    done: doneAround(10_000),
    running: [],
    backlog: { count: pending, known: { count: 0, sumS: 0, squareS: 0 }, last, backoffMs: 0 },
    count: 3,
    concurrency: 1,
    retrying: { again: 0, failed: 0, length: 1, maxAttempts: 3 },
    ...rest,
  };
}

function end(parts?: Parameters<typeof facts>[0]) {
  const eta = estimate(facts(parts));
  if (eta === null) throw new Error("expected an estimate");
  return eta;
}

describe("the estimate", () => {
  it("shares the work that is left among all who work", () => {
    const { low, p50, p90, high } = end();
    expect(p50 / 1000).toBeGreaterThan(1950);
    expect(p50 / 1000).toBeLessThan(2100);
    expect(low).toBeLessThan(p50);
    expect(p50).toBeLessThan(p90);
    expect(p90).toBeLessThan(high);
    expect(end({ count: 6 }).p50 / p50).toBeCloseTo(0.5, 1);
    expect(end({ concurrency: 2 }).p50 / p50).toBeCloseTo(0.5, 1);
  });

  it("is the same for the same facts", () => {
    const same = facts();
    expect(estimate(same)).toEqual(estimate(same));
  });

  it("is now when nothing is left, and unknown when nobody works or nothing has been seen", () => {
    expect(end({ pending: 0 })).toEqual({ p50: 0, p90: 0, low: 0, high: 0 });
    expect(estimate(facts({ count: 0 }))).toBeNull();
    expect(estimate(facts({ done: [] }))).toBeNull();
  });

  it("waits at the tail for what runs, the less the longer it has run, and never not at all", () => {
    const young = end({ pending: 0, running: [{ ageMs: 0, durationS: 0 }] });
    const old = end({ pending: 0, running: [{ ageMs: 9000, durationS: 0 }] });
    const oldest = end({ pending: 0, running: [{ ageMs: 60_000, durationS: 0 }] });
    expect(young.p50).toBeGreaterThan(8000);
    expect(old.p50).toBeLessThan(young.p50 / 2);
    expect(oldest.p50).toBeGreaterThan(10_000);
    expect(oldest.p90).toBeGreaterThan(2 * oldest.p50);
  });

  it("knows that a long video claimed last keeps the pool waiting", () => {
    const done = Array.from({ length: 100 }, (_, at) => ({ workMs: 100 * (60 + at), durationS: 60 + at }));
    const short = Array.from({ length: 30 }, (_, at) => ({ videoId: at + 1, durationS: 60 }));
    const backlog = (durationS: number) => ({
      count: 31,
      known: { count: 31, sumS: 1800 + durationS, squareS: 30 * 3600 + durationS ** 2 },
      last: [...short, { videoId: 31, durationS }],
      backoffMs: 0,
    });
    expect(end({ done, backlog: backlog(60) }).p50).toBeLessThan(75_000);
    expect(end({ done, backlog: backlog(3600) }).p50).toBeGreaterThan(360_000 + 55_000);
  });

  it("takes videos without a duration for what their like have taken", () => {
    const known = Array.from({ length: 50 }, (_, at) => ({ workMs: 1000 * (at + 1), durationS: at + 1 }));
    const model = fitWork([...known, ...doneAround(500, 50)]);
    expect(model?.line.blind).toBeGreaterThan(300);
    expect(model?.line.blind).toBeLessThan(700);
  });

  it("tells what each video costs from what each of its seconds costs", () => {
    const done = Array.from({ length: 300 }, (_, at) => {
      const durationS = 60 + (at % 97) * 30;
      return { durationS, workMs: (20_000 + 95 * durationS) * (1 + (random.uniform() - 0.5) / 5) };
    });
    const { base = 0, perSecond = 0 } = fitWork(done)?.line ?? {};
    expect(base / 20_000).toBeCloseTo(1, 0);
    expect(perSecond / 95).toBeCloseTo(1, 1);
  });

  it("counts in that attempts fail and are made again", () => {
    const again = { again: 0.2, failed: 0, length: 1, maxAttempts: 100 };
    expect(end({ retrying: again }).p50 / end().p50).toBeCloseTo(1.25, 1);
    const cheap = { again: 0, failed: 0.5, length: 0, maxAttempts: 3 };
    expect(end({ retrying: cheap }).p50 / end().p50).toBeCloseTo(0.5, 1);
  });

  it("begins when a pause ends by itself", () => {
    expect(end({ claimsFrom: 3_600_000 }).p50 - end().p50).toBeCloseTo(3_600_000, -5);
  });

  it("leaves room for more instances being no faster", () => {
    const crowded = end({ count: 6, crowding: { ratio: 2, chance: 0.3 } });
    const plain = end({ count: 6 });
    expect(crowded.p50 / plain.p50).toBeLessThan(1.1);
    expect(crowded.p90 / plain.p90).toBeGreaterThan(1.5);
  });

  it("waits for the fullest shard where nobody helps out", () => {
    const last = Array.from({ length: 90 }, (_, at) => ({ videoId: 3 * (at + 1), durationS: 0 }));
    const backlog = { count: 90, known: { count: 0, sumS: 0, squareS: 0 }, last, backoffMs: 0 };
    expect(end({ backlog, sharding: "strict" }).p50 / end({ backlog }).p50).toBeCloseTo(3, 0);
  });
});

describe("the order of claims", () => {
  it("is each shard's own first, and the fullest shard's last", () => {
    const waiting = [3, 6, 9, 12, 10].map((videoId) => ({ videoId, durationS: 0 }));
    const order = orderOfClaims(waiting, { count: 3, concurrency: 1, expect: () => 1 });
    expect(order.map(({ videoId }) => videoId)).toEqual([3, 10, 6, 9, 12]);
  });
});

describe("the overview's ETA", () => {
  const ended = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ id: at + 1, state: "completed" as const, finishedAt: NOW - at * 10 }));

  it("comes from the durations of this run, and goes with the pool", async () => {
    const videos = [...ended(100), ...Array.from({ length: 60 }, (_, at) => ({ id: 1000 + at }))];
    const { database } = await setup({ videos, instances: [{ id: "a" }, { id: "b", processId: 1 }] });
    await database.prepare("UPDATE hidb_videos SET claimed_at = finished_at - 5000 WHERE state = 'completed'").run();
    const { eta, medianMs } = await readOverview(database, { now: NOW, isDead });
    expect(medianMs).toBe(5000);
    expect(((eta?.p50 ?? 0) - NOW) / 1000).toBeGreaterThan(140);
    expect(((eta?.p50 ?? 0) - NOW) / 1000).toBeLessThan(165);
    await database.prepare("INSERT INTO hidb_pool VALUES ('paused', '1')").run();
    expect((await readOverview(database, { now: NOW, isDead })).eta).toBeNull();
    await database.prepare("DELETE FROM hidb_pool").run();
    await database.prepare("UPDATE hidb_instances SET state = 'gone', gone_at = 1").run();
    expect((await readOverview(database, { now: NOW, isDead })).eta).toBeNull();
  });

  it("is not misled by claims made ahead: instances know how long they have worked", async () => {
    const videos = [...ended(200), ...Array.from({ length: 1000 }, (_, at) => ({ id: 1000 + at }))];
    const { database } = await setup({ videos, instances: [{ id: "a", startedAt: NOW - 2100 }] });
    await database.batch([
      // Each waited for 50 ms behind others and was worked on for 10.
      database.prepare("UPDATE hidb_videos SET claimed_at = finished_at - 60 WHERE state = 'completed'"),
      database.prepare("UPDATE hidb_instances SET completed = 200, busy_ms = 2000"),
    ]);
    const { eta } = await readOverview(database, { now: NOW, isDead });
    expect(((eta?.p50 ?? 0) - NOW) / 1000).toBeGreaterThan(9);
    expect(((eta?.p50 ?? 0) - NOW) / 1000).toBeLessThan(12);
  });
});
