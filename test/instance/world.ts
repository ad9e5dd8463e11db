// A loop with everything real but its processor, on a clock and timers that are moved by hand.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { describeCatalogue } from "../../src/catalogue/table.js";
import { identifyProcess } from "../../src/claim/liveness.js";
import type { Instance } from "../../src/claim/membership.js";
import type { Clock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import type { Config } from "../../src/config/settings.js";
import type { Database } from "../../src/database/database.js";
import { assemble } from "../../src/instance/assemble.js";
import type { InstanceLoop } from "../../src/instance/loop.js";
import { RunKeeper } from "../../src/instance/run-keeper.js";
import type { AttemptContext } from "../../src/process/processor.js";
import type { PoolEvent } from "../../src/report/event.js";
import { LocalStore } from "../../src/store/local.js";
import { RemoteStore } from "../../src/store/remote/remote.js";
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
  config?: Partial<Config>;
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
  loop!: InstanceLoop;
  instance!: Instance;
  onEvent: (event: PoolEvent) => void = () => undefined;
  closed = 0;
  running = 0;
  mostRunning = 0;
  exitCode: number | undefined;
  #ended: Promise<number> | undefined;

  static async create(world: World, options: PoolOptions = {}): Promise<TestPool> {
    const { process, config, names, processId = 0, clock = world.clock, database = world.database } = options;
    const pool = new TestPool();
    const { instance, loop } = await assemble({
      ...{ database, clock, processId, identity: identifyProcess() },
      catalogue: await describeCatalogue(database, { ...NAMES, ...names }),
      createStore: (parts) =>
        database.pacing.chargesRows ? new RemoteStore({ ...parts, databaseName: "d" }) : new LocalStore(parts),
      keeper: options.keep && RunKeeper,
      processor: {
        process: (video, context) => pool.#watch(process ?? pool.#hold, video, context),
        close: async () => void pool.closed++,
      },
      listen: () => (event) => {
        pool.events.push(event);
        pool.onEvent(event);
      },
      config: {
        ...readConfig({ environment: {}, cwd: tmpdir() }),
        ...{ concurrency: 1, claimCount: 50, drainMs: 25_000, heartbeatMs: 500, leaseMs: 30_000, timeoutMs: 3_600_000 },
        ...{
          instanceMemoryMb: 1_000_000,
          force: true,
          staggerMs: 0,
          spoolDir: mkdtempSync(join(tmpdir(), "hidb-spool-")),
        },
        ...{ maxAttempts: 3, groupCount: 50, groupMs: 50, backoffMs: 1000, backoffMaxMs: 300_000 },
        ...config,
        ...options.keep,
      },
    });
    pool.instance = instance;
    pool.loop = loop;
    return pool;
  }

  /** Opens and works, until somebody drains it. */
  async start(): Promise<void> {
    await this.loop.open();
    this.work();
    await settleDown(10);
  }

  /** Works, once it is open. */
  work(): void {
    this.#ended = this.loop.run().then((code) => {
      this.exitCode = code;
      return code;
    });
  }

  get ended(): Promise<number> {
    return this.#ended ?? Promise.reject(new Error("expected a pool that was started"));
  }

  run(id: number): Run {
    const run = this.runs.findLast(({ video }) => video.id === id);
    if (run === undefined) throw new Error(`expected a run of video ${id}`);
    return run;
  }

  get beats(): number {
    return this.eventsOf("lease.renewed").length;
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
