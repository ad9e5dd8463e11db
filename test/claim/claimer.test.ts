import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { adoptVideos } from "../../src/catalogue/adopt.js";
import { Claimer, type Sharding } from "../../src/claim/claimer.js";
import { leave, viewPool } from "../../src/claim/membership.js";
import type { Database } from "../../src/database/database.js";
import { LOCAL_CLAIMS } from "../../src/store/local.js";
import type { Claim } from "../../src/video.js";
import { CATALOGUE, idsOf, many, NO_FIGURES, World } from "./world.js";

const ALL = { limit: 1000, alone: true };
const shardOf = (id: number, count: number) => ((id % count) + count) % count;

/** Claims until nothing is left; videos in the order in which they came. */
async function takeAll(claimer: Claimer, limit = 7): Promise<Claim[]> {
  const taken: Claim[] = [];
  for (;;) {
    const claims = await claimer.claimVideos({ limit, alone: taken.length === 0 });
    if (claims.length === 0) return taken;
    taken.push(...claims);
  }
}

describe("a claim", () => {
  it("takes pending videos of its shard, marks them running, counts the attempt and brings what the catalogue knows", async () => {
    await using world = await World.create({ videos: [{ id: 4, durationS: 12.5 }, 5, 6] });
    const instance = await world.instance({ processId: 0 });
    await world.instance({ processId: 1 });
    await world.rows("UPDATE videos SET title = 'Four' WHERE id = 4");
    const claims = await (await world.claimerOf(instance)).claimVideos({ limit: 10, alone: true });
    expect(claims).toEqual([
      {
        video: { id: 4, source: "/videos/4.mp4", title: "Four", durationS: 12.5 },
        attempt: 1,
        deaths: 0,
        claimedAt: world.clock.now(),
        rank: 0,
        count: 2,
      },
      expect.objectContaining({ video: { id: 6, source: "/videos/6.mp4", title: null, durationS: null } }),
    ]);
    expect(await world.video(4)).toMatchObject({
      state: "running",
      attempt: 1,
      instance: instance.id,
      claimedAt: world.clock.now(),
      finishedAt: null,
    });
    expect(await world.video(5)).toMatchObject({ state: "pending", attempt: 0, instance: null });
  });

  it("takes its own shard first, and others' videos only once its own are gone", async () => {
    await using world = await World.create({ videos: many(20) });
    const own = await world.claimer({}, { processId: 0 });
    await world.instance({ processId: 1 });
    expect(idsOf(await takeAll(own))).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
  });

  it("never steals when the sharding is strict", async () => {
    await using world = await World.create({ videos: many(9) });
    const claimers = [];
    for (const processId of [0, 1, 2]) claimers.push(await world.claimer({ sharding: "strict" }, { processId }));
    for (const [rank, claimer] of claimers.entries()) {
      expect(idsOf(await takeAll(claimer))).toEqual(many(9).filter((id) => id % 3 === rank));
    }
  });

  it("with ranges takes a contiguous part of the ids first", async () => {
    await using world = await World.create({ videos: many(9) });
    await world.instance({ processId: 0 });
    const middle = await world.claimer({ sharding: "ranges" }, { processId: 1 });
    await world.instance({ processId: 2 });
    expect(idsOf(await middle.claimVideos(ALL))).toEqual([4, 5, 6]);
    expect(idsOf(await middle.claimVideos(ALL))).toEqual([1, 2, 3, 7, 8, 9]);
  });

  it("without sharding takes anyone's, lowest id first", async () => {
    await using world = await World.create({ videos: many(5) });
    await world.instance({ processId: 0 });
    const other = await world.claimer({ sharding: "none" }, { processId: 1 });
    expect(idsOf(await other.claimVideos({ limit: 3, alone: true }))).toEqual([1, 2, 3]);
  });

  it("takes the longest known duration first and unknown ones last, when told so", async () => {
    const videos = [
      { id: 1, durationS: 10 },
      { id: 2, durationS: null },
      { id: 3, durationS: 300.5 },
      { id: 4, durationS: 40 },
      { id: 5, durationS: 300.5 },
    ];
    await using world = await World.create({ videos });
    const claimer = await world.claimer({ order: "longest" });
    expect(idsOf(await takeAll(claimer, 2))).toEqual([3, 5, 4, 1, 2]);
  });

  it("leaves a video alone until the time after which it may run", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const claimer = await world.claimer();
    await world.set(1, "run_after = ?", world.clock.now() + 1000);
    expect(idsOf(await takeAll(claimer))).toEqual([2]);
    world.clock.advance(999);
    claimer.rewind();
    expect(await claimer.claimVideos(ALL)).toEqual([]);
    world.clock.advance(1);
    claimer.rewind();
    expect(idsOf(await claimer.claimVideos(ALL))).toEqual([1]);
  });

  it("takes nothing while the pool is paused, and goes on after the next rewind", async () => {
    await using world = await World.create({ videos: many(3) });
    const claimer = await world.claimer();
    await world.rows("INSERT INTO hidb_pool (key, value) VALUES ('paused', '1')");
    expect(await claimer.claimVideos(ALL)).toEqual([]);
    await world.rows("DELETE FROM hidb_pool WHERE key = 'paused'");
    claimer.rewind();
    expect(idsOf(await claimer.claimVideos(ALL))).toEqual([1, 2, 3]);
  });

  it.each([
    ["has not begun to work", "state = 'starting'"],
    ["drains", "state = 'draining'"],
    ["has left", "state = 'gone', gone_at = 1"],
    ["has let its lease run out", "lease_until = 1"],
  ])("takes nothing for an instance that %s", async (_, change) => {
    await using world = await World.create({ videos: many(3) });
    const claimers = [];
    const instance = await world.instance();
    for (const sharding of ["modulo", "strict", "ranges", "none"] as const) {
      claimers.push(
        await world.claimerOf(instance, { sharding }),
        await world.claimerOf(instance, { sharding, order: "longest" }),
      );
    }
    await world.set(3, "deaths = 1");
    await world.rows(`UPDATE hidb_instances SET ${change}`);
    for (const claimer of claimers) expect(await claimer.claimVideos(ALL)).toEqual([]);
    // With others at work there are ranks to be had.
    for (const processId of [1, 2]) await world.instance({ processId });
    for (const claimer of claimers) {
      claimer.rewind({ news: true });
      expect(await claimer.claimVideos(ALL)).toEqual([]);
    }
    expect(await world.states()).toEqual({ pending: 3 });
  });

  it("takes nothing that somebody holds, or that has ended", async () => {
    await using world = await World.create({ videos: many(4) });
    for (const sharding of ["modulo", "none"] as const) await (await world.claimer({ sharding })).claimVideos(ALL);
    await world.set(1, "state = 'cancelled', finished_at = 1");
    const before = await world.rows("SELECT * FROM hidb_videos");
    expect(await (await world.claimer({ sharding: "none" }, { processId: 1 })).claimVideos(ALL)).toEqual([]);
    expect(await world.rows("SELECT * FROM hidb_videos")).toEqual(before);
  });

  it("takes nothing more once its instance is leaving, whatever is seen of the pool", async () => {
    await using world = await World.create({ videos: many(3) });
    const claimer = await world.claimer();
    claimer.end();
    claimer.rewind({ news: true });
    await expect(claimer.claimVideos(ALL)).resolves.toEqual([]);
    expect(await world.states()).toEqual({ pending: 3 });
  });

  it("finds rows that came back behind its cursor, once rewound", async () => {
    await using world = await World.create({ videos: many(10) });
    const claimer = await world.claimer();
    expect(idsOf(await claimer.claimVideos({ limit: 5, alone: true }))).toEqual([1, 2, 3, 4, 5]);
    await world.set(2, "state = 'pending', instance = NULL, claimed_at = NULL");
    expect(idsOf(await claimer.claimVideos({ limit: 2, alone: false }))).toEqual([6, 7]);
    claimer.rewind();
    expect(idsOf(await claimer.claimVideos({ limit: 2, alone: false }))).toEqual([2, 8]);
  });

  it("goes once round by itself when nothing lies ahead of its cursor", async () => {
    await using world = await World.create({ videos: many(4) });
    const claimer = await world.claimer();
    await claimer.claimVideos(ALL);
    await world.set(1, "state = 'pending', instance = NULL, claimed_at = NULL");
    expect(idsOf(await claimer.claimVideos(ALL))).toEqual([1]);
  });

  it("does not look again at a shard that it has found empty, until rewound", async () => {
    await using world = await World.create({ videos: [1] });
    const claimer = await world.claimer();
    await takeAll(claimer);
    await world.add([2]);
    expect(await claimer.claimVideos(ALL)).toEqual([]);
    claimer.rewind();
    expect(idsOf(await claimer.claimVideos(ALL))).toEqual([2]);
  });

  it("takes videos of any duration, however long their catalogue believes them to be", async () => {
    await using world = await World.create();
    await world.rows(
      "INSERT INTO videos (id, source, duration_s) VALUES (1, 'a', 9e999), (2, 'b', -9e999), (3, 'c', 5)",
    );
    const catalogue = { table: "videos", id: "id", source: "source", title: "title", duration: "duration_s" };
    await adoptVideos(world.database, catalogue);
    const claimer = await world.claimer({ order: "longest" });
    expect(idsOf(await claimer.claimVideos(ALL))).toEqual([1, 3, 2]);
  });

  it("takes a suspect alone and first, and only for an instance with empty hands", async () => {
    await using world = await World.create({ videos: many(6) });
    await world.set(3, "deaths = 1");
    await world.set(5, "deaths = 1");
    const claimer = await world.claimer();
    expect(idsOf(await claimer.claimVideos({ limit: 50, alone: false }))).toEqual([1, 2, 4, 6]);
    const first = await claimer.claimVideos({ limit: 50, alone: true });
    expect(first).toMatchObject([{ video: { id: 3 }, deaths: 1 }]);
    expect(idsOf(await claimer.claimVideos({ limit: 50, alone: false }))).toEqual([]);
    claimer.rewind();
    expect(idsOf(await claimer.claimVideos({ limit: 50, alone: true }))).toEqual([5]);
  });

  it("that could not look into the catalogue leaves no video in the hands of an instance that knows nothing of it", async () => {
    await using world = await World.create({ videos: many(3) });
    const instance = await world.instance();
    let broken = true;
    const database: Database = Object.create(world.database, {
      prepare: {
        value: (sql: string) => {
          if (broken && /FROM "videos"/.test(sql)) throw new Error("D1_ERROR: no such column: source");
          return world.database.prepare(sql);
        },
      },
    });
    const claimer = await world.claimerOf({ ...instance, database });
    await expect(claimer.claimVideos(ALL)).rejects.toThrow("no such column");
    broken = false;
    expect(await world.states()).toEqual({ pending: 3 });
    claimer.rewind();
    expect(await claimer.claimVideos(ALL)).toMatchObject(many(3).map((id) => ({ video: { id }, attempt: 1 })));
  });

  it("brings a video that has vanished from the catalogue without a source", async () => {
    await using world = await World.create({ videos: [1] });
    await world.rows("DELETE FROM videos");
    expect(await (await world.claimer()).claimVideos(ALL)).toMatchObject([{ video: { id: 1, source: "" } }]);
  });
});

