// What the lives of one simulated run share.
import type { PoolEvent } from "../../src/report/event.ts";
import type { Cloud } from "./d1.ts";
import type { Store } from "./engine.ts";
import type { Model } from "./model.ts";
import type { Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Workshop } from "./processor.ts";
import type { Scheduler } from "./scheduler.ts";

/** What the parts of a world share. */
export interface Stage {
  plan: Plan;
  store: Store;
  scheduler: Scheduler;
  cloud: Cloud;
  model: Model;
  workshop: Workshop;
  spoolDir: string;
  hear: (process: Process, event: PoolEvent, rank: number) => void;
  fail: (error: unknown) => void;
}
