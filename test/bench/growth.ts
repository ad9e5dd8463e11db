// Growth: what a claim and a settlement cost a video when one shard of three is worked, however large the backlog.
import { Claimer } from "../../dist/claim/claimer.js";
import { identifyProcess } from "../../dist/claim/liveness.js";
import { beginWork, register } from "../../dist/claim/membership.js";
import { systemClock as clock } from "../../dist/clock.js";
import { openSqlite } from "../../dist/database/sqlite.js";
import { Settler } from "../../dist/settle/settler.js";
import { LOCAL_CLAIMS, LOCAL_SETTLEMENTS } from "../../dist/store/local.js";
import { median, World } from "./world.ts";

export interface GrowthFigure {
  pending: number;
  microsecondsAVideo: number;
  /** Against the smallest backlog. */
  ratio: number;
}

const SIZES = [2376, 100_000, 1_000_000];
const WORKED = 700;
const ROUNDS = 15;

export async function benchGrowth(): Promise<GrowthFigure[]> {
  const worlds: { pending: number; world: World; times: number[] }[] = [];
  for (const pending of SIZES) {
    const videos = Array.from({ length: pending }, () => ({ durationS: null }));
    worlds.push({ pending, world: await World.create(videos, {}), times: [] });
  }
  // Rounds go over all sizes in turn, so that a slow moment of the machine meets them alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const { world, times } of worlds) times.push(await workShard(world));
  }
  for (const { world } of worlds) world.remove();
  const base = median(worlds[0]?.times ?? []);
  return worlds.map(({ pending, times }) => ({
    pending,
    microsecondsAVideo: median(times),
    ratio: median(times) / base,
  }));
}

/** Claims and settles some hundred videos of one shard, then puts everything back. */
async function workShard(world: World): Promise<number> {
  const database = await openSqlite(world.file, { clock });
  const identity = identifyProcess();
  const members = [];
  for (const processId of [0, 1, 2]) {
    const member = await register({ identity, processId, leaseMs: 600_000, database, clock });
    await beginWork(member);
    members.push(member);
  }
  const instance = members[1];
  if (instance === undefined) throw new Error("nobody has registered");
  const catalogue = { table: "videos", id: "id", source: "source", title: "title", duration: "duration_s" };
  const claimer = new Claimer(instance, { sharding: "modulo", order: "id", catalogue, style: LOCAL_CLAIMS });
  const settler = new Settler({
    instance: instance.id,
    database,
    clock,
    maxAttempts: 3,
    groupCount: 50,
    groupMs: 50,
    style: LOCAL_SETTLEMENTS,
    backoffMs: 0,
    backoffMaxMs: 0,
    onTrouble: (error) => {
      throw error;
    },
  });
  const started = clock.monotonic();
  for (let done = 0; done < WORKED; done += 50) {
    const claims = await claimer.claimVideos({ limit: 50, alone: true });
    await Promise.all(claims.map((claim) => settler.settleOutcome(claim, { kind: "completed", output: null }, 0)));
  }
  const ms = clock.monotonic() - started;
  await database.close();
  world.query((raw) => {
    raw.exec(`DELETE FROM hidb_instances;
      UPDATE hidb_videos SET state = 'pending', attempt = 0, instance = NULL, claimed_at = NULL, finished_at = NULL
       WHERE state <> 'pending';`);
    raw.pragma("wal_checkpoint(TRUNCATE)");
  });
  return (ms * 1000) / WORKED;
}

if (import.meta.main) console.table(await benchGrowth());
