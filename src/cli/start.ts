// `hidb start`: all set-up and the run, with progress, until every video has come to an end.
import type { Command } from "commander";
import { readConfig } from "../config/read.js";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import { prepareFile } from "../database/sqlite-file.js";
import { checkWritable } from "../database/writable.js";
import { EXIT, HidbError } from "../errors.js";
import { checkHandles, handlesOfInstance } from "../handles.js";
import { checkProcessor } from "../process/create.js";
import { readOverview } from "../report/overview.js";
import { countStates, hasOpenVideos, readStatus, type StateCounts, type Status } from "../report/status.js";
import { clock, databaseExists, deathJudge, withDatabase } from "./context.js";
import { refuseUnwritable } from "./folders.js";
import { note, plural, say } from "./print.js";
import { nameSamplesFile } from "./samples.js";
import { exitCodeOfSignal, listenForStop, type StopSignal } from "./signals.js";
import { announcePage, isInteractive, prepareToken, waitForKey } from "./start/page.js";
import { Pm2 } from "./start/pm2.js";
import { openProgress } from "./start/progress.js";
import { beginOwnRun, endOwnRun, startTogether } from "./start/run.js";
import { describeCounts, describeHalt, describeNext, type NextParts, sumUp } from "./start/summary.js";
import { chooseVideos, fillCatalogue, fillWithSamples } from "./start/videos.js";

interface StartFlags {
  sqliteFile?: string;
  instances?: string;
  processor?: string;
  concurrency?: string;
  exit?: boolean;
}

export function registerStart(program: Command): void {
  program
    .command("start")
    .description("Set everything up, run the pool under PM2 and show progress until all videos have come to an end.")
    .argument(
      "[what...]",
      "folders, media files or lists to add first; without any, and with no videos yet: the samples",
    )
    .option("-i, --instances <count>", "how many instances (HIDB_INSTANCES)")
    .option("--processor <name>", "what is done with a video (HIDB_PROCESSOR)")
    .option("--concurrency <count>", "videos side by side in one instance (HIDB_CONCURRENCY)")
    .option(
      "--exit",
      "end when all videos have, also in a terminal, where the page otherwise stays until a key is pressed",
    )
    .addHelpText("after", HELP)
    .action(start);
}

const HELP = `
Examples:
  $ hidb start                      the videos that are there already, or else the samples
  $ hidb start ~/videos -i 3        take a folder and work through it with three instances
  $ HIDB_PROCESSOR=rehearse HIDB_REHEARSE_FACTOR=0.001 hidb start list.csv

Ctrl-C drains: what runs may finish, the rest is given back. \`hidb start\` goes on from there.`;

async function start(what: string[], flags: StartFlags, command: Command): Promise<void> {
  const { sqliteFile, instances, processor, concurrency } = command.optsWithGlobals<StartFlags>();
  const given = Object.entries({
    sqliteFile,
    instances,
    processor,
    concurrency,
  }).filter(([, value]) => value !== undefined);
  const read = readConfig({ flags: Object.fromEntries(given) });
  checkHandles(handlesOfInstance(read.concurrency));
  await checkProcessor(read, { connect: true });
  const { config, samples } = await chooseVideos(read, what);
  // Without a name no file is made that nothing would go into.
  const access = what.length > 0 || samples ? "create" : "change";
  // Before the database is made: a start that is refused leaves nothing behind.
  if (config.database === "sqlite") prepareFile(config.sqliteFile, access === "create");
  refuseUnwritable(config);
  process.exitCode = await withDatabase(config, access, async (database, catalogue) => {
    await checkWritable(database);
    if (samples && what.length === 0) await fillWithSamples({ database, catalogue }, config);
    else await fillCatalogue(what, { database, catalogue });
    const typed = databaseExists(read) ? ` --sqlite-file ${nameSamplesFile(read)}` : "";
    return work(config, database, { exit: flags.exit ?? false, samples: samples ? { typed } : undefined });
  });
}

function view() {
  return { now: clock.now(), isDead: deathJudge() };
}

interface RunOptions {
  exit: boolean;
  samples: NextParts["samples"];
}

async function work(config: Config, database: Database, { exit, samples }: RunOptions): Promise<number> {
  const before = await readStatus(database, view());
  let pm2: Pm2 | undefined;
  const stop = listenForStop({ waitsFor: () => "the pool to drain", endNow: () => pm2?.endNow() });
  if (openOf(before.counts) === 0) {
    for (const left of Pm2.existing(config)) await left.sweep();
    note("hidb: nothing to do");
    say(describeCounts(before.counts));
    for (const line of describeNext({ counts: before.counts, page: undefined, stays: false, samples })) say(line);
    return exitCodeOf(before.counts);
  }
  if (before.halted) {
    for (const left of Pm2.existing(config)) await left.sweep();
    for (const line of [describeCounts(before.counts), ...describeHalt(before.reason)]) say(line);
    return EXIT.halted;
  }
  pm2 = await Pm2.open(config);
  const startedAt = clock.now();
  let end: WatchEnd | undefined;
  let ours = false;
  let page: string | undefined;
  const summarise = async (stays: boolean) => {
    const own = await sumUp(database, { before: before.counts, startedAt, config, page, stays, samples });
    return exitCodeOf(own);
  };
  let exitCode: number | undefined;
  try {
    const token = prepareToken(config);
    const begin = async () => {
      await beginOwnRun(database, config);
      await startTogether(database, () => pm2.start());
    };
    ours = await joinPool(database, { pm2, stop, begin });
    const listInstances = async () => (await readStatus(database, view())).instances.map(({ id }) => id);
    // Before the live line of the progress begins.
    if (ours) page = await announcePage(config, { listInstances, token, signal: stop.signal });
    const pace = config.database === "d1" ? DISTANT_PACE : PACE;
    end = await watch(database, { config, pm2: ours ? pm2 : undefined, stop, pace });
    if (end !== undefined && ours) note("hidb: draining; what runs may finish, the rest is given back");
    if (end === undefined && ours && page !== undefined && !exit && isInteractive()) {
      exitCode = await summarise(true);
      note("hidb: the pool and its page stay; q, Enter or Ctrl-C ends them");
      await waitForKey(stop.signal);
    }
  } finally {
    await pm2.end();
  }
  if (ours) await endOwnRun(database, config);
  exitCode ??= await summarise(false);
  if (end === undefined) return exitCode;
  return end === "halt" ? EXIT.halted : exitCodeOfSignal(end);
}

