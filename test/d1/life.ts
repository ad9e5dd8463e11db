// One instance on D1 over HTTP, in this process: everything real but the processor.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { identifyProcess, type ProcessIdentity } from "../../src/claim/liveness.js";
import type { Instance } from "../../src/claim/membership.js";
import { systemClock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import type { Config } from "../../src/config/settings.js";
import { batchRequests } from "../../src/database/d1/request-batcher.js";
import { RequestBudget } from "../../src/database/d1/request-budget.js";
import { openD1Http } from "../../src/database/d1-http.js";
import type { Database } from "../../src/database/database.js";
import { migrate } from "../../src/database/migrate.js";
import { assemble } from "../../src/instance/assemble.js";
import type { InstanceLoop } from "../../src/instance/loop.js";
import type { AttemptContext } from "../../src/process/processor.js";
import type { PoolEvent } from "../../src/report/event.js";
import { RemoteStore } from "../../src/store/remote/remote.js";
import type { CatalogueTable, Outcome, Video } from "../../src/video.js";
import type { D1Server } from "./server.ts";

export const CATALOGUE: CatalogueTable = {
  table: "videos",
  id: "id",
  source: "source",
  title: "title",
  duration: "duration_s",
};
const MIGRATIONS = resolve(import.meta.dirname, "../../data/migrations");

export interface LifeOptions {
  process: (video: Video, context: AttemptContext) => Promise<Outcome>;
  processId?: number;
  identity?: Partial<ProcessIdentity>;
  leaseMs?: number;
  requests?: number;
  /** The server's own by default. */
  apiToken?: string;
  spoolDir?: string;
  config?: Partial<Config>;
}

export interface Life {
  instance: Instance;
  loop: InstanceLoop;
  events: PoolEvent[];
  budget: RequestBudget;
  spoolDir: string;
  /** Resolves to the exit code. */
  ended: Promise<number>;
}

/** Connects as a command does, without a budget. */
export function connect(server: D1Server, databaseId = server.databaseId): Promise<Database> {
  const { accountId, apiToken, baseUrl } = server;
  return openD1Http({ accountId, apiToken, baseUrl, databaseId, patienceMs: 3000, backoffMs: 50 });
}

/** An empty database with hidb's tables and these many videos. */
export async function prepareDatabase(
  server: D1Server,
  { videos, durationS = 1 }: { videos: number; durationS?: number },
) {
  const databaseId = await server.addDatabase(`pool-${videos}-${Math.random()}`);
  const database = await connect(server, databaseId);
  await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
  await database
    .prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO videos (id, source, duration_s) SELECT i, 'video-' || i, ? FROM n`,
    )
    .bind(videos, durationS)
    .run();
  return { databaseId, database };
}

export async function startLife(server: D1Server, databaseId: string, options: LifeOptions): Promise<Life> {
  const { accountId, baseUrl } = server;
  const apiToken = options.apiToken ?? server.apiToken;
  const clock = systemClock;
  const budget = new RequestBudget(clock, options.requests ?? 100_000);
  const remote = await openD1Http({
    ...{ accountId, apiToken, baseUrl, databaseId, clock, deadlineMs: 2000, patienceMs: 5000, backoffMs: 50 },
    admit: () => budget.take(),
    onRequest: (costs) => budget.note(costs),
  });
  const database = batchRequests(remote, { clock, ready: () => budget.ready() });
  const identity = { ...identifyProcess(), ...options.identity };
  const { processId = 0 } = options;
  const spoolDir = options.spoolDir ?? mkdtempSync(join(tmpdir(), "hidb-spool-"));
  const events: PoolEvent[] = [];
  const { instance, loop } = await assemble({
    ...{ database, clock, budget, processId, identity, catalogue: CATALOGUE, keeper: undefined },
    createStore: (parts) => new RemoteStore({ ...parts, databaseName: databaseId }),
    processor: { process: options.process, close: async () => undefined },
    listen: () => (event) => events.push(event),
    config: {
      ...readConfig({ environment: {}, cwd: spoolDir }),
      ...{ spoolDir, leaseMs: options.leaseMs ?? 3000, claimCount: 50, drainMs: 5000, heartbeatMs: 500, timeoutMs: 0 },
      ...{ maxAttempts: 3, groupCount: 50, groupMs: 300, backoffMs: 20, backoffMaxMs: 100, concurrency: 1 },
      // No life here waits for another one to show what it takes.
      ...{ instanceMemoryMb: 100_000, force: true, staggerMs: 0 },
      ...options.config,
    },
  });
  await loop.open();
  return { instance, loop, events, budget, spoolDir, ended: loop.run() };
}

export function completedIn(events: PoolEvent[]): number[] {
  const ended = events.filter((event) => event.type === "attempt.finished");
  return ended.filter(({ outcome }) => outcome.kind === "completed").map(({ claim }) => claim.video.id);
}
