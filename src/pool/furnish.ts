// Puts one instance together: the rooms around its corridor, on whatever database, clock and processor it is handed. What
// belongs to a process of the system (settings, signals, log files, ports) stays with main.ts.
import { watchCatalogue } from "../catalogue/adopt.js";
import { Claimer } from "../claim/claimer.js";
import { type IsAlive, isAlive as isAliveHere, type ProcessIdentity } from "../claim/liveness.js";
import { type Instance, type RequestShare, register } from "../claim/membership.js";
import type { Clock } from "../clock.js";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import type { HidbError } from "../errors.js";
import type { Processor } from "../process/processor.js";
import type { PoolEvent } from "../report/event.js";
import { inheritSpools } from "../settle/inherit.js";
import { Settler } from "../settle/settler.js";
import { Spool, type SpoolOwner } from "../settle/spool.js";
import type { CatalogueTable } from "../video.js";
import { Corridor, type House } from "./corridor.js";
import type { RunKeeper } from "./halt.js";

export interface Furniture extends Pick<House, "box" | "footprint"> {
  config: Config;
  database: Database;
  /** How messages, and the spool, name it. */
  databaseName: string;
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
  /** Who hears of what happens. */
  listen: (instance: Instance) => (event: PoolEvent, rank: number) => void;
}

export interface Furnished {
  instance: Instance;
  corridor: Corridor;
  report: (event: PoolEvent) => void;
}

/** Registers the life and wires its corridor; nothing is claimed before the corridor is opened. */
export async function furnish(furniture: Furniture): Promise<Furnished> {
  const { config, database, databaseName, clock, budget, catalogue, processor, processId, identity } = furniture;
  const { box, footprint, isAlive = isAliveHere, keeper: Keeper } = furniture;
  const { leaseMs } = config;
  const shared = budget === undefined ? {} : { budget };
  const instance = await register({ identity, isAlive, processId, leaseMs, database, clock, ...shared });
  const hear = furniture.listen(instance);
  const report = (event: PoolEvent) => {
    hear(event, corridor.rank);
    runs?.note(event);
  };
  const runs = Keeper === undefined ? undefined : new Keeper({ database, clock, config, report });
  const settling = {
    ...config,
    database,
    clock,
    onTrouble: (error: HidbError) => report({ type: "database.trouble", error }),
  };
  const owner = { database: databaseName, instance: instance.id, ...identity };
  const spool = database.distant ? new Spool(config.spoolDir, owner, settling) : undefined;
  const settler = new Settler({ ...settling, instance: instance.id, ...(spool === undefined ? {} : { spool }) });
  const inherit = async (dead?: string[]) => {
    await inheritSpools({
      folder: config.spoolDir,
      databaseName,
      isDead: (one) => (dead === undefined ? hasEnded(one, instance) : dead.includes(one.instance)),
      settler: settling,
      onSettled: ({ held: _, settledAt, instance: heirOf, ...rest }) =>
        report({ type: "attempt.finished", ...rest, at: settledAt, heirOf }),
    });
  };
  const claimer = new Claimer(instance, { sharding: config.sharding, order: config.order, catalogue });
  const findNewVideos = watchCatalogue(database, clock, catalogue);
  const corridor = new Corridor({
    ...{ instance, claimer, processor, settler, report, findNewVideos, config },
    ...(spool === undefined ? {} : { inherit, spool }),
    ...(runs === undefined ? {} : { runs }),
    ...(box === undefined ? {} : { box }),
    ...(footprint === undefined ? {} : { footprint }),
  });
  return { instance, corridor, report };
}

/** On this host a process can be looked at, and none has outlived a reboot. */
function hasEnded(owner: SpoolOwner, { identity: { host, boot }, isAlive }: Instance): boolean {
  return owner.host === host && (owner.boot !== boot || !isAlive(owner));
}
