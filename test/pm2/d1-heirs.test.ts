import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { recoverSpools } from "../../src/store/remote/recovery.js";
import { REMOTE_SETTLEMENTS } from "../../src/store/remote/remote.js";
import { Spool } from "../../src/store/remote/spool.js";
import type { Claim } from "../../src/video.js";
import { prepareDatabase } from "../d1/life.ts";
import { startD1Server } from "../d1/server.ts";

it("two heirs of one dead instance tell of each settlement once", async () => {
  const server = await startD1Server({ slots: 4 });
  const folder = mkdtempSync(join(tmpdir(), "hh-"));
  try {
    const { databaseId, database } = await prepareDatabase(server, { videos: 1 });
    await database
      .prepare(
        "INSERT INTO hidb_videos (video_id, state, attempt, instance, claimed_at) VALUES (1, 'running', 1, ?, 5)",
      )
      .bind("dead")
      .run();
    const owner = { database: databaseId, instance: "dead", host: "h", boot: "b", pid: 1, pidStartedAt: "1" };
    const video = { id: 1, source: "", title: null, durationS: 1 };
    const claim: Claim = { video, attempt: 1, deaths: 0, claimedAt: 5, rank: 0, count: 1 };
    new Spool(folder, owner, { clock }).keep(claim, { kind: "completed", output: null }, 1);
    const told: number[] = [];
    const settler = { database, clock, maxAttempts: 3, groupCount: 50, groupMs: 10, backoffMs: 1, backoffMaxMs: 1 };
    const inherit = () =>
      recoverSpools({
        ...{ folder, databaseName: databaseId, isDead: () => true },
        settler: { ...settler, style: REMOTE_SETTLEMENTS, onTrouble: () => undefined },
        onSettled: (settled) => told.push(settled.claim.video.id),
      });
    await Promise.all([inherit(), inherit()]);
    expect(told).toEqual([1]);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
});
