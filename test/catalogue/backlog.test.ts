import { describe, expect, it } from "vitest";
import { cancelVideos, retryVideos } from "../../src/catalogue/backlog.js";
import { many, World } from "../claim/world.js";

const ALL = { limit: 50, alone: true };

describe("a video that is cancelled while it runs and retried at once", () => {
  it("waits until its first attempt has had the time to hear of it", async () => {
    await using world = await World.create({ videos: [1] });
    const claimer = await world.claimer();
    await claimer.claimVideos(ALL);
    await cancelVideos(world.database, { ids: [1], states: ["running"] }, world.clock.now());
    await retryVideos(world.database, { ids: [1], states: ["cancelled"] });
    claimer.rewind();
    expect(await claimer.claimVideos(ALL)).toEqual([]);
    world.clock.advance(10_000);
    claimer.rewind();
    expect(await claimer.claimVideos(ALL)).toMatchObject([{ video: { id: 1 }, attempt: 1 }]);
  });

  it("that was only pending does not wait", async () => {
    await using world = await World.create({ videos: [1] });
    await cancelVideos(world.database, { ids: [1], states: ["pending"] }, world.clock.now());
    await retryVideos(world.database, { ids: [1], states: ["cancelled"] });
    expect(await (await world.claimer()).claimVideos(ALL)).toHaveLength(1);
  });
});

describe("a change of the backlog", () => {
  const STATES = {
    1: "state = 'pending'",
    2: "state = 'running', instance = 'i', claimed_at = 1, attempt = 1",
    3: "state = 'completed', finished_at = 1, output = '{}', attempt = 1",
    4: "state = 'failed', finished_at = 1, attempt = 3",
    5: "state = 'quarantined', finished_at = 1, attempt = 2, deaths = 2",
    6: "state = 'cancelled', finished_at = 1",
  };

  async function setup(world: World) {
    for (const [id, change] of Object.entries(STATES)) await world.set(Number(id), change);
    const rows = () => world.rows("SELECT * FROM hidb_videos ORDER BY video_id");
    return { rows, before: await rows() };
  }

  it.each([null, many(6)])("changes no video in another state than those that were named, by ids %o", async (ids) => {
    await using world = await World.create({ videos: many(6) });
    const { rows, before } = await setup(world);
    expect(await retryVideos(world.database, { ids, states: ["failed", "quarantined"] })).toEqual([4, 5]);
    expect(await cancelVideos(world.database, { ids, states: ["running"] }, 7)).toEqual([2]);
    const after = await rows();
    for (const at of [0, 2, 5]) expect(after[at]).toEqual(before[at]);
    const anew = {
      attempt: 0,
      deaths: 0,
      run_after: 0,
      claimed_at: null,
      finished_at: null,
      error: null,
      output: null,
    };
    for (const at of [3, 4]) expect(after[at]).toMatchObject({ state: "pending", instance: null, ...anew });
    expect(after.map((row) => row.state)).toEqual([
      ...["pending", "cancelled", "completed", "pending", "pending", "cancelled"],
    ]);
  });
});
