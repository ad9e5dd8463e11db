// What PM2 starts: one instance. Reads the settings, assembles the instance and works until drained.
import { join } from "node:path";
import { PROJECT_ROOT } from "./base.js";
import { describeCatalogue, isOwnTable } from "./catalogue/table.js";
import { identifyProcess } from "./claim/liveness.js";
import type { Instance } from "./claim/membership.js";
import { type Clock, systemClock } from "./clock.js";
import { readProcessId } from "./config/environment.js";
import { findHandedOver, takeHandedOver } from "./config/handed-over.js";
import { readConfig } from "./config/read.js";
import type { Config } from "./config/settings.js";
import { Dashboard } from "./dashboard/serve.js";
import type { Database } from "./database/database.js";
import { migrate } from "./database/migrate.js";
import { guardOthers, nameDatabase, openForPool, type PoolDatabase } from "./database/open.js";
import { EXIT, HidbError, isPassing, messageOf } from "./errors.js";
import { forgetLater } from "./forget.js";
import { checkHandles, handlesOfInstance } from "./handles.js";
import { assemble } from "./instance/assemble.js";
import type { InstanceLoop } from "./instance/loop.js";
import { checkProcessor, createProcessor, type ProcessorLog } from "./process/create.js";
import type { PoolEvent } from "./report/event.js";
import { type JournalOptions, openJournal } from "./report/journal.js";
import { openLog, readLogBounds } from "./report/log.js";
import { chooseStore } from "./store/choose.js";
import type { Millis } from "./video.js";

const SAY_AGAIN_MS: Millis = 60_000;

/**
 * Resolves to the exit code; what a person can mend ends with one line and code 42: PM2 shall not try again. `onUp` is
 * called once the instance works.
 */
export async function main(onUp: () => void = () => undefined): Promise<number> {
  const handedOver = findHandedOver();
  try {
    const shown = takeHandedOver();
    if (shown.length > 0) console.error(`hidb: ${toldByPm2(shown)}`);
    const config = readConfig();
    checkHandles(handlesOfInstance(config.concurrency));
    return await work(config, onUp).finally(() => handedOver && forgetLater(handedOver));
  } catch (error) {
    if (!(error instanceof HidbError)) throw error;
    console.error(`hidb: ${error.message}. Fix: ${error.fix}.`);
    // A database that is locked or full for now is tried again; PM2 waits longer each time.
    return isPassing(error) ? EXIT.unfinished : EXIT.doNotRestart;
  }
}

async function work(config: Config, onUp: () => void): Promise<number> {
  const stop = listenForStop();
  const parts = await openForPool(config, { clock: systemClock, create: true });
  const { database } = parts;
  // One that has no share of the requests yet would be killed before it is there to be drained.
  stop.then(() => parts.budget?.useReserve());
  const options = {
    folder: join(PROJECT_ROOT, "data", "migrations"),
    withCatalogue: isOwnTable(config),
    guard: guardOthers(config),
  };
  const [clock] = await Promise.all([parts.calibrate(), migrate(database, options)]);
  const { loop, openDashboard } = await wire(config, { ...parts, clock });
  // Before PM2 takes this instance for one that is there: `pm2 trigger` waits for ever for whoever does not answer.
  await linkToPm2(loop, { database, clock });
  // Also while it opens: on D1 that may take minutes, and PM2 would not wait for it.
  stop.then((because) => loop.drain(because));
  await loop.open();
  console.log(`hidb: instance ${readProcessId()} works on ${nameDatabase(config)} as rank ${loop.rank}`);
  process.send?.("ready");
  onUp();
  const dashboard = openDashboard();
  const exitCode = await loop.run();
  await dashboard.close();
  await database.close();
  return exitCode;
}

interface Wired {
  loop: InstanceLoop;
  openDashboard: () => Dashboard;
}

