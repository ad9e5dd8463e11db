// What `hidb plan` predicts for 1 to 6 instances, from a first part of the real catalogue, against what the rest then takes.
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock as clock } from "../../dist/clock.js";
import { readConfig } from "../../dist/config/read.js";
import { openSqlite } from "../../dist/database/sqlite.js";
import { readPlan } from "../../dist/report/plan.js";
import { readCatalogue } from "./catalogue.ts";
import { type Entry, World } from "./world.ts";

export interface PlanFigure {
  instances: number;
  predictedS: number;
  p90S: number;
  measuredS: number;
  /** Predicted over measured, less one. */
  error: number;
}

const COUNTS = [1, 2, 3, 4, 5, 6];
/** So much of the catalogue the prediction goes by. */
const FIRST = 300;

/** `seconds` is what three instances take for the catalogue. */
export async function benchPlan(seconds = 30, counts = COUNTS): Promise<PlanFigure[]> {
  const { entries } = readCatalogue();
  const shuffled = shuffle(entries);
  const factor = (3 * seconds) / entries.reduce((sum, { durationS }) => sum + (durationS ?? 0), 0);
  const settings = { HIDB_REHEARSE_FACTOR: factor.toFixed(12), HIDB_ORDER: "id" };
  const first = await World.create(shuffled, settings);
  try {
    await measureFirst(first);
    const predicted = await predict(first, counts);
    const figures: PlanFigure[] = [];
    for (const instances of counts) {
      const row = predicted.find((one) => one.instances === instances);
      const measuredS = await measureRest(first, settings, instances);
      const { p50S = Number.NaN, p90S = Number.NaN } = row ?? {};
      figures.push({ instances, predictedS: p50S, p90S, measuredS, error: p50S / measuredS - 1 });
    }
    return figures;
  } finally {
    first.remove();
  }
}

/** Lets one instance do the first videos alone. */
async function measureFirst(world: World): Promise<void> {
  world.query((database) => {
    database.exec(`CREATE TABLE later AS SELECT * FROM hidb_videos WHERE video_id > ${FIRST}`);
    database.exec(`UPDATE hidb_videos SET state = 'cancelled', finished_at = 1 WHERE video_id > ${FIRST}`);
  });
  world.start(1);
  await world.untilDone();
  world.pm2("kill");
  world.query((database) => {
    database.exec(`DELETE FROM hidb_videos WHERE video_id > ${FIRST}; INSERT INTO hidb_videos SELECT * FROM later`);
    database.exec("DROP TABLE later");
    database.pragma("wal_checkpoint(TRUNCATE)");
  });
}

async function predict(world: World, counts: number[]) {
  const config = readConfig({ environment: { HIDB_SQLITE_FILE: world.file, HIDB_ORDER: "id" } });
  const database = await openSqlite(world.file, { clock, create: false });
  const { rows } = await readPlan(database, { config, now: clock.now(), counts });
  await database.close();
  return rows;
}

async function measureRest(first: World, settings: Record<string, string>, instances: number): Promise<number> {
  const world = await World.create([], settings);
  try {
    copyFileSync(first.file, join(world.folder, "hidb.sqlite"));
    const from = world.query((database) => database.prepare("SELECT max(finished_at) FROM hidb_videos").pluck().get());
    world.pause();
    world.start(instances);
    world.resume();
    await world.untilDone();
    const span = "SELECT max(finished_at) - min(claimed_at) FROM hidb_videos WHERE claimed_at > ?";
    return (world.query((database) => database.prepare(span).pluck().get(from)) as number) / 1000;
  } finally {
    world.end();
  }
}

/** The catalogue is in the order of its ids; the first of it shall be like the rest. */
function shuffle(entries: Entry[]): Entry[] {
  let state = 2376;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const shuffled = [...entries];
  for (let at = shuffled.length - 1; at > 0; at--) {
    const other = next(at + 1);
    [shuffled[at], shuffled[other]] = [shuffled[other] as Entry, shuffled[at] as Entry];
  }
  return shuffled;
}

if (import.meta.main) console.table(await benchPlan(Number(process.argv[2] ?? 30)));
