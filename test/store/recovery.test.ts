import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { recoverSpools } from "../../src/store/remote/recovery.js";
import { REMOTE_SETTLEMENTS } from "../../src/store/remote/remote.js";
import { readSpools, Spool } from "../../src/store/remote/spool.js";
import type { Outcome } from "../../src/video.js";
import { World } from "../claim/world.js";
import { OPTIONS, openDesk } from "../settle/world.js";

const OWNER = { host: "h", boot: "b", pid: 1, pidStartedAt: "1" };
const completed: Outcome = { kind: "completed", output: "{}" };

describe("a spool", () => {
  interface Left {
    database?: string;
    isDead?: boolean;
    /** Its owner had written it, and died before it had the answer. */
    isSettled?: boolean;
    recoveries?: number;
  }

  async function recover(world: World, { database = "d", isDead = true, isSettled = false, recoveries = 1 }: Left) {
    const { instance, settler, claim } = await openDesk(world);
    const folder = mkdtempSync(join(tmpdir(), "hidb-spool-"));
    const spool = new Spool(folder, { database, instance: instance.id, ...OWNER }, world);
    spool.keep(claim(1), completed, 1);
    spool.close();
    if (isSettled) await settler.settleOutcome(claim(1), completed, 1000);
    world.clock.advance(5);
    let told = 0;
    const options = {
      ...{ folder, databaseName: "d", isDead: () => isDead, onSettled: () => void told++ },
      settler: {
        ...OPTIONS,
        database: world.database,
        clock: world.clock,
        style: REMOTE_SETTLEMENTS,
        onTrouble: () => undefined,
      },
    };
    const held = await Promise.all(Array.from({ length: recoveries }, () => recoverSpools(options)));
    return { held, told, left: readSpools(folder).length, state: (await world.video(1)).state };
  }

  it("of a dead instance is settled, and taken away", async () => {
    await using world = await World.create({ videos: [1] });
    expect(await recover(world, {})).toEqual({ held: [1], told: 1, left: 0, state: "completed" });
  });

  it("is reported once, though its owner had written it before it died", async () => {
    await using world = await World.create({ videos: [1] });
    expect(await recover(world, { isSettled: true })).toEqual({ held: [1], told: 1, left: 0, state: "completed" });
  });

  it("is reported by one of several recoveries", async () => {
    await using world = await World.create({ videos: [1] });
    expect(await recover(world, { recoveries: 3 })).toMatchObject({ told: 1, left: 0, state: "completed" });
  });

  it("is left alone while its owner lives", async () => {
    await using world = await World.create({ videos: [1] });
    expect(await recover(world, { isDead: false })).toEqual({ held: [0], told: 0, left: 1, state: "running" });
  });

  it("is left alone where it belongs to another database", async () => {
    await using world = await World.create({ videos: [1] });
    expect(await recover(world, { database: "another" })).toEqual({ held: [0], told: 0, left: 1, state: "running" });
  });
});
