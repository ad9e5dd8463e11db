// What one instance is made of; assemble.ts puts it together.
import type { Instance } from "../claim/membership.js";
import type { Config } from "../config/settings.js";
import type { Processor } from "../process/processor.js";
import type { PoolEvent } from "../report/event.js";
import type { Store } from "../store/store.js";
import type { MemoryParts } from "./memory.js";

export interface InstanceParts {
  instance: Instance;
  store: Store;
  processor: Processor;
  report: (event: PoolEvent) => void;
  /** Counts what has ended, for HIDB_HALT and HIDB_NOTIFY. */
  runs?: { beat(): Promise<void>; close(): Promise<void> };
  /** Where memory is read; the system's otherwise. */
  box?: NonNullable<MemoryParts["box"]>;
  footprint?: NonNullable<MemoryParts["footprint"]>;
  config: Pick<Config, "concurrency" | "claimCount" | "drainMs" | "heartbeatMs" | "instanceMemoryMb" | "timeoutMs"> &
    Partial<Pick<Config, "memoryMb" | "staggerMs" | "force">>;
}