const LOOK_EVERY_MS = 300;

interface Pace {
  /** Between two questions whether anything is left: at first, and in the end. */
  lookEveryMs: [first: number, last: number];
  /** Between two counts, in times that the last one took: the machine belongs to the instances. */
  countShare: number;
  /** Between two counts, for each video counted: D1 charges for rows read. A million a day are a fifth of its gift. */
  msPerVideo: number;
}

const PACE: Pace = { lookEveryMs: [LOOK_EVERY_MS, LOOK_EVERY_MS], countShare: 20, msPerVideo: 0 };
const DISTANT_PACE: Pace = { lookEveryMs: [1000, 10_000], countShare: 20, msPerVideo: 86_400_000 / 1_000_000 };
/** So long nobody may be alive before PM2 is asked what is wrong. */
const SILENCE_MS = 5000;

/** What ends the watching before all videos have ended. */
type WatchEnd = StopSignal | "halt";

interface Joining {
  pm2: Pm2;
  stop: AbortController;
  /** Starts a pool of ours. */
  begin: () => Promise<void>;
}

/** Resolves to true when the pool is ours to end: started here, or left by a run that was killed. */
async function joinPool(database: Database, { pm2, stop, begin }: Joining): Promise<boolean> {
  let waiting = false;
  while (!stop.signal.aborted) {
    const taken = pm2.take();
    // A `pm2 start` of a killed run goes on without it: what it brings up is not to be missed.
    const busy = taken && pm2.isBusy();
    if (taken && !busy && (await pm2.adopt())) {
      note("hidb: going on with the pool of an earlier run that was cut short");
      return true;
    }
    const { instances, counts } = await readStatus(database, view());
    const staying = instances.filter(({ state }) => state !== "draining");
    if (staying.length > 0 && !busy) {
      note(`hidb: ${plural(staying.length, "instance")} at work already; watching`);
      return false;
    }
    if (openOf(counts) === 0 && !busy) return false;
    if (taken && !busy && instances.length === 0) {
      await begin();
      return true;
    }
    if (!waiting) note("hidb: waiting for an earlier run to come to its end");
    waiting = true;
    await clock.sleep(LOOK_EVERY_MS, stop.signal);
  }
  return false;
}

interface Watching {
  config: Config;
  pm2: Pm2 | undefined;
  stop: AbortController;
  pace: Pace;
}

/** Resolves when no video is open any more, or to what ended it before: a signal, or a halt. */
async function watch(database: Database, { config, pm2, stop, pace }: Watching): Promise<WatchEnd | undefined> {
  const progress = openProgress(clock);
  let aliveAt = clock.now();
  const [firstMs, longestMs] = pace.lookEveryMs;
  let pauseMs = firstMs;
  try {
    for (let countAt = Number.NEGATIVE_INFINITY; !stop.signal.aborted; ) {
      const lookedAt = clock.monotonic();
      const over = !(await hasOpenVideos(database));
      if (over || lookedAt >= countAt) {
        const status = await readStatus(database, view());
        // The band needs more rows than the counts; where rows cost money the rate has to do.
        const eta = database.pacing.chargesRows ? null : (await readOverview(database, { ...view(), config })).eta;
        const tookMs = clock.monotonic() - lookedAt;
        countAt = lookedAt + tookMs + Math.max(pace.countShare * tookMs, pace.msPerVideo * status.counts.total);
        progress.show(status, eta);
        if (openOf(status.counts) === 0) return undefined;
        if (status.halted) return "halt";
        if (status.instances.length > 0) aliveAt = clock.now();
        else if (clock.now() - aliveAt > SILENCE_MS) {
          await refuseDeadPool(pm2);
          aliveAt = clock.now();
        }
      }
      await clock.sleep(pauseMs, stop.signal);
      pauseMs = Math.min(pauseMs * 1.2, longestMs);
    }
    return stop.signal.reason as StopSignal;
  } finally {
    progress.end();
  }
}

async function refuseDeadPool(pm2: Pm2 | undefined): Promise<void> {
  if (pm2 !== undefined && (await pm2.countOnline()) > 0) return;
  if (pm2 !== undefined) await retrace(pm2.readInstanceConfig());
  const [message, fix] = (pm2?.lastWords() ?? "no word from any of them").split(". Fix: ");
  throw new HidbError({
    code: "POOL_UNHEALTHY",
    message: `expected instances at work, but all have stopped: ${message}`,
    fix: fix?.replace(/\.$/, "") ?? "run `hidb start` again; the log files say more",
  });
}

/** Takes the first steps of an instance: what stops it there stops us as well, with the code that belongs to it. */
async function retrace(config: Config): Promise<void> {
  await checkProcessor(config);
  await withDatabase(config, "change", (database) => countStates(database, 0));
}

function openOf(counts: StateCounts): number {
  return counts.pending + counts.running;
}

function exitCodeOf(counts: Status["counts"]): number {
  return counts.failed + counts.quarantined > 0 ? EXIT.unfinished : EXIT.completed;
}
