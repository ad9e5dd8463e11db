// `hidb start`: all set-up and the run, with progress, until every video has come to an end.
import { join } from "node:path";
import type { Command } from "commander";
import { addVideos } from "../catalogue/add.js";
import { adoptVideos, countRefusedRows } from "../catalogue/adopt.js";
import { readVideoList } from "../catalogue/list.js";
import { isOwnTable } from "../catalogue/table.js";
import { type Config, PROJECT_ROOT, readConfig } from "../config.js";
import type { Database } from "../database/sqlite.js";
import { EXIT, HidbError } from "../errors.js";
import { checkProcessor } from "../process/create.js";
import { readRun } from "../report/run.js";
import { type Counts, readFailures, readStatus, type Status } from "../report/status.js";
import type { CatalogueTable, Millis } from "../video.js";
import { clock, deathJudge, withDatabase } from "./context.js";
import { note, plural, printable, say } from "./print.js";
import { Pm2 } from "./start/pm2.js";
import { openProgress } from "./start/progress.js";
import { describeCounts, describeRun, nextCommand } from "./start/summary.js";

interface StartFlags {
  sqliteFile?: string;
  instances?: string;
  processor?: string;
  concurrency?: string;
}

export function registerStart(program: Command): void {
  program
    .command("start")
    .description("Set everything up, run the pool under PM2 and show progress until all videos have come to an end.")
    .argument("[what...]", "folders, media files or lists to add first; without any, and with none yet: the samples")
    .option("-i, --instances <count>", "how many instances (HIDB_INSTANCES)")
    .option("--processor <name>", "what is done with a video (HIDB_PROCESSOR)")
    .option("--concurrency <count>", "videos side by side in one instance (HIDB_CONCURRENCY)")
    .addHelpText("after", HELP)
    .action(start);
}

const HELP = `
Examples:
  $ hidb start                      the videos that are there already, or else data/samples
  $ hidb start ~/videos -i 3        take a folder and work through it with three instances
  $ HIDB_PROCESSOR=rehearse HIDB_REHEARSE_FACTOR=0.001 hidb start list.csv

Ctrl-C drains: what runs may finish, the rest is given back. \`hidb start\` goes on from there.`;

async function start(what: string[], _flags: StartFlags, command: Command): Promise<void> {
  const { sqliteFile, instances, processor, concurrency } = command.optsWithGlobals<StartFlags>();
  const given = Object.entries({
    sqliteFile,
    instances,
    processor,
    concurrency,
  }).filter(([, value]) => value !== undefined);
  const config = readConfig({ flags: Object.fromEntries(given) });
  await checkProcessor(config);
  process.exitCode = await withDatabase(config, "create", async (database, catalogue) => {
    await fillCatalogue(what, { config, database, catalogue });
    return work(config, database);
  });
}

interface Filling {
  config: Config;
  database: Database;
  catalogue: CatalogueTable;
}

async function fillCatalogue(what: string[], { config, database, catalogue }: Filling): Promise<void> {
  await adoptVideos(database, catalogue);
  const refused = await countRefusedRows(database, catalogue);
  if (refused > 0)
    note(`hidb: ${plural(refused, "row")} of ${catalogue.table} left out: the id is no whole number within +-2^53`);
  const { counts } = await readStatus(database, view());
  const sources = what.length === 0 && counts.total === 0 && isOwnTable(config) ? [SAMPLES] : what;
  for (const source of sources) {
    const list = await readVideoList(source, {
      map: new Map(),
      cwd: process.cwd(),
      readStdin: refuseStdin,
    });
    const { added, known, refused: bad } = await addVideos(database, catalogue, list);
    note(`hidb: ${added.length} new, ${known} known, ${bad.length} refused from ${printable(source)}`);
  }
  if (counts.total === 0 && (await readStatus(database, view())).counts.total === 0) throw catalogueEmpty(catalogue);
}

const SAMPLES = join(PROJECT_ROOT, "data", "samples");

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
    fix: "run `hidb add <folder or list>`, or insert rows into that table",
  });
}

function view() {
  return { now: clock.now(), isDead: deathJudge() };
}

async function work(config: Config, database: Database): Promise<number> {
  const before = await readStatus(database, view());
  if (openOf(before.counts) === 0) {
    note("hidb: nothing to do");
    say(describeCounts(before.counts));
    say(`next: ${nextCommand(before.counts)}`);
    return exitCodeOf(before.counts);
  }
  const startedAt = clock.now();
  const stop = listenForStop();
  const pm2 = before.instances.length === 0 ? new Pm2(config) : undefined;
  let signal: StopSignal | undefined;
  try {
    if (pm2 === undefined) note(`hidb: ${plural(before.instances.length, "instance")} at work already; watching`);
    else await pm2.start();
    signal = await watch(database, { pm2, stop, startedAt });
    if (signal !== undefined && pm2 !== undefined) note("hidb: draining; what runs may finish, the rest is given back");
  } finally {
    await pm2?.end();
  }
  const { counts } = await readStatus(database, view());
  const run = await readRun(database, {
    since: startedAt,
    concurrency: config.concurrency,
  });
  const failures = await readFailures(database, REASONS_SHOWN);
  for (const line of describeRun({
    counts,
    run,
    failures,
    wallMs: clock.now() - startedAt,
  }))
    say(line);
  return signal === undefined ? exitCodeOf(counts) : SIGNAL_EXIT[signal];
}

const REASONS_SHOWN = 5;
const LOOK_EVERY_MS = 300;
/** So long nobody may be alive before PM2 is asked what is wrong. */
const SILENCE_MS = 5000;

type StopSignal = "SIGINT" | "SIGTERM";
const SIGNAL_EXIT: Record<StopSignal, number> = { SIGINT: 130, SIGTERM: 143 };

/** The first signal ends the watching; later ones are heard and change nothing. */
function listenForStop(): AbortController {
  const stop = new AbortController();
  for (const name of Object.keys(SIGNAL_EXIT)) process.on(name, () => stop.abort(name));
  return stop;
}

interface Watching {
  pm2: Pm2 | undefined;
  stop: AbortController;
  startedAt: Millis;
}

/** Resolves when no video is open any more, or to the signal that ended it. */
async function watch(database: Database, { pm2, stop, startedAt }: Watching): Promise<StopSignal | undefined> {
  const progress = openProgress(clock);
  let aliveAt = startedAt;
  try {
    while (!stop.signal.aborted) {
      const status = await readStatus(database, view());
      progress.show(status);
      if (openOf(status.counts) === 0) return undefined;
      if (status.instances.length > 0) aliveAt = clock.now();
      else if (clock.now() - aliveAt > SILENCE_MS) {
        await refuseDeadPool(pm2);
        aliveAt = clock.now();
      }
      await clock.sleep(LOOK_EVERY_MS, stop.signal);
    }
    return stop.signal.reason as StopSignal;
  } finally {
    progress.end();
  }
}

async function refuseDeadPool(pm2: Pm2 | undefined): Promise<void> {
  if (pm2 !== undefined && (await pm2.countOnline()) > 0) return;
  const [message, fix] = (pm2?.lastWords() ?? "no word from any of them").split(". Fix: ");
  throw new HidbError({
    code: "POOL_UNHEALTHY",
    message: `expected instances at work, but all have stopped: ${message}`,
    fix: fix ?? "run `hidb start` again; the log files say more",
  });
}

function openOf(counts: Counts): number {
  return counts.pending + counts.running;
}

function exitCodeOf(counts: Status["counts"]): number {
  return counts.failed + counts.quarantined > 0 ? EXIT.unfinished : EXIT.completed;
}
