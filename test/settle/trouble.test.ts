import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { HidbError } from "../../src/errors.js";
import type { Outcome } from "../../src/video.js";
import { many, settleDown, World } from "../claim/world.js";
import { openDesk } from "./world.js";

const completed: Outcome = { kind: "completed", output: "{}" };

describe("a database that another program holds locked", () => {
  it("is waited for, while the event loop goes on, and nothing is lost", async () => {
    await using world = await World.create({ videos: many(30), onDisk: true });
    const { settler, claim, troubles } = await openDesk(world);
    const other = new BetterSqlite3(world.file);
    other.exec("BEGIN EXCLUSIVE");
    // Freed by the loop itself, after a hundred turns: one that stands still at each try is out of patience before.
    let turns = 0;
    const turning = setInterval(() => {
      if (++turns === 100) other.exec("COMMIT");
    }, 1);
    const settlements = many(30).map((id) =>
      settler.settleOutcome(claim(id), id % 10 === 0 ? { kind: "retry", reason: "no" } : completed, 1),
    );
    const result = await Promise.all(settlements);
    clearInterval(turning);
    other.close();
    expect(result.every((one) => one.held)).toBe(true);
    expect(await world.states()).toEqual({ completed: 27, pending: 3 });
    expect(troubles).toEqual([]);
    expect(turns).toBeGreaterThanOrEqual(100);
  });

  it("beyond all patience is reported, and tried again until it is free", async () => {
    await using world = await World.create({ videos: many(3), onDisk: true });
    const impatient = await openSqlite(world.file, { clock: systemClock, patienceMs: 20 });
    const { settler, claim, troubles } = await openDesk(world, { database: impatient });
    const statements = [impatient.prepare("CREATE TABLE made (id INTEGER)")];
    const other = new BetterSqlite3(world.file);
    other.exec("BEGIN EXCLUSIVE");
    const settlements = [
      settler.settleOutcome(claim(1), completed, 1),
      settler.settleOutcome(claim(2), { kind: "failed", reason: "no" }, 1),
      settler.settleOutcome(claim(3), { kind: "completed", output: null, statements }, 1),
    ];
    void settler.flush();
    for (let round = 1; round <= 3; round++) {
      await expect.poll(() => troubles.length, { interval: 5 }).toBe(round);
      await settleDown();
      world.clock.advance(1000);
    }
    expect(troubles[0]).toMatchObject({ code: "DATABASE_LOCKED" });
    other.exec("COMMIT");
    other.close();
    await expect.poll(() => world.clock.advance(1000), { interval: 5 }).toBeUndefined();
    const answers = Promise.all(settlements);
    for (let round = 0; round < 10; round++) {
      await systemClock.sleep(10);
      world.clock.advance(1000);
    }
    expect((await answers).map((one) => one.held)).toEqual([true, true, true]);
    expect(await world.states()).toEqual({ completed: 2, failed: 1 });
    expect(await world.rows("SELECT * FROM made")).toEqual([]);
    await impatient.close();
  });

  it("is never taken for a fault of the processor's statements", async () => {
    await using world = await World.create({ videos: [1] });
    let tries = 0;
    const database = Object.create(world.database, {
      prepare: { value: world.database.prepare.bind(world.database) },
      batch: {
        value: (statements: Parameters<typeof world.database.batch>[0]) => {
          tries++;
          if (tries > 2) return world.database.batch(statements);
          throw new HidbError({ code: "DATABASE_FULL", message: "expected room", fix: "make some" });
        },
      },
    });
    const { settler, claim, troubles } = await openDesk(world, { database });
    const statements = [world.database.prepare("CREATE TABLE made (id INTEGER)")];
    const settlement = settler.settleOutcome(claim(1), { kind: "completed", output: null, statements }, 1);
    void settler.flush();
    for (let round = 0; round < 2; round++) {
      await settleDown();
      world.clock.advance(1000);
    }
    expect(await settlement).toMatchObject({ held: true, outcome: { kind: "completed" } });
    expect(troubles).toHaveLength(2);
    expect(await world.attempts()).toEqual([]);
  });
});

describe("a database that is broken", () => {
  it("rejects the settlements instead of claiming that they were written", async () => {
    await using world = await World.create({ videos: many(3) });
    const broken = new HidbError({ code: "DATABASE_CORRUPT", message: "expected a sound database", fix: "restore it" });
    const database = Object.create(world.database, {
      prepare: { value: world.database.prepare.bind(world.database) },
      batch: { value: () => Promise.reject(broken) },
    });
    const { settler, claim } = await openDesk(world, { database });
    const settlements = [
      settler.settleOutcome(claim(1), completed, 1),
      settler.settleOutcome(claim(2), { kind: "released" }, 1),
      settler.settleOutcome(claim(3), { ...completed, statements: [world.database.prepare("SELECT 1")] }, 1),
    ];
    const answers = Promise.allSettled(settlements);
    await settler.flush();
    expect(await answers).toMatchObject(
      many(3).map(() => ({ status: "rejected", reason: { code: "DATABASE_CORRUPT" } })),
    );
    expect(await world.states()).toEqual({ running: 3 });
  });
});
