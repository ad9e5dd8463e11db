// `hidb add`: a folder, a list or standard input into the catalogue.
import { buffer } from "node:stream/consumers";
import type { Command } from "commander";
import { addVideos, ListRefused, refuseForeignTable } from "../catalogue/add.js";
import { parseColumnMap } from "../catalogue/columns.js";
import type { Refusal } from "../catalogue/entry.js";
import { readVideoList } from "../catalogue/list.js";
import type { Addition } from "../catalogue/plan.js";
import type { Config } from "../config/settings.js";
import type { CatalogueTable } from "../video.js";
import { databaseExists, readOwnSettings, withDatabase, withScratchDatabase } from "./context.js";
import { formatCount, note, plural, printable, say, sayJson } from "./print.js";

interface AddFlags {
  map?: string;
  strict?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function registerAdd(program: Command): void {
  program
    .command("add")
    .description("Take videos into the catalogue: a folder, a list (.csv, .json, .ndjson) or - for standard input.")
    .argument("<what>", "folder, media file, list or -")
    .option("--map <pairs>", "what the list calls its columns, such as source=url,duration_s=length")
    .option("--strict", "take nothing when a single row is refused")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(add);
}

const HELP = `
A list has the columns id?, source, title?, duration_s?, in any order. Relative sources that exist as files beside the
list are stored as absolute paths, everything else as it stands. Adding twice changes nothing.

Examples:
  $ hidb add ~/videos
  $ hidb add videos.csv --dry-run
  $ hidb add talks.csv --map source=id       the column id holds what identifies the video
  $ find / -name '*.mp4' | jq -R . | hidb add -`;

async function add(what: string, flags: AddFlags, command: Command): Promise<void> {
  const config = readOwnSettings(command);
  refuseForeignTable(namesOf(config), "add to");
  const map = flags.map === undefined ? new Map() : parseColumnMap(flags.map);
  const list = await readVideoList(what, {
    map,
    cwd: process.cwd(),
    readStdin: () => buffer(process.stdin),
  });
  if (list.entries.length + list.refused.length === 0) note(`hidb: no media files in ${printable(what)}`);
  const { strict = false, dryRun = false } = flags;
  const open = dryRun ? openForTrying : openForAdding;
  try {
    const addition = await open(config, (database, catalogue) =>
      addVideos(database, catalogue, list, { strict, dryRun }),
    );
    report(addition, flags);
  } catch (error) {
    if (error instanceof ListRefused) for (const refusal of error.addition.refused) note(describeRefusal(refusal));
    throw error;
  }
}

const openForAdding: typeof withScratchDatabase = (config, use) => withDatabase(config, "create", use);

const openForTrying: typeof withScratchDatabase = (config, use) =>
  databaseExists(config) ? withDatabase(config, "read", use) : withScratchDatabase(config, use);

/** Checks the settings of the catalogue: a table that hidb did not make is refused before a database is made for it. */
function namesOf(config: Config): CatalogueTable {
  return {
    table: config.catalogueTable,
    id: config.catalogueId,
    source: config.catalogueSource,
    title: config.catalogueTitle,
    duration: config.catalogueDuration,
  };
}

function report({ added, known, refused }: Addition, { json = false, dryRun = false }: AddFlags): void {
  for (const refusal of refused) note(describeRefusal(refusal));
  const counts = `${formatCount(added.length)} new, ${formatCount(known)} known, ${formatCount(refused.length)} refused`;
  if (json)
    sayJson({
      new: added.length,
      known,
      refused: refused.length,
      refusals: refused,
      dryRun,
    });
  else say(dryRun ? `would take ${plural(added.length, "video")}: ${counts}` : counts);
}

/** `refused line 7: expected a source, got none`. */
function describeRefusal({ line, source, reason }: Refusal): string {
  const where = line === null ? printable(source ?? "") : `line ${line}`;
  return `refused ${where}: ${printable(reason)}`;
}
