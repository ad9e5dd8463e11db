// What a run works on: the videos that were named, those that are in the catalogue already, or the samples.
import { dirname, resolve, sep } from "node:path";
import { addVideos } from "../../catalogue/add.js";
import { adoptVideos, countRefusedRows } from "../../catalogue/adopt.js";
import { scanFolder } from "../../catalogue/folder.js";
import { readVideoList } from "../../catalogue/list.js";
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { HidbError } from "../../errors.js";
import { countStates, hasOpenVideos } from "../../report/status.js";
import { type CatalogueTable, STATES } from "../../video.js";
import { clock, databaseExists, withDatabase } from "../context.js";
import { note, plural, printable } from "../print.js";
import { removeAll } from "../remove.js";
import { mayUseSamples, SAMPLES, withSamplesDatabase } from "../samples.js";

export interface ChosenVideos {
  config: Config;
  samples: boolean;
}

/** Whose database a run takes: that of the samples for samples, and where nothing is named and no video is in the user's own. */
export async function chooseVideos(config: Config, what: string[]): Promise<ChosenVideos> {
  if (!mayUseSamples(config)) return { config, samples: false };
  if (what.length > 0) {
    const samples = what.every((name) => `${resolve(name)}${sep}`.startsWith(`${SAMPLES}${sep}`));
    return { config: samples ? withSamplesDatabase(config) : config, samples };
  }
  if (databaseExists(config)) {
    const total = await withDatabase(config, "change", async (database, catalogue) => {
      await adoptVideos(database, catalogue);
      return (await countStates(database, 0)).counts.total;
    });
    if (total > 0) return { config, samples: false };
  }
  return { config: withSamplesDatabase(config), samples: true };
}

interface Filling {
  database: Database;
  catalogue: CatalogueTable;
}

export async function fillCatalogue(what: string[], { database, catalogue }: Filling): Promise<void> {
  await adoptVideos(database, catalogue);
  const refused = await countRefusedRows(database, catalogue);
  if (refused > 0)
    note(`hidb: ${plural(refused, "row")} of ${catalogue.table} left out: the id is no whole number within +-2^53`);
  for (const source of what) await addSource(source, { database, catalogue });
  if ((await countStates(database, 0)).counts.total === 0) throw catalogueEmpty(catalogue);
}

async function addSource(source: string, { database, catalogue }: Filling): Promise<void> {
  const list = await readVideoList(source, { map: new Map(), cwd: process.cwd(), readStdin: refuseStdin });
  const { added, known, refused } = await addVideos(database, catalogue, list);
  note(`hidb: ${added.length} new, ${known} known, ${refused.length} refused from ${printable(source)}`);
}

/** Samples are for seeing a pool at work: when all have ended they are processed anew, from where they are now. */
export async function fillWithSamples({ database, catalogue }: Filling, { journal }: Config): Promise<void> {
  if (await hasOpenVideos(database)) return;
  const forgotten = await removeAll(
    database,
    { ids: null, states: [...STATES], matches: () => true, now: clock.now() },
    { journal, dryRun: false },
  );
  const { entries } = scanFolder(SAMPLES);
  // Those in `broken` are only used when they are named.
  const whole = entries.filter(({ source }) => dirname(source) === SAMPLES);
  await addVideos(database, catalogue, { entries: whole, refused: [] });
  const again = forgotten.count > 0 ? ", once more" : "";
  note(`hidb: ${plural(whole.length, "sample")} from ${printable(SAMPLES)}${again}`);
}

async function refuseStdin(): Promise<Buffer> {
  throw new HidbError({
    code: "USAGE",
    message: "expected folders, media files or lists, got -",
    fix: "`hidb add -` reads standard input; then `hidb start`",
  });
}

function catalogueEmpty({ table }: CatalogueTable): HidbError {
  return new HidbError({
    code: "CATALOGUE_EMPTY",
    message: `expected at least one video in the catalogue, found none in ${table}`,
    fix: "run `hidb start <folder or list>`, or insert rows into that table",
  });
}
