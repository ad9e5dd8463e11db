import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBatches, deleteBatches } from "../../src/claim/batches.js";
import type { Claimer } from "../../src/claim/claimer.js";
import { leave } from "../../src/claim/membership.js";
import { claimStatement, scopeParameters } from "../../src/claim/statements/claim.js";
import type { Claim } from "../../src/video.js";
import { idsOf, many, NO_FIGURES, World } from "./world.js";

const ranges = { sharding: "ranges" as const };

async function takeAll(claimer: Claimer, limit = 7): Promise<number[]> {
  const taken: Claim[] = [];
  for (;;) {
    const claims = await claimer.claimVideos({ limit, alone: false });
    if (claims.length === 0) return idsOf(taken);
    taken.push(...claims);
  }
}

const listed = (world: World) => world.rows("SELECT batch_id AS id, from_id AS a, to_id AS b FROM hidb_batches");

describe("batches of ids", () => {
  it("are cut into equally many videos, and meet where ids are missing", async () => {
    await using world = await World.create({ videos: [-5, 1, 2, 10, 11, 12, 100] });
    expect(await createBatches(world.database, { count: 3 })).toBe(3);
    expect(await listed(world)).toEqual([
      { id: 1, a: -5, b: 9 },
      { id: 2, a: 10, b: 11 },
      { id: 3, a: 12, b: 100 },
    ]);
    expect(await createBatches(world.database, { size: 3 })).toBe(3);
    expect(await listed(world)).toEqual([
      { id: 1, a: -5, b: 9 },
      { id: 2, a: 10, b: 99 },
      { id: 3, a: 100, b: 100 },
    ]);
    expect(await createBatches(world.database, { count: 50 })).toBe(7);
    expect(await deleteBatches(world.database)).toBe(7);
  });

  it("go round the ranks, are worked through one after the other, and their instances help one another in the end", async () => {
    await using world = await World.create({ videos: many(12) });
    await createBatches(world.database, { count: 4 });
    const first = await world.claimer(ranges, { processId: 0 });
    const second = await world.claimer(ranges, { processId: 1 });
    expect(idsOf(await second.claimVideos({ limit: 2, alone: false }))).toEqual([4, 5]);
    expect(await takeAll(first, 2)).toEqual([1, 2, 3, 7, 8, 9, 6, 10, 11, 12]);
    expect(await takeAll(second)).toEqual([]);
  });

  it("leave videos outside all of them to anyone", async () => {
    await using world = await World.create({ videos: [5, 6] });
    await createBatches(world.database, { count: 1 });
    await world.add([1, 9]);
    expect(await takeAll(await world.claimer(ranges))).toEqual([5, 6, 1, 9]);
  });

  it("are the only thing that a rank without a batch of its own has to help with", async () => {
    await using world = await World.create({ videos: many(4) });
    await createBatches(world.database, { count: 1 });
    await world.instance({ processId: 0 });
    const helper = await world.claimer(ranges, { processId: 1 });
    expect(await takeAll(helper)).toEqual([1, 2, 3, 4]);
  });

  it("keep their order by longest duration within each", async () => {
    const videos = many(6).map((id) => ({ id, durationS: id }));
    await using world = await World.create({ videos });
    await createBatches(world.database, { count: 2 });
    expect(await takeAll(await world.claimer({ ...ranges, order: "longest" }), 2)).toEqual([3, 2, 1, 6, 5, 4]);
  });

  it("are noticed at the next heartbeat when they are made, changed or deleted while instances work", async () => {
    await using world = await World.create({ videos: many(12) });
    await world.instance({ processId: 0 });
    const claimer = await world.claimer(ranges, { processId: 1 });
    const next = async () => {
      claimer.rewind();
      return idsOf(await claimer.claimVideos({ limit: 1, alone: false }));
    };
    expect(await next()).toEqual([7]);
    await createBatches(world.database, { count: 4 });
    expect(await next()).toEqual([4]);
    await createBatches(world.database, { size: 2 });
    expect(await next()).toEqual([3]);
    await deleteBatches(world.database);
    expect(await next()).toEqual([8]);
  });

  it("are not looked into when all their videos have ended, however many there are", async () => {
    await using world = await World.create({ videos: many(100) });
    await createBatches(world.database, { count: 100 });
    await world.rows("UPDATE hidb_videos SET state = 'completed', attempt = 1, finished_at = 1 WHERE video_id < 100");
    const instance = await world.instance();
    let claims = 0;
    const prepare = (sql: string) => {
      if (sql.includes("RETURNING video_id AS id")) claims++;
      return world.database.prepare(sql);
    };
    const database = Object.assign(Object.create(world.database), { prepare });
    const claimer = await world.claimerOf({ ...instance, database }, ranges);
    expect(idsOf(await claimer.claimVideos({ limit: 5, alone: false }))).toEqual([100]);
    expect(claims).toBe(1);
  });

  it.each(["id", "longest"] as const)("are claimed by an index alone, in order of %s", async (order) => {
    await using world = await World.create({ videos: many(3) });
    await world.claimer({ ...ranges, order });
    const cursor = order === "longest" ? [0, 0] : [0];
    const scope = scopeParameters("batch", { rank: 0, count: 1, batch: { from: 1, to: 3 } });
    const values = ["i", 1, 0, 1, "i", 1, 1, 0, 1, ...cursor, ...scope, 1, 1];
    const plan = await world.rows<{ detail: string }>(
      `EXPLAIN QUERY PLAN ${claimStatement("batch", order)}`,
      ...values,
    );
    const details = plan.map((row) => row.detail).join("\n");
    expect(details).not.toMatch(/SCAN hidb_videos|TEMP B-TREE/);
    if (order === "id") expect(details).toContain("INDEX hidb_open (video_id>? AND video_id<?)");
  });

  const id = fc.oneof(fc.integer({ min: -20, max: 40 }), fc.constantFrom(-(2 ** 53), 2 ** 53, 0));
  const cut = fc.oneof(
    fc.record({ count: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ size: fc.integer({ min: 1, max: 9 }) }),
    fc.constant(null),
  );
  const step = fc.oneof(
    fc.record({ kind: fc.constant("claim" as const), who: fc.nat(4), limit: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant("rewind" as const), who: fc.nat(4) }),
    fc.record({ kind: fc.constant("cut" as const), cut }),
    fc.record({ kind: fc.constant("leave" as const), who: fc.nat(4) }),
  );

  it("lose and double no video, however they and the number of instances change meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(id, { minLength: 1, maxLength: 40 }),
        fc.constantFrom("id" as const, "longest" as const),
        fc.array(step, { maxLength: 40 }),
        async (ids, order, steps) => {
          await using world = await World.create({ videos: ids });
          const members = [];
          for (const processId of many(5, 0)) {
            const instance = await world.instance({ processId });
            members.push({ instance, claimer: await world.claimerOf(instance, { ...ranges, order }) });
          }
          const taken: number[] = [];
          for (const one of steps) {
            if (one.kind === "cut") {
              await (one.cut === null ? deleteBatches(world.database) : createBatches(world.database, one.cut));
              continue;
            }
            const member = members[one.who];
            if (member === undefined) continue;
            if (one.kind === "rewind") member.claimer.rewind();
            else if (one.kind === "leave") {
              if (one.who > 0) await leave(member.instance, NO_FIGURES, "the test says so");
            } else taken.push(...idsOf(await member.claimer.claimVideos({ limit: one.limit, alone: false })));
          }
          members[0]?.claimer.rewind({ news: true });
          taken.push(...(await takeAll(members[0]?.claimer as Claimer, 9)));
          expect(taken.sort((a, b) => a - b)).toEqual(ids.sort((a, b) => a - b));
        },
      ),
      { numRuns: 150 },
    );
  });
});
