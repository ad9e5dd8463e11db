// Finds rows of the catalogue that the pool does not know yet, however they were inserted.
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import { retryIdempotent } from "../database/retry-idempotent.js";
import type { CatalogueTable, Millis } from "../video.js";
import * as sql from "./statements.js";

/** A full comparison may take this share of the time at most; a large catalogue is compared less often. */
const COMPARING_SHARE = 1 / 200;
const COMPARE_EVERY_MS = 3_600_000;
/** A million rows a day: a fifth of what D1 gives away. */
const MS_PER_ROW_READ = 86_400_000 / 1_000_000;

/** Takes every row that is not known yet; resolves to how many. */
export async function adoptVideos(database: Database, catalogue: CatalogueTable): Promise<number> {
  if ((await database.prepare(sql.seeMissing(catalogue)).first()) === null) return 0;
  const { meta } = await retryIdempotent(() => database.prepare(sql.adoptMissing(catalogue)).run());
  return meta.changes;
}

/** How many rows have an id that hidb cannot take. */
export async function countRefusedRows(database: Database, catalogue: CatalogueTable): Promise<number> {
  return (await database.prepare(sql.countRefused(catalogue)).first<number>("refused")) ?? 0;
}

/** Takes the rows above the highest known id. */
async function adoptNewest(database: Database, catalogue: CatalogueTable): Promise<void> {
  await retryIdempotent(() => database.prepare(sql.adoptNewest(catalogue)).run());
}

/** A function to call with each heartbeat: a seek for the newest rows every time, a full comparison now and then. */
export type WatchCatalogue = (database: Database, clock: Clock, catalogue: CatalogueTable) => () => Promise<void>;

/** D1 charges for each row read: a full comparison comes once an hour, and less often where it reads much. */
export function watchRemoteCatalogue(database: Database, clock: Clock, catalogue: CatalogueTable): () => Promise<void> {
  const seeNewest = sql.seeNewest(catalogue);
  let compareAt = clock.monotonic() + COMPARE_EVERY_MS * (1 + clock.random());
  return async () => {
    if (clock.monotonic() >= compareAt) {
      const { meta } = await retryIdempotent(() => database.prepare(sql.adoptMissing(catalogue)).run());
      compareAt = clock.monotonic() + Math.max(COMPARE_EVERY_MS, meta.rows_read * MS_PER_ROW_READ);
    }
    if ((await database.prepare(seeNewest).first()) !== null) await adoptNewest(database, catalogue);
  };
}

/** A full comparison comes as often as it takes only a small share of the time. */
export function watchLocalCatalogue(database: Database, clock: Clock, catalogue: CatalogueTable): () => Promise<void> {
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
