import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.js";
import { batchRequests } from "../../src/database/d1/request-batcher.js";
import type { Database } from "../../src/database/database.js";
import { openSqlite } from "../../src/database/sqlite.js";
import type { Runner } from "../../src/database/statement.js";
import { HidbError } from "../../src/errors.js";

type Batch = Database["batch"];

/** Counts the requests, and how many were under way at once. */
async function setup({ trouble }: { trouble?: Error } = {}) {
  const near = (await openSqlite(":memory:", { create: true })) as Database & Runner;
  onTestFinished(() => near.close());
  await near.exec("CREATE TABLE films (name TEXT NOT NULL)");
  const seen = { requests: [] as number[], now: 0, most: 0 };
  const batch = async (statements: Parameters<Batch>[0]) => {
    seen.requests.push(statements.length);
    seen.most = Math.max(seen.most, ++seen.now);
    await delay(20);
    seen.now--;
    if (trouble !== undefined) throw trouble;
    return near.batch(statements);
  };
  const carrier: Database & Runner = Object.create(near, { batch: { value: batch } });
  const database = batchRequests(carrier, { clock: systemClock, ready: async () => undefined });
  const add = (name: string | null) => database.prepare("INSERT INTO films VALUES (?)").bind(name);
  const names = async () => (await near.prepare("SELECT name FROM films").all<{ name: string }>()).results;
  return { database, seen, add, names };
}

describe("calls that come at about the same time", () => {
  it("travel in one request, and each gets its own answer", async () => {
    const { database, seen, add, names } = await setup();
    const [, two] = await Promise.all([
      add("M").run(),
      database.batch<{ n: number }>([add("Fury"), database.prepare("SELECT count(*) AS n FROM films")]),
    ]);
    expect(seen.requests).toEqual([3]);
    expect(two[1]?.results).toEqual([{ n: 2 }]);
    expect(await names()).toEqual([{ name: "M" }, { name: "Fury" }]);
  });

  it("do not fail with one another: a statement that is wrong has its own error, and the others their answers", async () => {
    const { add, names } = await setup();
    const [one, wrong, two] = await Promise.allSettled([add("M").run(), add(null).run(), add("Fury").run()]);
    expect([one.status, wrong.status, two.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await names()).toEqual([{ name: "M" }, { name: "Fury" }]);
  });

  it("share trouble of the line, which is not asked for again by each of them", async () => {
    const trouble = new HidbError({ code: "DATABASE_UNREACHABLE", message: "expected an answer", fix: "wait" });
    const { seen, add } = await setup({ trouble });
    const ended = await Promise.allSettled([add("M").run(), add("Fury").run()]);
    expect(ended).toMatchObject([{ reason: trouble }, { reason: trouble }]);
    expect(seen.requests).toEqual([2]);
  });
});

describe("calls that come one after the other", () => {
  it("keep their order: one request is under way at a time", async () => {
    const { seen, add, names } = await setup();
    const writing = [];
    for (const name of ["1", "2", "3", "4"]) {
      writing.push(add(name).run());
      await delay(10);
    }
    await Promise.all(writing);
    expect(seen.most).toBe(1);
    expect((await names()).map(({ name }) => name)).toEqual(["1", "2", "3", "4"]);
  });
});