async function wire(config: Config, parts: PoolDatabase & { clock: Clock }): Promise<Wired> {
  const { database, clock, budget } = parts;
  const catalogue = await describeCatalogue(database, config);
  await checkProcessor(config);
  // A Worker's module may print before there is a log.
  const early: PoolEvent[] = [];
  let tell: (event: PoolEvent) => void = (event) => early.push(event);
  const log: ProcessorLog = (level, text) => tell({ type: "worker.said", level, text });
  const processor = await createProcessor(config, { ...parts, log });
  const processId = readProcessId();
  const identity = identifyProcess();
  const isNews = tellNews(clock);
  let dashboard: Dashboard | undefined;
  const listen = ({ id }: Instance) => {
    const write = openRecords(config, { processId, instance: id, boot: identity.boot, clock });
    return (event: PoolEvent, rank: number) => {
      if (event.type === "database.trouble" && !isNews(event.error)) return;
      if (event.type === "instance.draining") dashboard?.leave();
      write(event, rank);
      if (event.type === "instance.failed") console.error(`hidb: ${describe(event.error)}`);
      if (event.type === "database.trouble") console.error(`hidb: ${describe(event.error)}`);
    };
  };
  const keepsRuns = config.halt !== "" || config.notify !== "";
  const keeper = keepsRuns ? (await import("./instance/run-keeper.js")).RunKeeper : undefined;
  const { instance, store, loop, report } = await assemble({
    ...{ config, database, createStore: chooseStore(config), clock, catalogue, processor, processId, identity },
    ...{ keeper, listen, ...(budget === undefined ? {} : { budget }) },
  });
  tell = report;
  report({ type: "instance.started", processId, pid: identity.pid, host: identity.host });
  for (const event of early) report(event);
  const openDashboard = () => {
    dashboard = new Dashboard({ config, database, catalogue, clock, store, instance, report, rank: () => loop.rank });
    return dashboard;
  };
  return { loop, openDashboard };
}

/** The log, and the journal if there is to be one. */
function openRecords(config: Config, { processId, ...journaled }: JournalOptions & { processId: number }) {
  const { instance } = journaled;
  const bounds = readLogBounds(config);
  const writeLog = openLog({ folder: config.logDir, level: config.logLevel, processId, instance, bounds });
  const journal = config.journal === "" ? undefined : openJournal(config.journal, journaled);
  const toLog = tolerate(`the log in ${config.logDir}`);
  const toJournal = tolerate(`the journal ${config.journal}`);
  return (event: PoolEvent, rank: number) => {
    toLog(() => writeLog(event, rank));
    toJournal(() => journal?.write(event, rank));
  };
}

/** A disk that is full takes no lines of the log either: no reason to die with videos in hand. Said once each time. */
function tolerate(target: string): (write: () => void) => void {
  let failing = false;
  return (write) => {
    try {
      write();
      failing = false;
    } catch (error) {
      if (!failing) console.error(`hidb: expected to write to ${target}, got ${messageOf(error)}`);
      failing = true;
    }
  };
}

function toldByPm2(names: string[]): string {
  const fix = "start it by the file next time: pm2 restart ecosystem.cluster.config.cjs";
  return `${names.join(", ")} came with --update-env, so that PM2 shows and saves what is in there. Fix: ${fix}.`;
}

/** Trouble is met twice a second as long as it lasts, which may be a night: it is said once a minute. */
function tellNews(clock: Clock): (trouble: HidbError) => boolean {
  const said = new Map<string, Millis>();
  return ({ code }) => {
    const now = clock.monotonic();
    if (now - (said.get(code) ?? Number.NEGATIVE_INFINITY) < SAY_AGAIN_MS) return false;
    said.set(code, now);
    return true;
  };
}

function describe(error: unknown): string {
  if (error instanceof HidbError) return `${error.message}. Fix: ${error.fix}.`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function linkToPm2(loop: InstanceLoop, parts: { database: Database; clock: Clock }): Promise<void> {
  if (process.send === undefined) return;
  const { linkPm2, openChannel } = await import("./instance/pm2-link.js");
  const channel = openChannel();
  if (channel !== undefined) linkPm2({ ...parts, channel, figures: () => loop.figures });
}

/** Signals that would end the process without a drain, and count as a death of its videos. SIGUSR1 is Node's debugger's. */
const STOP_SIGNALS: NodeJS.Signals[] = [
  ...(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2", "SIGALRM", "SIGVTALRM"] as const),
  ...(["SIGIO", "SIGPWR", "SIGSTKFLT", "SIGXCPU"] as const),
];

/** Resolves with the first request to stop. Later ones are heard and change nothing: the drain is on its way. */
function listenForStop(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  for (const signal of STOP_SIGNALS) process.on(signal, () => resolve(signal));
  process.on("message", (message) => {
    if (message === "shutdown") resolve("shutdown message");
  });
  return promise;
}
