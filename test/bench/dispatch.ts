// Dispatch: no-op videos a second through three instances under PM2, beside the raw limit in the same run.
import { measureRaw, median, World } from "./world.ts";

export interface DispatchFigure {
  group: number;
  raw: number;
  hidb: number;
  ratio: number;
}

export async function benchDispatch(videos = 600_000, rounds = 3): Promise<DispatchFigure[]> {
  const figures: DispatchFigure[] = [];
  for (const group of [50, 1]) {
    const count = group === 1 ? videos / 3 : videos;
    const raws: number[] = [];
    const ours: number[] = [];
    // Alternating, so that a slow minute of the machine hits both.
    for (let round = 0; round < rounds; round++) {
      raws.push(await measureRaw({ videos: count, processes: 3, group, synchronous: "NORMAL" }));
      ours.push(await measureHidb(count, group));
    }
    const raw = median(raws);
    const hidb = median(ours);
    figures.push({ group, raw, hidb, ratio: hidb / raw });
  }
  return figures;
}

async function measureHidb(videos: number, group: number): Promise<number> {
  const world = await World.create(
    Array.from({ length: videos }, () => ({ durationS: 0 })),
    { HIDB_REHEARSE_FACTOR: "0", HIDB_GROUP_COUNT: String(group) },
  );
  try {
    // Paused until all three stand ready, so that the whole backlog is worked by three.
    world.pause();
    world.start(3);
    world.resume();
    await world.untilDone();
    return videos / (world.makespanMs() / 1000);
  } finally {
    world.end();
  }
}

if (import.meta.main)
  console.table(await benchDispatch(Number(process.argv[2] ?? 150_000), Number(process.argv[3] ?? 1)));
