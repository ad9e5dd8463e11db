// Takes the entries of a list into the default catalogue: all that are new in one transaction, or none.

import { splitIntoTexts } from "../database/chunks.js";
import type { Database } from "../database/database.js";
import { HidbError, messageOf } from "../errors.js";
import type { CatalogueTable } from "../video.js";
import type { VideoList } from "./entry.js";
import { type Addition, type NewVideo, planAddition } from "./plan.js";
import * as sql from "./statements.js";
import { OWN_TABLE } from "./table.js";

export interface AddOptions {
  /** One refused row refuses the whole list. */
  strict?: boolean;
  /** Says what would happen and writes nothing. */
  dryRun?: boolean;
}

/** How often the plan is made again because somebody else has added something meanwhile. */
const ATTEMPTS = 5;

/** Resolves to what was new, known and refused; errors: CATALOGUE_TABLE, LIST_REFUSED (with `strict`). */
export async function addVideos(
  database: Database,
  catalogue: CatalogueTable,
  list: VideoList,
  { strict = false, dryRun = false }: AddOptions = {},
): Promise<Addition> {
  refuseForeignTable(catalogue, "add to");
  for (let attempt = 1; ; attempt++) {
    const addition = await planAddition(database, list);
    if (strict && addition.refused.length > 0) throw new ListRefused(addition);
    if (dryRun || addition.added.length === 0) return addition;
    try {
      await insertVideos(database, catalogue, addition.added);
      return addition;
    } catch (error) {
      const overtaken = messageOf(error).includes("UNIQUE constraint failed");
      if (!overtaken || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Carries the refusals, so that each can be named. */
export class ListRefused extends HidbError {
  readonly addition: Addition;

  constructor(addition: Addition) {
    const count = addition.refused.length;
    super({
      code: "LIST_REFUSED",
      message: `expected every row to be good (--strict), got ${count} refused`,
      fix: "correct these rows, or leave out --strict to take the others; nothing was taken",
    });
    this.addition = addition;
  }
}

async function insertVideos(database: Database, catalogue: CatalogueTable, videos: NewVideo[]): Promise<void> {
  const rows = videos.map(({ id, source, title, durationS }) => [id, source, title, durationS]);
  await database.batch([
    ...splitIntoTexts(rows).flatMap((text) => [
      database.prepare(sql.FORGET_DELETED).bind(text),
      database.prepare(sql.INSERT_VIDEOS).bind(text),
    ]),
    database.prepare(sql.FORGET_USAGE),
    // In the same transaction: no video is ever in the catalogue and in no state.
    database.prepare(sql.adoptMissing(catalogue)),
  ]);
}

const OWN_COLUMNS = "id, source, title, duration_s";

/** The table that our migration makes; one of that name with other columns is somebody else's. */
export function refuseForeignTable(
  { table, id, source, title, duration }: CatalogueTable,
  change: "add to" | "remove from",
): void {
  const columns = [id, source, title, duration].filter((column) => column !== null).join(", ");
  if (table.toLowerCase() === OWN_TABLE && columns.toLowerCase() === OWN_COLUMNS) return;
  throw new HidbError({
    code: "CATALOGUE_TABLE",
    message: `expected to ${change} hidb's own table ${OWN_TABLE} (${OWN_COLUMNS}), got ${table} (${columns}), which hidb never alters`,
    fix:
      change === "add to"
        ? `insert the rows into ${table} yourself: the pool finds them while it runs`
        : `\`hidb cancel\` the videos, and delete their rows from ${table} yourself`,
  });
}
