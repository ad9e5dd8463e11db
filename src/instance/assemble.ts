// Puts one instance together on whatever database, clock and processor it is given. What belongs to a process of the system
// (settings, signals, log files, ports) stays with main.ts.
import { type IsAlive, isAlive as isAliveHere, type ProcessIdentity } from "../claim/liveness.js";
import { type Instance, type RequestShare, register } from "../claim/membership.js";
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import type { Processor } from "../process/processor.js";
import type { PoolEvent } from "../report/event.js";
import type { StoreParts } from "../store/sql-store.js";
import type { Store } from "../store/store.js";
import type { CatalogueTable } from "../video.js";
import { InstanceLoop } from "./loop.js";
import type { InstanceParts } from "./parts.js";
import type { RunKeeper } from "./run-keeper.js";

export interface AssembleOptions extends Pick<InstanceParts, "box" | "footprint"> {
  config: InstanceParts["config"] & StoreParts["config"] & Pick<Config, "leaseMs" | "halt" | "notify">;
  database: Database;
  createStore: (parts: StoreParts) => Store;
  clock: Clock;
  budget?: RequestShare;
  catalogue: CatalogueTable;
  processor: Processor;
  processId: number;
  identity: ProcessIdentity;
  /** The system's by default. */
  isAlive?: IsAlive;
  /** Loaded only where HIDB_HALT or HIDB_NOTIFY asks for it. */
  keeper: typeof RunKeeper | undefined;
  /** Makes the function that is told what happens. */
  listen: (instance: Instance) => (event: PoolEvent, rank: number) => void;
}

export interface Assembled {
  instance: Instance;
  store: Store;
  loop: InstanceLoop;
  report: (event: PoolEvent) => void;
}

/** Registers the life and wires its loop; nothing is claimed before the loop is opened. */
export async function assemble(options: AssembleOptions): Promise<Assembled> {
  const { config, database, createStore, clock, budget, catalogue, processor, processId, identity } = options;
  const { box, footprint, isAlive = isAliveHere, keeper: Keeper } = options;
  const { leaseMs } = config;
  const shared = budget === undefined ? {} : { budget };
  const instance = await register({ identity, isAlive, processId, leaseMs, database, clock, ...shared });
  const listener = options.listen(instance);
  const report = (event: PoolEvent) => {
    listener(event, loop.rank);
    runs?.note(event);
  };
  const runs = Keeper === undefined ? undefined : new Keeper({ database, clock, config, report });
  const store = createStore({ instance, catalogue, config, report });
  const loop = new InstanceLoop({
    ...{ instance, store, processor, report, config },
    ...(runs === undefined ? {} : { runs }),
    ...(box === undefined ? {} : { box }),
    ...(footprint === undefined ? {} : { footprint }),
  });
  return { instance, store, loop, report };
}
