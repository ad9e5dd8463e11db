import { describe, expect, it } from "vitest";
import { readOverview } from "../../src/report/overview.js";
import { isDead, NOW, setup } from "./world.js";

describe("the overview", () => {
  it("counts every state and names what each instance has in hand", async () => {
    const { database } = await setup({
      videos: [
        { id: 1 },
        { id: 2, state: "running", instance: "a" },
        { id: 3, state: "completed" },
        { id: 4, state: "failed", error: "x" },
      ],
      instances: [{ id: "a", inHand: 1 }],
    });
    const overview = await readOverview(database, { now: NOW, isDead });
    expect(overview.counts).toEqual({
      total: 4,
      pending: 1,
      running: 1,
      completed: 1,
      failed: 1,
      quarantined: 0,
      cancelled: 0,
    });
    expect(overview.instances).toMatchObject([
      { id: "a", rank: 0, restarts: 0, held: [{ videoId: 2, attempt: 1, claimedAt: NOW - 10 }] },
    ]);
    expect(overview.failures).toEqual([{ reason: "x", state: "failed", count: 1 }]);
  });
});
