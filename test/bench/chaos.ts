// The same catalogue while N goes 3 -> 2 -> 5 -> 3 and an instance is killed every 10 s: work done for the capacity alive.
import { systemClock as clock } from "../../dist/clock.js";
import { readCatalogue } from "./catalogue.ts";
import { World } from "./world.ts";

export interface ChaosFigure {
  kills: number;
  makespanS: number;
  /** Seconds of rehearsed work that ended in a completion. */
  usefulS: number;
  /** Seconds that instances were there to work. */
  capacityS: number;
  ratio: number;
  completed: number;
  quarantined: number;
}

interface Life {
  pid: number;
  startedAt: number;
  goneAt: number | null;
}

export async function benchChaos(seconds = 60): Promise<ChaosFigure> {
  const { entries } = readCatalogue();
  const sum = entries.reduce((total, { durationS }) => total + (durationS ?? 0), 0);
  const factor = (seconds * 3) / sum;
  const world = await World.create(entries, { HIDB_REHEARSE_FACTOR: factor.toFixed(12), HIDB_ORDER: "longest" });
  const killedAt = new Map<number, number>();
  try {
    world.start(3);
    const end = new AbortController();
    const killing = killEvery(10_000, { world, killedAt, signal: end.signal });
    const scaling = (async () => {
      for (const count of [2, 5, 3]) {
        await clock.sleep((seconds / 4) * 1000, end.signal);
        if (!end.signal.aborted) world.pm2("scale", "hidb", String(count));
      }
    })();
    await world.untilDone();
    end.abort();
    await Promise.all([killing, scaling]);
    return judge(world, { factor, killedAt });
  } finally {
    world.end();
  }
}

async function killEvery(
  ms: number,
  { world, killedAt, signal }: { world: World; killedAt: Map<number, number>; signal: AbortSignal },
): Promise<void> {
  for (let turn = 0; ; turn++) {
    await clock.sleep(ms, signal);
    if (signal.aborted) return;
    const pids = world.instancePids();
    const pid = pids[turn % pids.length];
    if (pid === undefined) continue;
    process.kill(pid, "SIGKILL");
    killedAt.set(pid, clock.now());
  }
}

function judge(world: World, { factor, killedAt }: { factor: number; killedAt: Map<number, number> }): ChaosFigure {
  const { lives, from, to, workS, completed, quarantined } = world.query((database) => ({
    lives: database
      .prepare<[], Life>("SELECT pid, started_at AS startedAt, gone_at AS goneAt FROM hidb_instances")
      .all(),
    ...(database
      .prepare(`SELECT min(claimed_at) AS "from", max(finished_at) AS "to", sum(state = 'completed') AS completed,
                       sum(state = 'quarantined') AS quarantined,
                       sum(CASE WHEN state = 'completed' THEN -priority END) AS workS FROM hidb_videos`)
      .get() as { from: number; to: number; workS: number; completed: number; quarantined: number }),
  }));
  let capacityMs = 0;
  for (const { pid, startedAt, goneAt } of lives) {
    const until = Math.min(killedAt.get(pid) ?? goneAt ?? to, to);
    capacityMs += Math.max(0, until - Math.max(startedAt, from));
  }
  const usefulS = workS * factor;
  return {
    kills: killedAt.size,
    makespanS: (to - from) / 1000,
    usefulS,
    capacityS: capacityMs / 1000,
    ratio: usefulS / (capacityMs / 1000),
    completed,
    quarantined,
  };
}

if (import.meta.main) console.table([await benchChaos(Number(process.argv[2] ?? 60))]);
