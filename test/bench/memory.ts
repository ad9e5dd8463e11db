// Memory (PSS) of the PM2 daemon and three instances together: idle, probing real files, rehearsing.
import { linkSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock as clock } from "../../dist/clock.js";
import { ROOT, World } from "./world.ts";

export interface MemoryFigure {
  doing: string;
  /** The highest of the samples. */
  pssMb: number;
  limitMb: number;
}

export async function benchMemory(): Promise<MemoryFigure[]> {
  return [await idle(), await probing(), await rehearsing()];
}

async function idle(): Promise<MemoryFigure> {
  const world = await World.create([], { HIDB_PROCESSOR: "probe" });
  try {
    world.start(3);
    await clock.sleep(8000);
    return { doing: "idle", pssMb: world.pssMb(), limitMb: 160 };
  } finally {
    world.end();
  }
}

async function probing(): Promise<MemoryFigure> {
  const world = await World.create([], { HIDB_PROCESSOR: "probe" });
  try {
    const folder = join(world.folder, "media");
    mkdirSync(folder);
    const samples = join(ROOT, "data", "samples");
    const files = readdirSync(samples).filter((name) => /\.(?!md$|sh$)\w+$/.test(name));
    world.query((database) => {
      const video = database.prepare("INSERT INTO videos (source) VALUES (?)");
      for (let copy = 0; copy < 60; copy++) {
        for (const name of files) {
          linkSync(join(samples, name), join(folder, `${copy}-${name}`));
          video.run(join(folder, `${copy}-${name}`));
        }
      }
    });
    world.start(3);
    return { doing: "probing", pssMb: await highest(world), limitMb: 400 };
  } finally {
    world.end();
  }
}

async function rehearsing(): Promise<MemoryFigure> {
  const world = await World.create(
    Array.from({ length: 600 }, () => ({ durationS: 0.05 })),
    { HIDB_REHEARSE_FACTOR: "1" },
  );
  try {
    world.start(3);
    return { doing: "rehearsing", pssMb: await highest(world), limitMb: 200 };
  } finally {
    world.end();
  }
}

async function highest(world: World): Promise<number> {
  let pssMb = 0;
  const done = world.untilDone().then(() => true);
  while (!(await Promise.race([done, clock.sleep(300).then(() => false)]))) pssMb = Math.max(pssMb, world.pssMb());
  return pssMb;
}

if (import.meta.main) console.table(await benchMemory());
