// One life of an instance, as main.ts leads it: the same assembly on the simulated clock, host and database.
import { describeCatalogue } from "../../src/catalogue/table.ts";
import { readConfig } from "../../src/config/read.ts";
import type { Config } from "../../src/config/settings.ts";
import { batchRequests } from "../../src/database/d1/request-batcher.ts";
import { RequestBudget } from "../../src/database/d1/request-budget.ts";
import { openD1Http } from "../../src/database/d1-http.ts";
import type { Database } from "../../src/database/database.ts";
import { calibrate } from "../../src/database/open.ts";
import { openSqlite } from "../../src/database/sqlite.ts";
import { EXIT, HidbError, isPassing } from "../../src/errors.ts";
import { assemble } from "../../src/instance/assemble.ts";
import { RunKeeper } from "../../src/instance/run-keeper.ts";
import { LocalStore } from "../../src/store/local.ts";
import { RemoteStore } from "../../src/store/remote/remote.ts";
import type { StoreParts } from "../../src/store/sql-store.ts";
import type { CatalogueTable } from "../../src/video.ts";
import { SimulatedDatabase } from "./database.ts";
import type { PoolSettings } from "./plan.ts";
import type { Process } from "./process.ts";
import { SimulatedProcessor } from "./processor.ts";
import type { Stage } from "./stage.ts";

export const CATALOGUE: CatalogueTable = {
  table: "videos",
  id: "id",
  source: "source",
  title: "title",
  duration: "duration_s",
};

const BASE: Config = readConfig({ environment: {}, cwd: "/" });
const MB = 1048576;
/** So large that what this very process takes is nothing beside it. */
const SHARE_MB = 1_000_000;

interface LifeParts {
  process: Process;
  settings: PoolSettings;
  stopping: Promise<string>;
  onReady: () => void;
}

/** Resolves to the exit code; anything else that is thrown is an error nobody had thought of. */
export async function live(stage: Stage, parts: LifeParts): Promise<number> {
  try {
    return await work(stage, parts);
  } catch (error) {
    if (!(error instanceof HidbError)) throw error;
    stage.hear(parts.process, { type: "instance.failed", error }, -1);
    return isPassing(error) ? EXIT.unfinished : EXIT.doNotRestart;
  }
}

async function work(stage: Stage, { process, settings, stopping, onReady }: LifeParts): Promise<number> {
  const { plan, workshop } = stage;
  const config: Config = {
    ...BASE,
    ...settings,
    database: plan.database,
    spoolDir: `${stage.spoolDir}/${process.host.name}`,
    instanceMemoryMb: SHARE_MB,
  };
  const opened = plan.database === "sqlite" ? await openFile(stage, process) : await openD1(stage, process, settings);
  const { database, budget } = opened;
  stopping.then(() => budget?.useReserve());
  const clock = plan.database === "sqlite" ? process.clock : await calibrate(process.clock, database);
  const catalogue = await describeCatalogue(database, config);
  const processor = new SimulatedProcessor(process, workshop, config.timeoutMs);
  const createStore = (parts: StoreParts) =>
    plan.database === "sqlite" ? new LocalStore(parts) : new RemoteStore({ ...parts, databaseName: "simulated" });
  const { loop } = await assemble({
    ...{ config, database, clock, createStore, catalogue, processor },
    ...{ processId: process.processId, identity: process.identity },
    ...(budget === undefined ? {} : { budget }),
    isAlive: (other) => process.host.isAlive(other),
    keeper: config.halt === "" ? undefined : RunKeeper,
    box: { read: () => ({ limitBytes: 1e18, usedBytes: 0 }), pressure: () => 0 },
    footprint: { read: () => Math.min(process.bytes, 2 * SHARE_MB * MB) },
    listen: () => (event, rank) => stage.hear(process, event, rank),
  });
  stopping.then((because) => loop.drain(because));
  await loop.open();
  onReady();
  const exitCode = await loop.run();
  await database.close();
  return exitCode;
}

interface Opened {
  database: Database;
  budget?: RequestBudget;
}

async function openFile({ store, scheduler }: Stage, process: Process): Promise<Opened> {
  const { clock, label } = process;
  const local = await openSqlite("simulated", { clock, engine: store.connect(label) });
  return { database: new SimulatedDatabase(local, process, scheduler) };
}

async function openD1({ cloud, store }: Stage, process: Process, settings: PoolSettings): Promise<Opened> {
  const { clock, label } = process;
  const budget = new RequestBudget(clock, settings.d1Requests);
  const behind = await openSqlite("simulated", { clock, engine: store.connect(label) });
  const remote = await openD1Http({
    ...{ accountId: "account", databaseId: "00000000-0000-4000-8000-000000000000", apiToken: "token", clock },
    baseUrl: "http://d1.invalid/client/v4",
    admit: () => budget.take(),
    onRequest: (costs) => budget.note(costs),
    connect: () => cloud.carrier(process, () => behind),
  });
  return { database: batchRequests(remote, { clock, ready: () => budget.ready() }), budget };
}
