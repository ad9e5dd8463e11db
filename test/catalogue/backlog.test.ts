import { describe, expect, it } from "vitest";
import { cancelVideos, retryVideos } from "../../src/catalogue/backlog.js";
import { World } from "../claim/world.js";

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