describe("the rank", () => {
  async function ranksOf(world: World, instances: Awaited<ReturnType<World["instance"]>>[]) {
    const ranks = [];
    for (const instance of instances) ranks.push((await viewPool(instance)).rank);
    expect(new Set(instances.length === 0 ? [0] : [(await viewPool(instances[0] as never)).count])).toEqual(
      new Set([
        (
          await world.rows(
            "SELECT 1 FROM hidb_instances WHERE state = 'working' AND lease_until >= ?",
            world.clock.now(),
          )
        ).length,
      ]),
    );
    return ranks;
  }

  it("equals the process id when process ids are dense, in whatever order the instances came", async () => {
    await using world = await World.create();
    const instances = [];
    for (const processId of [3, 0, 2, 1]) {
      instances.push(await world.instance({ processId }));
      world.clock.advance(100);
    }
    expect(await ranksOf(world, instances)).toEqual([3, 0, 2, 1]);
  });

  it("closes gaps, and tells twins apart by their start", async () => {
    await using world = await World.create();
    const instances = [];
    for (const processId of [7, 2, 2, 11]) {
      instances.push(await world.instance({ processId }));
      world.clock.advance(100);
    }
    expect(await ranksOf(world, instances)).toEqual([2, 0, 1, 3]);
  });

  it("tells twins of the same millisecond apart", async () => {
    await using world = await World.create();
    const instances = [await world.instance(), await world.instance(), await world.instance()];
    expect((await ranksOf(world, instances)).sort()).toEqual([0, 1, 2]);
  });

  it("is a partition over several hosts", async () => {
    await using world = await World.create();
    const instances = [];
    for (const [host, processId] of [
      ["b", 0],
      ["a", 1],
      ["b", 1],
      ["a", 0],
    ] as const) {
      instances.push(await world.instance({ processId, identity: { host, boot: host } }));
    }
    expect(await ranksOf(world, instances)).toEqual([2, 1, 3, 0]);
  });

  it("does not count those that start, drain, have left or are silent past their lease", async () => {
    await using world = await World.create({ videos: many(12) });
    const lives = [];
    for (const processId of many(6, 0))
      lives.push(await world.instance({ processId, leaseMs: processId === 3 ? 10 : 30_000 }));
    await world.rows("UPDATE hidb_instances SET state = 'starting' WHERE process_id = 1");
    await world.rows("UPDATE hidb_instances SET state = 'draining' WHERE process_id = 2");
    await leave(lives[4] as never, NO_FIGURES, "test");
    world.clock.advance(10);
    expect(await viewPool(lives[5] as never)).toEqual({ rank: 2, count: 3 }); // The last millisecond still counts.
    world.clock.advance(1);
    expect(await viewPool(lives[5] as never)).toEqual({ rank: 1, count: 2 });
    const claimer = await world.claimerOf(lives[5] as never, { sharding: "strict" });
    const claims = await claimer.claimVideos(ALL);
    expect(idsOf(claims)).toEqual([1, 3, 5, 7, 9, 11]);
    expect(claims[0]).toMatchObject({ rank: 1, count: 2 });
  });

  it("is computed by the claim itself, so that a claim never acts on a stale count", async () => {
    await using world = await World.create({ videos: many(12) });
    const first = await world.claimer({ sharding: "strict" }, { processId: 0 });
    expect(idsOf(await first.claimVideos({ limit: 2, alone: true }))).toEqual([1, 2]);
    await world.instance({ processId: 1 });
    await world.instance({ processId: 2 });
    expect(await first.claimVideos(ALL)).toMatchObject(
      [3, 6, 9, 12].map((id) => ({ video: { id }, rank: 0, count: 3 })),
    );
  });
});

