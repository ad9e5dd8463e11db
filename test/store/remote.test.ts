import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/read.js";
import type { Database } from "../../src/database/database.js";
import { HidbError } from "../../src/errors.js";
import { RemoteStore } from "../../src/store/remote/remote.js";
import { readSpools } from "../../src/store/remote/spool.js";
import type { Outcome } from "../../src/video.js";
import { CATALOGUE, settleDown, World } from "../claim/world.js";

const completed: Outcome = { kind: "completed", output: "{}" };

/** A store whose claimed video 1 is to be settled through `batch`. */
async function setup(world: World, batch: (spoolDir: string) => Database["batch"]) {
  const spoolDir = mkdtempSync(join(tmpdir(), "hidb-spool-"));
  const instance = await world.instance();
  const [claim] = await (await world.claimerOf(instance)).claimVideos({ limit: 1, alone: false });
  if (claim === undefined) throw new Error("expected a claim");
  const database: Database = Object.create(world.database, { batch: { value: batch(spoolDir) } });
  const store = new RemoteStore({
    ...{ instance: { ...instance, database }, catalogue: CATALOGUE, databaseName: "d", report: () => undefined },
    config: { ...readConfig({ environment: {}, cwd: spoolDir }), spoolDir },
  });
  return { store, claim, kept: () => readSpools(spoolDir).flatMap(({ outcomes }) => outcomes) };
}

describe("finished work on D1", () => {
  it("is in the spool before the database is asked, and no longer once it is committed", async () => {
    await using world = await World.create({ videos: [1] });
    const before: unknown[] = [];
    const { store, claim, kept } = await setup(world, (folder) => async (statements) => {
      before.push(...readSpools(folder).flatMap(({ outcomes }) => outcomes.map((one) => one.outcome)));
      return world.database.batch<never>(statements);
    });
    await store.settle(claim, completed, 10_000);
    await settleDown();
    expect(before).toEqual([completed]);
    expect(kept()).toEqual([]);
    expect(store.isKept(claim)).toBe(false);
  });

  it("stays in the spool when the database refuses it, and is not settled again by the same instance", async () => {
    await using world = await World.create({ videos: [1] });
    const broken = new HidbError({ code: "DATABASE_CORRUPT", message: "expected a sound one", fix: "restore it" });
    const { store, claim, kept } = await setup(world, () => () => Promise.reject(broken));
    await expect(store.settle(claim, completed, 10_000)).rejects.toBe(broken);
    await settleDown();
    expect(kept()).toMatchObject([{ outcome: completed }]);
    expect(store.isKept(claim)).toBe(true);
  });
});
