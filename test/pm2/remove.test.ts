import { afterEach, describe, expect, it } from "vitest";
import { createPool, type TestPool } from "./pool.js";

let pool: TestPool;
afterEach(() => pool.end());

describe("hidb remove while the pool works", () => {
  it("takes no video away from an instance, and leaves a journal that is in order", async () => {
    pool = await createPool({ videos: 400, videoMs: 10 });
    await pool.start(["-i", "2"]);
    await pool.waitForProgress(20);
    let removed = 0;
    // All that are there, at once: what is in hand has to stay.
    for (let round = 0; round < 3; round++) {
      const { code, stdout } = await pool.hidb(["remove", "--source", "/v/*", "--json"]);
      expect(code).toBe(0);
      removed += (JSON.parse(stdout) as { removed: number }).removed;
      pool.addVideos(200);
      await pool.waitForProgress(10);
    }
    await pool.finish();
    expect(removed).toBeGreaterThan(300);
    const { code, stdout } = await pool.hidb(["verify", "--json", "--journal", pool.journal]);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, problems: [] });
    expect(code).toBe(0);
    expect(pool.readJournal().filter(({ event }) => event === "lost")).toEqual([]);
  });
});