describe("however many claim, in whatever order", () => {
  const LIMIT = 2 ** 53;
  const id = fc.oneof(
    fc.integer({ min: -30, max: 30 }),
    fc.integer({ min: -1000, max: 1000 }),
    fc.constantFrom(-LIMIT, LIMIT, 1 - LIMIT, LIMIT - 1, 0),
    fc.maxSafeInteger(),
  );
  const plan = fc.record({
    ids: fc.uniqueArray(id, { minLength: 1, maxLength: 60, comparator: (a, b) => a === b }),
    count: fc.integer({ min: 1, max: 7 }),
    sharding: fc.constantFrom<Sharding>("modulo", "strict", "ranges", "none"),
    order: fc.constantFrom("id" as const, "longest" as const),
    durations: fc.array(fc.option(fc.integer({ min: 0, max: 5 })), { minLength: 60, maxLength: 60 }),
    steps: fc.array(
      fc.record({ who: fc.nat(6), limit: fc.integer({ min: 1, max: 9 }), rewind: fc.boolean(), flap: fc.boolean() }),
      { maxLength: 60 },
    ),
  });

  async function play({
    ids,
    count,
    sharding,
    order,
    durations,
    steps,
  }: typeof plan extends fc.Arbitrary<infer T> ? T : never) {
    await using world = await World.create({
      videos: ids.map((one, at) => ({ id: one, durationS: durations[at] ?? null })),
    });
    const claimers: Claimer[] = [];
    for (const processId of many(count, 0)) claimers.push(await world.claimer({ sharding, order }, { processId }));
    const taken: Claim[][] = claimers.map(() => []);
    for (const { who, limit, rewind, flap } of steps) {
      const rank = who % count;
      const claimer = claimers[rank] as Claimer;
      if (rewind) claimer.rewind();
      if (flap) await flip(world, rank);
      const claims = await claimer.claimVideos({ limit, alone: true });
      expect(claims.length).toBeLessThanOrEqual(limit);
      taken[rank]?.push(...claims);
    }
    await world.rows("UPDATE hidb_instances SET state = 'working'");
    for (const [rank, claimer] of claimers.entries()) {
      claimer.rewind();
      taken[rank]?.push(...(await takeAll(claimer)));
    }
    return taken;
  }

  /** Its neighbours' ranks change under their hands. */
  function flip(world: World, processId: number) {
    const state = "CASE state WHEN 'working' THEN 'draining' ELSE 'working' END";
    return world.rows(`UPDATE hidb_instances SET state = ${state} WHERE process_id = ?`, processId);
  }

  const ascending = (a: number, b: number) => a - b;

  it("each video is claimed by exactly one of them, also while instances come and go", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (world) => {
        const taken = await play(world);
        expect(taken.flatMap(idsOf).sort(ascending)).toEqual([...world.ids].sort(ascending));
      }),
      { numRuns: 150 },
    );
  });

  it("a strict claim takes from its own shard alone, negative ids included", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (world) => {
        const steps = world.steps.map((step) => ({ ...step, flap: false }));
        const taken = await play({ ...world, steps, sharding: "strict" });
        for (const [rank, claims] of taken.entries()) {
          for (const one of idsOf(claims)) expect(shardOf(one, world.count)).toBe(rank);
        }
        expect(taken.flat()).toHaveLength(world.ids.length);
      }),
      { numRuns: 80 },
    );
  });
});

