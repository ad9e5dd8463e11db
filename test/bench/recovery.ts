// Recovery: from kill -9 of an instance to the same video running again.
import { systemClock as clock } from "../../dist/clock.js";
import { quantile, World } from "./world.ts";

export interface RecoveryFigure {
  kills: number;
  p50Ms: number;
  p95Ms: number;
}

export async function benchRecovery(kills = 40): Promise<RecoveryFigure> {
  const world = await World.create(
    Array.from({ length: kills + 10 }, () => ({ durationS: 600 })),
    { HIDB_REHEARSE_FACTOR: "1" },
  );
  try {
    world.start(3);
    const times: number[] = [];
    for (let kill = 0; kill < kills; kill++) times.push(await killOne(world, kill));
    return { kills, p50Ms: quantile(times, 0.5), p95Ms: quantile(times, 0.95) };
  } finally {
    world.end();
  }
}

interface Holder {
  videoId: number;
  instance: string;
  pid: number;
}

async function killOne(world: World, kill: number): Promise<number> {
  let victim: Holder | undefined;
  for (;;) {
    const holders = world.query((database) =>
      database
        .prepare<[], Holder>(
          `SELECT video_id AS videoId, instance, pid FROM hidb_videos JOIN hidb_instances ON id = instance
            WHERE hidb_videos.state = 'running' AND deaths = 0 AND gone_at IS NULL ORDER BY video_id`,
        )
        .all(),
    );
    victim = holders[kill % Math.max(1, holders.length)];
    if (holders.length === 3) break;
    await clock.sleep(50);
  }
  if (victim === undefined) throw new Error("nobody holds a video");
  const { videoId, instance, pid } = victim;
  const killedAt = clock.now();
  process.kill(pid, "SIGKILL");
  for (;;) {
    const claimedAt = world.query(
      (database) =>
        database
          .prepare<[number, string], { at: number }>(
            "SELECT claimed_at AS at FROM hidb_videos WHERE video_id = ? AND state = 'running' AND instance <> ?",
          )
          .get(videoId, instance)?.at,
    );
    if (claimedAt !== undefined) {
      // It has done its part: cancelled, so that each kill meets a fresh video.
      world.query((database) =>
        database
          .prepare("UPDATE hidb_videos SET state = 'cancelled', finished_at = ? WHERE video_id = ?")
          .run(clock.now(), videoId),
      );
      return claimedAt - killedAt;
    }
    await clock.sleep(5);
  }
}

if (import.meta.main) console.table([await benchRecovery(Number(process.argv[2] ?? 20))]);
