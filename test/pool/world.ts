// A corridor with everything real but its processor, on a clock and timers that are moved by hand.
import { vi } from "vitest";
import { watchCatalogue } from "../../src/catalogue/adopt.js";
import { describeCatalogue } from "../../src/catalogue/table.js";
import { Claimer, type ClaimerOptions } from "../../src/claim/claimer.js";
import { identifyProcess } from "../../src/claim/liveness.js";
import { type Instance, register } from "../../src/claim/membership.js";
import type { Clock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { Corridor, type House } from "../../src/pool/corridor.js";
import { RunKeeper } from "../../src/pool/halt.js";
import type { AttemptContext } from "../../src/process/processor.js";
import type { PoolEvent } from "../../src/report/event.js";
import { Settler } from "../../src/settle/settler.js";
import type { Millis, Outcome, Video } from "../../src/video.js";
import { settleDown, type World } from "../claim/world.js";

export const COMPLETED: Outcome = { kind: "completed", output: "{}" };
const NAMES = {
  catalogueTable: "videos",
  catalogueId: "id",
  catalogueSource: "source",
  catalogueTitle: "title",
  catalogueDuration: "duration_s",
};

export type Process = (video: Video, context: AttemptContext) => Promise<Outcome>;

interface PoolOptions {
  process?: Process;
  config?: Partial<House["config"]>;
  claimer?: Partial<ClaimerOptions>;
  names?: Partial<typeof NAMES>;
  processId?: number;
  clock?: Clock;
  database?: Database;
  /** HIDB_HALT and HIDB_NOTIFY. */
  keep?: { halt?: string; notify?: string };
}

/** An attempt as its processor sees it, which the test brings to its end. */
export interface Run {
  video: Video;
  context: AttemptContext;
  end: (outcome?: Outcome) => void;
  fail: (error: unknown) => void;
}

export class TestPool {
  readonly events: PoolEvent[] = [];
  readonly runs: Run[] = [];
  readonly corridor: Corridor;
  readonly instance: Instance;
  closed = 0;
  running = 0;
  mostRunning = 0;
  beats = 0;
  exitCode: number | undefined;
  #ended: Promise<number> | undefined;

  private constructor(instance: Instance, make: (pool: TestPool) => Corridor) {
    this.instance = instance;
    this.corridor = make(this);
  }

  static async create(world: World, options: PoolOptions = {}): Promise<TestPool> {
    const { process, config, claimer, names, processId = 0, clock = world.clock, database = world.database } = options;
    const catalogue = await describeCatalogue(database, { ...NAMES, ...names });
    const instance = await register({ identity: identifyProcess(), processId, leaseMs: 30_000, database, clock });
    const lookForNew = watchCatalogue(database, clock, catalogue);
    return new TestPool(instance, (pool) => {
      const report = (event: PoolEvent) => {
        pool.events.push(event);
        runs?.note(event);
      };
      const keep = { halt: "", notify: "", ...options.keep };
      const runs = options.keep && new RunKeeper({ database, clock, config: keep, report });
      return new Corridor({
        instance,
        report,
        claimer: new Claimer(instance, { sharding: "modulo", order: "id", catalogue, ...claimer }),
        processor: {
          process: (video, context) => pool.#watch(process ?? pool.#hold, video, context),
          close: async () => void pool.closed++,
        },
        settler: new Settler({
          instance: instance.id,
          database,
          clock,
          maxAttempts: 3,
          groupCount: 50,
          groupMs: 50,
          backoffMs: 1000,
          backoffMaxMs: 300_000,
          onTrouble: (error) => report({ type: "database.trouble", error }),
        }),
        ...(runs === undefined ? {} : { runs }),
        findNewVideos: () => {
          pool.beats++;
          return lookForNew();
        },
        config: {
          concurrency: 1,
          claimCount: 50,
          drainMs: 25_000,
          heartbeatMs: 500,
          instanceMemoryMb: 1_000_000,
          force: true,
          maxAttempts: 3,
          timeoutMs: 3_600_000,
          ...config,
        },
      });
    });
  }

  /** Opens and works, until somebody drains it. */
  async start(): Promise<void> {
    await this.corridor.open();
    this.#ended = this.corridor.run().then((code) => {
      this.exitCode = code;
      return code;
    });
    await settleDown(10);
  }

  get ended(): Promise<number> {
    return this.#ended ?? Promise.reject(new Error("expected a pool that was started"));
  }

  run(id: number): Run {
    const run = this.runs.findLast(({ video }) => video.id === id);
    if (run === undefined) throw new Error(`expected a run of video ${id}`);
    return run;
  }

  eventsOf<T extends PoolEvent["type"]>(type: T): Extract<PoolEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<PoolEvent, { type: T }> => event.type === type);
  }

  async #watch(process: Process, video: Video, context: AttemptContext): Promise<Outcome> {
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      return await process(video, context);
    } finally {
      this.running--;
    }
  }

  /** Processes nothing until the test says how it ends. */
  #hold: Process = (video, context) => {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.runs.push({ video, context, end: (outcome = COMPLETED) => resolve(outcome), fail: reject });
    return promise;
  };
}

export function fakeTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
}

/** Moves the clock and the timers together, in small steps. */
export async function advance(world: World, ms: Millis, step: Millis = 10): Promise<void> {
  for (let left = ms; left > 0; left -= step) {
    const stride = Math.min(step, left);
    world.clock.advance(stride);
    vi.advanceTimersByTime(stride);
    await settleDown(4);
  }
}