describe("the cost of a claim", () => {
  type Seen = (sql: string, values: unknown[]) => void;

  /** The same database, with a look at every statement before it is answered. */
  function watched({ database }: World, see: Seen): Database {
    const prepare = (sql: string) => ({
      bind: (...values: unknown[]) => {
        const statement = database.prepare(sql).bind(...values);
        const seen = <T>(answer: () => T) => {
          see(sql, values);
          return answer();
        };
        return {
          all: () => seen(() => statement.all()),
          run: () => seen(() => statement.run()),
          first: (column: string) => seen(() => (column === undefined ? statement.first() : statement.first(column))),
        };
      },
    });
    return { prepare } as unknown as Database;
  }

  const isClaim = (sql: string) => /UPDATE hidb_videos/.test(sql);
  const SHARDINGS: Sharding[] = ["modulo", "strict", "ranges", "none"];

  it.each(SHARDINGS.flatMap((sharding) => [[sharding, "id"] as const, [sharding, "longest"] as const]))(
    "with %s by %s is a seek in a partial index: nothing is scanned or sorted",
    async (sharding, order) => {
      await using world = await World.create({ videos: many(100) });
      await world.set(50, "deaths = 1");
      const seen = new Map<string, unknown[]>();
      const instance = await world.instance();
      await world.claimerOf(instance, { sharding, order });
      const database = watched(world, (sql, values) => seen.set(sql, values));
      const claimer = new Claimer(
        { ...instance, database },
        { sharding, order, catalogue: CATALOGUE, style: LOCAL_CLAIMS },
      );
      expect(await takeAll(claimer, 10)).toHaveLength(100);
      await claimer.claimVideos(ALL);
      expect([...seen.keys()].filter(isClaim).length).toBeGreaterThanOrEqual(2);
      for (const [sql, values] of seen) {
        const plan = await world.rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values);
        const details = plan.map((row) => row.detail);
        expect(details.filter((detail) => /^SCAN (hidb_videos|videos)|TEMP B-TREE/.test(detail))).toEqual([]);
        if (isClaim(sql)) expect(details).toContainEqual(expect.stringMatching(/INDEX hidb_(open|longest|suspects) /));
      }
    },
  );

  /** A database in which each claim takes its time on the manual clock. */
  function slowed(world: World, tookMs: () => number): Database {
    return watched(world, (sql) => {
      if (isClaim(sql)) world.clock.advance(tookMs());
    });
  }

  it("keeps an instance that finds nothing in a large backlog from looking again at each heartbeat", async () => {
    await using world = await World.create();
    const claimer = await world.claimerOf({ ...(await world.instance()), database: slowed(world, () => 50) });
    for (let look = 0; look < 2; look++) {
      claimer.rewind();
      await claimer.claimVideos({ limit: 1, alone: false });
    }
    await world.add([1]);
    world.clock.advance(500);
    claimer.rewind();
    expect(await claimer.claimVideos(ALL)).toEqual([]);
    world.clock.advance(20_000); // 100 ms for the two shards, at 0.5 % of the time.
    claimer.rewind();
    expect(await claimer.claimVideos(ALL)).toHaveLength(1);
  });

  it("does not take a wait for somebody's lock for a long look", async () => {
    await using world = await World.create();
    let waitMs = 8000;
    const claimer = await world.claimerOf({ ...(await world.instance()), database: slowed(world, () => waitMs) });
    await claimer.claimVideos(ALL);
    waitMs = 0;
    await world.add([1]);
    world.clock.advance(500);
    claimer.rewind();
    expect(await claimer.claimVideos(ALL)).toHaveLength(1);
  });

  it("does not grow with the completed videos", async () => {
    await using world = await World.create();
    const claimer = await world.claimer();
    const quickest = async (first: number) => {
      await world.add(many(10, first));
      const looks: number[] = [];
      for (let look = 0; look < 10; look++) {
        claimer.rewind();
        const started = performance.now();
        expect(await claimer.claimVideos({ limit: 1, alone: true })).toHaveLength(1);
        looks.push(performance.now() - started);
      }
      return Math.min(...looks);
    };
    const before = await quickest(1);
    const completed = 20_000;
    await world.rows(
      `WITH RECURSIVE n(i) AS (SELECT 101 UNION ALL SELECT i + 1 FROM n WHERE i < ${completed})
       INSERT INTO hidb_videos (video_id, state, attempt, finished_at) SELECT i, 'completed', 1, 1 FROM n`,
    );
    // A walk over 20,000 rows takes some fifty times as long as a seek.
    expect(await quickest(completed + 1)).toBeLessThan(10 * before);
  });
});
