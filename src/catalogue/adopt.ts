// Finds rows of the catalogue that the pool does not know yet, whoever has inserted them.
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import type { CatalogueTable, Millis } from "../video.js";
import * as sql from "./statements.js";

/** A full comparison may take this share of the time at most; a large catalogue is compared less often. */
const COMPARING_SHARE = 1 / 200;

/** Takes every row that is not known yet; resolves to how many. */
export async function adoptVideos(database: Database, catalogue: CatalogueTable): Promise<number> {
  if ((await database.prepare(sql.seeMissing(catalogue)).first()) === null) return 0;
  const { meta } = await database.prepare(sql.adoptMissing(catalogue)).run();
  return meta.changes;
}

/** How many rows have an id that hidb cannot take. */
export async function countRefusedRows(database: Database, catalogue: CatalogueTable): Promise<number> {
  return (await database.prepare(sql.countRefused(catalogue)).first<number>("refused")) ?? 0;
}

/** A function to call with each heartbeat: a seek for the newest rows every time, a full comparison now and then. */
export function watchCatalogue(database: Database, clock: Clock, catalogue: CatalogueTable): () => Promise<void> {
  const seeNewest = sql.seeNewest(catalogue);
  let compareAt: Millis = Number.NEGATIVE_INFINITY;
  return async () => {
    const started = clock.monotonic();
    if (started < compareAt && (await database.prepare(seeNewest).first()) === null) return;
    await adoptVideos(database, catalogue);
    const ended = clock.monotonic();
    compareAt = ended + (ended - started) / COMPARING_SHARE;
  };
}
